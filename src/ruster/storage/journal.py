"""An append-only journal: one JSON object a line, each with its own checksum.

A line is the object with a last member ``"crc"``: eight hexadecimal digits, CRC-32 of the line
without that member. Opening cuts a torn tail and sets damage in the middle aside, so that every
line of the file is again an object that ``jq`` can read.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruster.core.errors import StorageError
from ruster.storage.disk import Disk, storage_error

__all__ = ["Damage", "Journal", "seal", "unseal"]

_SUFFIX_SIZE = len(b',"crc":"00000000"}')
DAMAGED = "damaged"
"""Member that marks a record put where an unreadable line was; its value is the line's size."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What opening had to repair: ``lines`` set aside, ``torn_bytes`` cut off the end."""

    lines: int = 0
    torn_bytes: int = 0


def seal(body: bytes) -> bytes:
    """Turn a JSON object of at least one member into a journal line with its newline."""
    return b'%s,"crc":"%08x"}\n' % (body[:-1], zlib.crc32(body))


def unseal(line: bytes) -> bytes | None:
    """Return the object of a journal line (newline included), or None if the line is damaged."""
    body = line[: -_SUFFIX_SIZE - 1] + b"}"
    return body if len(line) > _SUFFIX_SIZE and seal(body) == line else None


class Journal:
    """One open journal file. Appending is cheap (page cache); ``Committer`` makes it durable.

    Not thread-safe, except that ``sync`` may run in a thread while the owner appends.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        """Open (or create) ``path`` and repair it; raises StorageError."""
        self.path = path
        self.failure: StorageError | None = None
        self._disk = disk
        self._in_use = threading.Lock()
        existed = path.exists()
        self._fd = disk.open_append(path)
        self._offsets = array("Q")
        self._size = 0
        try:
            self.damage = self._recover()
            if not existed:
                disk.sync_folder(path.parent)
        except OSError as error:
            self.close()
            raise storage_error(error, f"read {path}") from error
        except StorageError:
            self.close()
            raise

    def __len__(self) -> int:
        """Count the records."""
        return len(self._offsets)

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def append(self, body: bytes) -> None:
        """Write one JSON object as the next record; the file is unchanged if this raises."""
        if self.failure is not None:
            raise self.failure
        self._check_open()
        line = seal(body)
        try:
            self._disk.append(self._fd, line, self._size)
        except StorageError as error:
            if os.fstat(self._fd).st_size != self._size:  # part of it stayed: needs a repair
                self.failure = error
            raise
        self._offsets.append(self._size)
        self._size += len(line)

    def append_record(self, record: dict[str, Any]) -> None:
        """Write one record; see ``append``."""
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        self.append(text.encode(errors="replace"))  # a lone surrogate has no UTF-8

    def undo(self) -> None:
        """Take back the last append, which must not have been told to anybody."""
        self._size = self._offsets.pop()
        self._disk.truncate(self._fd, self._size)

    def bodies(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Read records ``start`` to ``stop`` (exclusive) as JSON objects (blocks)."""
        self._check_open()
        count = len(self._offsets)
        stop = count if stop is None else min(stop, count)
        for index in range(start, stop):
            begin = self._offsets[index]
            end = self._offsets[index + 1] if index + 1 < count else self._size
            body = unseal(os.pread(self._fd, end - begin, begin))
            if body is None:
                raise StorageError(f"{self.path} changed on the disk; restart ruster to repair it")
            yield body

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
        """Read records as dictionaries; see ``bodies``."""
        for body in self.bodies(start, stop):
            yield json.loads(body)

    def sync(self) -> None:
        """Return once every record is on the disk (blocks). A failure is final for this object.

        Of a closed journal nothing is left to wait for.
        """
        with self._in_use:
            if self._fd < 0:
                return
            if self.failure is not None:  # the kernel reports a lost write only once
                raise self.failure
            try:
                self._disk.sync(self._fd)
            except StorageError as error:
                self.failure = error
                raise

    def close(self) -> None:
        """Release the file; closing twice is harmless."""
        with self._in_use:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _check_open(self) -> None:
        if self._fd < 0:
            raise StorageError(f"{self.path} is closed; try again", retryable=True)

    def _recover(self) -> Damage:
        """Index the good records, cut the torn tail, set damaged lines aside."""
        data = self.path.read_bytes()
        good: list[tuple[int, int]] = []
        bad: list[tuple[int, int]] = []
        begin = 0
        while (end := data.find(b"\n", begin) + 1) > 0:
            (good if unseal(data[begin:end]) is not None else bad).append((begin, end))
            begin = end
        keep = good[-1][1] if good else 0
        middle = [span for span in bad if span[1] <= keep]
        if keep < len(data):
            self._set_aside(data[keep:])
            self._disk.truncate(self._fd, keep)
        self._size = keep
        if middle:
            self._set_aside(b"".join(data[a:b] for a, b in middle))
            self._replace(data[:keep], middle)
        else:
            self._offsets.extend(a for a, _ in good)
        return Damage(lines=len(middle), torn_bytes=len(data) - keep)

    def _set_aside(self, data: bytes) -> None:
        """Keep damaged bytes beside the journal, for a person to look at."""
        with self.path.with_suffix(".damaged").open("ab") as file:
            file.write(data if data.endswith(b"\n") else data + b"\n")

    def _replace(self, data: bytes, damaged: list[tuple[int, int]]) -> None:
        """Write the journal anew with a marked record in place of each damaged line."""
        spans = dict(damaged)
        fresh = self.path.with_suffix(".repair")
        fresh.unlink(missing_ok=True)
        fd = self._disk.open_append(fresh)
        try:
            begin = size = 0
            while begin < len(data):
                end = spans.get(begin) or data.index(b"\n", begin) + 1
                line = data[begin:end] if begin not in spans else _damage_line(end - begin)
                self._disk.append(fd, line, size)
                self._offsets.append(size)
                size += len(line)
                begin = end
            self._disk.sync(fd)
            fresh.replace(self.path)
            self._disk.sync_folder(self.path.parent)
        except BaseException:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd, self._size = fd, size


def _damage_line(size: int) -> bytes:
    return seal(json.dumps({"role": "note", "content": "", DAMAGED: size}).encode())
