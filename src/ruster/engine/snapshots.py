"""KV snapshots on disk: what a session's cells held, to be taken up again after an unload.

A file is a magic word, the length of a JSON head, the head, the tokens (int32) and llama.cpp's own
form of the state. The head names the model and the settings it is for, the sizes, and a checksum of
all that follows; a file that does not fit in every point is passed over. Nothing is synced: a lost
snapshot costs one reading of the prompt.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import struct
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ruster.engine.session_files import digest

__all__ = ["Snapshot", "SnapshotFolder", "model_key"]

_MAGIC = b"RSTRKV1\n"
_LENGTH = struct.Struct("<I")
_MAX_HEAD = 4096
_DIGEST_BYTES = 1 << 20
_PENDING = 2
_log = logging.getLogger("ruster.engine")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a file holds: its tokens, and where the state lies in it."""

    path: Path
    tokens: list[int]
    state_at: int
    state_bytes: int
    checksum: int


def model_key(path: Path, settings: dict[str, Any]) -> str:
    """Return what tells one model file, run in one way, from all others.

    Its size, its time, its first MiB (metadata, vocabulary) and ``settings`` count.
    """
    status = path.stat()
    with path.open("rb") as file:
        head = file.read(_DIGEST_BYTES)
    facts = [status.st_size, status.st_mtime_ns, hashlib.blake2b(head).hexdigest(), settings]
    return digest(json.dumps(facts, sort_keys=True))


class SnapshotFolder:
    """The snapshots of one model in a folder that all models share.

    ``limit_bytes`` bounds the whole folder; what was unused longest goes first. Files are written
    by a thread of its own. Raises OSError when the folder cannot be made.
    """

    def __init__(self, folder: Path, limit_bytes: int, key: str) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._key = key
        self._pending: dict[Path, Future[None]] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob("*.partial"):
            left.unlink(missing_ok=True)
        self._writer = ThreadPoolExecutor(1, "snapshots")

    def save(self, session: str, tokens: list[int], state: bytearray) -> None:
        """Write a session's snapshot, soon; a failure is logged."""
        path = self._path(session)
        while len(self._pending) >= _PENDING or path in self._pending:
            self._wait(next(iter(self._pending)))
        self._pending[path] = self._writer.submit(self._write, path, tokens, state)

    def find(self, session: str) -> Snapshot | None:
        """Read what a session's snapshot is about; None when there is none that fits."""
        path = self._path(session)
        self._wait(path)
        try:
            with path.open("rb") as file:
                return self._read_head(path, file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("passing over the snapshot %s: %s", path.name, error)
            return None

    def load(self, snapshot: Snapshot) -> bytearray | None:
        """Read a snapshot's state; None when it is damaged."""
        state = bytearray(snapshot.state_bytes)
        try:
            with snapshot.path.open("rb") as file:
                file.seek(snapshot.state_at)
                whole = file.readinto(state) == len(state) and not file.read(1)
            os.utime(snapshot.path)
        except OSError as error:
            _log.warning("the snapshot %s cannot be read: %s", snapshot.path.name, error)
            return None
        if not whole or _checksum(snapshot.tokens, state) != snapshot.checksum:
            _log.warning("the snapshot %s is damaged", snapshot.path.name)
            snapshot.path.unlink(missing_ok=True)
            return None
        return state

    def settle(self, session: str) -> None:
        """Wait until nothing of a session is being written."""
        self._wait(self._path(session))

    def close(self) -> None:
        """Wait until all is written."""
        for path in list(self._pending):
            self._wait(path)
        self._writer.shutdown()

    def _path(self, session: str) -> Path:
        return self._folder / f"{digest(session)}-{self._key}.kv"

    def _wait(self, path: Path) -> None:
        if (pending := self._pending.pop(path, None)) is not None:
            try:
                pending.result()
            except OSError as error:
                _log.warning("a snapshot could not be written: %s", error)

    def _write(self, path: Path, tokens: list[int], state: bytearray) -> None:
        head = json.dumps(
            {
                "key": self._key,
                "tokens": len(tokens),
                "state_bytes": len(state),
                "checksum": _checksum(tokens, state),
            }
        ).encode()
        start = _MAGIC + _LENGTH.pack(len(head)) + head + _packed(tokens)
        size = len(start) + len(state)
        if size > self._limit:
            return
        partial = path.with_suffix(".partial")
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(start)
                file.write(state)
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        self._make_room()

    def _make_room(self) -> None:
        """Delete what was unused longest until the folder keeps its bound."""
        files = [(path, path.stat()) for path in self._folder.glob("*.kv")]
        files.sort(key=lambda entry: entry[1].st_mtime_ns, reverse=True)
        total = 0
        for path, status in files:
            total += status.st_size
            if total > self._limit:
                path.unlink(missing_ok=True)

    def _read_head(self, path: Path, file: BinaryIO) -> Snapshot:
        size = os.fstat(file.fileno()).st_size
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("it is no snapshot")
        (length,) = _LENGTH.unpack(_exactly(file, _LENGTH.size))
        if length > _MAX_HEAD:
            raise ValueError("its head is too long")
        head = json.loads(_exactly(file, length))
        count, state_bytes = int(head["tokens"]), int(head["state_bytes"])
        state_at = file.tell() + 4 * count
        if head["key"] != self._key:
            raise ValueError("it belongs to another model or to other settings")
        if count < 0 or state_bytes < 0 or state_at + state_bytes != size:
            raise ValueError("it is cut off")
        tokens: list[int] = np.frombuffer(_exactly(file, 4 * count), "<i4").tolist()
        return Snapshot(path, tokens, state_at, state_bytes, int(head["checksum"]))


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise ValueError("it ends too early")
    return data


def _packed(tokens: list[int]) -> bytes:
    return np.asarray(tokens, "<i4").tobytes()


def _checksum(tokens: list[int], state: bytearray) -> int:
    return zlib.crc32(state, zlib.crc32(_packed(tokens)))
