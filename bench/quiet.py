"""How much of the machine others used while something was measured.

Threads that wait for each other in a loop, as llama.cpp's do, lose far more than their share when
somebody else takes a core: such a round says nothing.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["OthersWatch", "processor_share"]

_PROC = Path("/proc")


class OthersWatch:
    """Counts the cores that processes other than ours keep busy, from its making on."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._all, self._own = _busy_ticks(), _own_ticks()

    def cores(self) -> float:
        """Return the average so far, in cores."""
        seconds = time.perf_counter() - self._started
        others = (_busy_ticks() - self._all) - (_own_ticks() - self._own)
        return max(0.0, others / os.sysconf("SC_CLK_TCK") / seconds)


def processor_share(pid: int, seconds: float = 1.0) -> float:
    """Return how much of a core a process uses in the next seconds."""
    before = _ticks(_PROC / str(pid))
    time.sleep(seconds)
    return (_ticks(_PROC / str(pid)) - before) / os.sysconf("SC_CLK_TCK") / seconds


def _ticks(process: Path) -> int:
    """Return what a process has worked by itself."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _busy_ticks() -> int:
    """Return what all processors have worked, guests and waiting left out."""
    fields = (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, fields)
    return user + nice + system + irq + softirq + steal


def _own_ticks() -> int:
    """Return what this process and all below it have worked."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            parents[int(entry.name)] = int(fields[1])
            ticks[int(entry.name)] = sum(map(int, fields[11:15]))
    return sum(count for pid, count in ticks.items() if _is_ours(pid, parents))


def _is_ours(pid: int, parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = parents.get(pid, 0)
    return False
