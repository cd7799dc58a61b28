"""The layout of the hub's cache, which other programs share.

As its library documents it: ``models--ORG--REPO/`` holds ``blobs/`` by content hash,
``snapshots/COMMIT/`` with links to them by name, and ``refs/main``, the newest commit known. A
download that is not complete is ``blobs/HASH.incomplete``.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ruster.modelstore.frames import RemoteFile
from ruster.storage.disk import storage_error
from ruster.storage.files import contained

__all__ = ["CachedRepo", "link"]


@dataclass(frozen=True, slots=True)
class CachedRepo:
    """One repository's folder in the hub's cache ``root``."""

    root: Path
    repo: str

    @property
    def folder(self) -> Path:
        """The repository's own folder."""
        return self.root / ("models--" + self.repo.replace("/", "--"))

    def blob(self, file: RemoteFile) -> Path:
        """Where the file's bytes belong."""
        return self.folder / "blobs" / file.hash

    def partial(self, file: RemoteFile) -> Path:
        """Where they grow while they come in."""
        return self.folder / "blobs" / f"{file.hash}.incomplete"

    def lock(self, file: RemoteFile) -> Path:
        """The lock that everyone who downloads this file takes."""
        return self.root / ".locks" / self.folder.name / f"{file.hash}.lock"

    def missing_bytes(self, file: RemoteFile) -> int:
        """How much of the file would still have to come."""
        for path in (self.blob(file), self.partial(file)):
            with suppress(OSError):
                return max(0, file.size_bytes - path.stat().st_size)
        return file.size_bytes

    def publish(self, file: RemoteFile, commit: str) -> Path:
        """Give the blob its name in the snapshot, and return that path; raises StorageError."""
        snapshot = contained(self.folder / "snapshots" / commit, file.name)
        reference = self.folder / "refs" / "main"
        try:
            snapshot.parent.mkdir(parents=True, exist_ok=True)
            reference.parent.mkdir(parents=True, exist_ok=True)
            link(snapshot, Path(os.path.relpath(self.blob(file), snapshot.parent)))
        except OSError as error:
            raise storage_error(error, f"create {snapshot}") from error
        with suppress(OSError):  # only what a later offline look-up starts from
            reference.write_text(commit)
        return snapshot


def link(path: Path, target: Path) -> None:
    """Make ``path`` a symbolic link to ``target`` in one step, replacing a link. Raises OSError."""
    if path.is_symlink() and path.readlink() == target:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.link")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)
