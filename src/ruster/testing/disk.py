"""A disk that loses what was never flushed when the power is cut."""

from __future__ import annotations

import os
import random
from pathlib import Path

from ruster.core.errors import StorageError
from ruster.storage.disk import Disk

__all__ = ["LossyDisk"]


class LossyDisk(Disk):
    """Remembers how much of each file was flushed; ``cut_power`` takes the rest away.

    With ``honest`` false it lies like a write cache without a battery: flushing does nothing.
    ``fail_with`` makes every further append fail with that error.
    """

    def __init__(self, *, honest: bool = True, seed: int = 0) -> None:
        self._honest = honest
        self._random = random.Random(seed)
        self._flushed: dict[int, int] = {}
        self.fail_with: StorageError | None = None

    def append(self, fd: int, data: bytes, size: int) -> None:
        self._flushed.setdefault(_inode(fd), size)
        if self.fail_with is not None:
            raise self.fail_with
        super().append(fd, data, size)

    def sync(self, fd: int) -> None:
        super().sync(fd)
        if self._honest:
            self._flushed[_inode(fd)] = os.fstat(fd).st_size

    def cut_power(self, folder: Path) -> int:
        """Cut every file below ``folder`` somewhere after its flushed part; return bytes lost."""
        lost = 0
        for path in folder.rglob("*.jsonl"):
            status = path.stat()
            flushed = self._flushed.get(status.st_ino, status.st_size)
            if flushed < status.st_size:
                keep = self._random.randint(flushed, status.st_size - 1)
                os.truncate(path, keep)
                lost += status.st_size - keep
        return lost


def _inode(fd: int) -> int:
    return os.fstat(fd).st_ino
