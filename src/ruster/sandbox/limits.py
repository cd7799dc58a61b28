"""Limits as the kernel keeps them for one process, and what its signals tell of them."""

from __future__ import annotations

import math
import signal

from ruster.core.sandbox import Limit, Limits

__all__ = ["limit_of", "prlimit_arguments", "rlimits", "split_status"]

_CPU_GRACE_S = 1
_SIGNAL_BASE = 128
_ENDED_BY = {signal.SIGXCPU: Limit.CPU, signal.SIGXFSZ: Limit.FILE_SIZE}


def rlimits(limits: Limits, *, processes: int | None) -> dict[str, tuple[int, int]]:
    """Return soft and hard limits by their names (of ``prlimit`` and of ``RLIMIT_…``).

    Memory is bounded as data, not as address space: several runtimes reserve far more addresses
    than they ever use. ``processes`` is None where the kernel counts others' processes too.
    """
    cpu_s = max(1, math.ceil(limits.cpu_s))
    chosen = {
        "cpu": (cpu_s, cpu_s + _CPU_GRACE_S),
        "data": (limits.memory_bytes, limits.memory_bytes),
        "fsize": (limits.file_bytes, limits.file_bytes),
        "nofile": (limits.open_files, limits.open_files),
        "core": (0, 0),
        "memlock": (0, 0),
        "sigpending": (limits.processes * 4, limits.processes * 4),
    }
    if processes is not None:
        chosen["nproc"] = (processes, processes)
    return chosen


def prlimit_arguments(limits: dict[str, tuple[int, int]]) -> list[str]:
    """Return the options with which the program ``prlimit`` sets these limits."""
    return [f"--{name}={soft}:{hard}" for name, (soft, hard) in limits.items()]


def split_status(code: int) -> tuple[int | None, int | None]:
    """Return exit status and signal of an exit code that holds either, as shells write it."""
    number = -code if code < 0 else code - _SIGNAL_BASE
    if 0 < number < signal.NSIG:
        return None, number
    return code, None


def limit_of(number: int | None) -> Limit | None:
    """Return the limit that the kernel enforces by this signal."""
    return _ENDED_BY.get(signal.Signals(number)) if number in _ENDED_BY else None
