"""What a process and all below it use, read from ``/proc``."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ruster.core.sandbox import Limit, Limits

__all__ = ["TreeUsage", "can_watch", "descendants", "kill_tree"]

_MEMORY = ("RssAnon", "RssShmem", "VmSwap")
_MAX_ENTRIES = 100_000
_BLOCK_BYTES = 512
_NOT_RUNNING = "TtZX"
_STOP_LOOKS = 500
_STOP_PAUSE_S = 0.001
_FIRST_FEW = 16
"""Enough to reach the process whose end is the end of all others."""
_TICKS = os.sysconf("SC_CLK_TCK")


def can_watch() -> bool:
    """Whether this kernel tells which children a process has."""
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


@dataclass(slots=True)
class TreeUsage:
    """The use of a process tree, sampled again and again.

    ``root`` is a trusted process that does not count itself; ``folder`` holds the program's
    temporary files where these are not bounded otherwise.
    """

    root: int
    folder: Path | None = None
    cpu_s: float = 0.0
    memory_bytes: int = 0
    processes: int = 0
    folder_bytes: int = 0
    _written: dict[int, int] = field(default_factory=dict)

    def exceeded(self, limits: Limits) -> Limit | None:
        """Take a sample and return the first limit that is exceeded. Reads files."""
        pids = descendants(self.root, limits.processes)
        self.memory_bytes = self.processes = 0
        cpu_s = 0.0
        for pid in pids:
            self._take_memory(pid)
            cpu_s += _cpu_s(pid)
            self._written[pid] = max(_written(pid), self._written.get(pid, 0))
        self.cpu_s = max(self.cpu_s, cpu_s + _waited_cpu_s(self.root))
        if self.folder is not None:
            self.folder_bytes = _folder_bytes(self.folder)
        return self._first_exceeded(limits)

    def _first_exceeded(self, limits: Limits) -> Limit | None:
        for used, bound, limit in (
            (self.processes, limits.processes, Limit.PROCESSES),
            (self.memory_bytes, limits.memory_bytes, Limit.MEMORY),
            (self.cpu_s, limits.cpu_s, Limit.CPU),
            (sum(self._written.values()), limits.disk_bytes, Limit.DISK),
            (self.folder_bytes, limits.tmp_bytes, Limit.DISK),
        ):
            if used > bound:
                return limit
        return None

    def _take_memory(self, pid: int) -> None:
        for line in _text(f"/proc/{pid}/status").splitlines():
            name, _, value = line.partition(":")
            if name in _MEMORY:
                self.memory_bytes += int(value.split()[0]) * 1024
            elif name == "Threads":
                self.processes += int(value)


def descendants(root: int, bound: int | None = None) -> list[int]:
    """Return the processes below ``root``; with a ``bound`` it stops looking soon after that many.

    A process that forks while we look may be missed, and is found by the next look.
    """
    found: list[int] = []
    waiting = [root]
    while waiting and (bound is None or len(found) <= bound):
        pid = waiting.pop()
        for thread in _entries(Path(f"/proc/{pid}/task")):
            children = [int(child) for child in _text(f"{thread}/children").split()]
            found += children
            waiting += children
    return found


def kill_tree(pid: int) -> None:
    """End a child of ours and all below it; blocks for the moment until it has stopped.

    It is stopped first: what it starts just now would outlive it, unseen.
    """
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        for _ in range(_STOP_LOOKS):
            if _state(pid) in _NOT_RUNNING:
                break
            time.sleep(_STOP_PAUSE_S)
        for below in descendants(pid, _FIRST_FEW):
            with suppress(ProcessLookupError):
                os.kill(below, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)


def _state(pid: int) -> str:
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[0] if fields else "X"


def _cpu_s(pid: int) -> float:
    """CPU time of a process, and of its children that it has waited for."""
    return _ticks(pid, 11, 15)


def _waited_cpu_s(pid: int) -> float:
    return _ticks(pid, 13, 15)


def _ticks(pid: int, first: int, end: int) -> float:
    """Add fields of ``/proc/PID/stat``, counted from behind the name, which may hold anything."""
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return sum(map(int, fields[first:end])) / _TICKS


def _written(pid: int) -> int:
    for line in _text(f"/proc/{pid}/io").splitlines():
        name, _, value = line.partition(":")
        if name == "write_bytes":
            return int(value)
    return 0


def _folder_bytes(folder: Path) -> int:
    """Add up the files below a folder; too many of them count as too much."""
    total = entries = 0
    for place, _, files in os.walk(folder):
        entries += 1 + len(files)
        if entries > _MAX_ENTRIES:
            return 1 << 62
        for name in files:
            try:
                total += Path(place, name).lstat().st_blocks * _BLOCK_BYTES
            except OSError:
                continue
    return total


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
