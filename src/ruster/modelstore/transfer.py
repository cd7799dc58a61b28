"""Bringing one file into the hub's cache: go on where it stopped, verify, then give it its name.

Runs in the child process. Whatever has arrived stays on the disk, so that being killed costs
nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx

from ruster.core.errors import ModelError, StorageError
from ruster.modelstore.cache import CachedRepo
from ruster.modelstore.digest import Digests, digests
from ruster.modelstore.frames import FetchedFile, FetchJob, RemoteFile
from ruster.modelstore.hub import Hub
from ruster.storage.disk import Disk, storage_error

__all__ = ["Transfer"]

_MAX_WAIT_S = 60.0

Report = Callable[[str, int, int], None]
"""``report(what, current, total)`` in bytes."""


class Transfer:
    """Fetches the files of one job, one after the other."""

    def __init__(self, hub: Hub, job: FetchJob, report: Report) -> None:
        self._hub = hub
        self._job = job
        self._cache = CachedRepo(job.access.cache, job.repo)
        self._report = report
        self._total = sum(file.size_bytes for file in job.files)
        self._before = 0

    def run(self) -> tuple[FetchedFile, ...]:
        """Fetch all files; raises ModelError."""
        fetched: list[FetchedFile] = []
        for file in self._job.files:
            with _storage_errors(file.name):
                fetched.append(self._fetch(file))
            self._before += file.size_bytes
        return tuple(fetched)

    def _fetch(self, file: RemoteFile) -> FetchedFile:
        if (found := self._found(file)) is not None:
            return found
        with self._hub.lock(self._cache.lock(file)):
            blob = self._cache.blob(file)
            hashed = self._verified(blob, file) if blob.is_file() else None
            if hashed is None:
                hashed = self._download(file)
        path = self._cache.publish(file, self._job.commit)
        return FetchedFile(path=path, sha256=hashed.sha256, size_bytes=file.size_bytes, found=False)

    def _found(self, file: RemoteFile) -> FetchedFile | None:
        for path in self._hub.cached(self._job.repo, self._job.commit, file.name):
            if (hashed := self._verified(path, file)) is not None:
                return FetchedFile(
                    path=path, sha256=hashed.sha256, size_bytes=file.size_bytes, found=True
                )
        return None

    def _download(self, file: RemoteFile) -> Digests:
        partial = self._cache.partial(file)
        partial.parent.mkdir(parents=True, exist_ok=True)
        if partial.exists() and partial.stat().st_size > file.size_bytes:
            partial.unlink()
        partial.touch()
        self._receive_all(file, partial)
        hashed = self._verified(partial, file)
        if hashed is None:
            partial.unlink()
            raise ModelError(
                f"{file.name} of {self._job.repo} is not what its owner published (its checksum "
                "differs); it was deleted, ask again to download it anew",
                code="checksum_mismatch",
                retryable=True,
            )
        partial.replace(self._cache.blob(file))
        Disk().sync_folder(partial.parent)
        return hashed

    def _receive_all(self, file: RemoteFile, partial: Path) -> None:
        """Ask again and again until all is there, or several tries in a row brought nothing."""
        failures = 0
        while (have := partial.stat().st_size) < file.size_bytes:
            try:
                self._receive(file, partial, have)
            except ModelError as error:
                if not error.retryable:
                    raise
                failure = error
            else:
                failure = _cut_off(file, self._job.repo)
            grown = partial.stat().st_size
            failures = 0 if grown > have else failures + 1
            if grown < file.size_bytes and failures > self._job.access.retries:
                raise failure
            if failures:
                wait_s = self._job.access.retry_wait_s * 2 ** (failures - 1)
                Event().wait(min(_MAX_WAIT_S, wait_s))

    def _receive(self, file: RemoteFile, partial: Path, have: int) -> None:
        opened = self._hub.open(self._job.repo, self._job.commit, file.name, have)
        with opened as response, partial.open("r+b", buffering=0) as out:
            if have and not _continues(response, have):
                out.truncate(0)
            done = out.seek(0, os.SEEK_END)
            self._report(file.name, self._before + done, self._total)
            for data in response.iter_bytes():
                if done + len(data) > file.size_bytes:
                    raise ModelError(
                        f"the hub sent more of {file.name} than it has", code="download_failed"
                    )
                done += _write(out.fileno(), data)
                self._report(file.name, self._before + done, self._total)
            Disk().sync(out.fileno())

    def _verified(self, path: Path, file: RemoteFile) -> Digests | None:
        """Return a file's hashes if it is the one of the hub."""
        if path.stat().st_size != file.size_bytes:
            return None
        what = f"verifying {file.name}"
        hashed = digests(path, file.hash, lambda done, size: self._report(what, done, size))
        return hashed if hashed.match(file.hash) else None


def _continues(response: httpx.Response, have: int) -> bool:
    """Whether an answer goes on after ``have`` bytes (else it is the whole file)."""
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return False
    span = response.headers.get("Content-Range", "")
    if not span.startswith(f"bytes {have}-"):
        raise ModelError(
            f"the hub was asked for the bytes from {have} on and sent {span!r}",
            code="download_failed",
        )
    return True


def _write(fd: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return len(data)


def _cut_off(file: RemoteFile, repo: str) -> ModelError:
    return ModelError(
        f"the hub ends {file.name} of {repo} too early; ask again to go on with it",
        code="download_failed",
        retryable=True,
    )


@contextmanager
def _storage_errors(name: str) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        raise ModelError(error.message, code=error.code, retryable=True) from error
    except OSError as error:
        failure = storage_error(error, f"download {name}")
        raise ModelError(failure.message, code=failure.code, retryable=True) from error
