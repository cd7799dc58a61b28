"""The registry: what is on this machine, in a file that several processes may change."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import tomli_w

from ruster.core.errors import ConfigError
from ruster.core.manifest import ManifestEntry, UserManifest
from ruster.modelstore.catalogue import read_manifest, read_registry
from ruster.storage.disk import Disk
from ruster.storage.files import make_private_folder, write_atomic
from ruster.storage.locks import exclusive

__all__ = ["Registry"]

_HEADER = b"# Written by ruster: the model files on this machine. Yours go into manifest.toml.\n\n"
_log = logging.getLogger("ruster.modelstore")


class Registry:
    """The registry file at ``path``. All methods block, and raise StorageError."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk

    def entries(self) -> tuple[ManifestEntry, ...]:
        """Return all entries."""
        return read_registry(self._path).models

    def put(self, *entries: ManifestEntry) -> None:
        """Add entries, each in the place of one with the same name."""
        names = {entry.name for entry in entries}
        self._change(names, entries)

    def drop(self, name: str) -> None:
        """Take an entry out, if there is one of that name."""
        self._change({name}, ())

    def _change(self, without: set[str | None], added: tuple[ManifestEntry, ...]) -> None:
        make_private_folder(self._path.parent)
        with exclusive(self._path.with_name(f".{self._path.name}.lock")):
            kept = [entry for entry in self._read().models if entry.name not in without]
            tables = [_table(entry) for entry in (*kept, *added)]
            data = _HEADER + tomli_w.dumps({"models": tables}).encode()
            write_atomic(self._path, data, self._disk)

    def _read(self) -> UserManifest:
        """Read the file; one that is broken is moved aside, its models are found again."""
        try:
            return read_manifest(self._path)
        except ConfigError as error:
            aside = self._path.with_name(f"{self._path.name}.broken")
            _log.warning("%s; it is kept as %s", error.message, aside)
            with suppress(OSError):
                self._path.replace(aside)
            return UserManifest()


def _table(entry: ManifestEntry) -> dict[str, str | int]:
    return {key: value for key, value in asdict(entry).items() if value is not None}
