"""Hashing model files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

__all__ = ["Digests", "digests"]

_BLOCK_BYTES = 1 << 20
_SHA256_CHARS = 64


class Digests:
    """The hashes of one file: its SHA-256, and what git calls it (SHA-1 with the length first)."""

    def __init__(self, size_bytes: int) -> None:
        self._sha256 = hashlib.sha256()
        self._git = hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
        self.size_bytes = 0

    def add(self, data: bytes, *, with_git: bool) -> None:
        """Take the next bytes."""
        self._sha256.update(data)
        if with_git:
            self._git.update(data)
        self.size_bytes += len(data)

    @property
    def sha256(self) -> str:
        """The SHA-256 in hexadecimal."""
        return self._sha256.hexdigest()

    def match(self, expected: str) -> bool:
        """Whether this is the file that the hub calls ``expected``."""
        return expected == (
            self.sha256 if len(expected) == _SHA256_CHARS else self._git.hexdigest()
        )


def digests(
    path: Path, expected: str = "", report: Callable[[int, int], None] = lambda _done, _all: None
) -> Digests:
    """Hash a file (blocks), telling ``report`` the bytes done and the size. Raises OSError."""
    size = path.stat().st_size
    found = Digests(size)
    with_git = bool(expected) and len(expected) != _SHA256_CHARS
    with path.open("rb", buffering=0) as file:
        while data := file.read(_BLOCK_BYTES):
            found.add(data, with_git=with_git)
            report(found.size_bytes, size)
    return found
