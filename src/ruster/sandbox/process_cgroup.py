"""A bound on the number of root's processes, which no resource limit counts: a control group.

An ordinary user needs none of this; there the kernel holds ``RLIMIT_NPROC``.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from ruster.core.ids import new_id
from ruster.core.sandbox import Limits

__all__ = ["group_missing", "grouped"]

_ROOT = Path("/sys/fs/cgroup")
_OLD_ROOT = _ROOT / "pids"
_OWN_PROCESSES = 8
"""The trusted ones around the program."""
_PREFIX = "ruster-"
_JOIN = 'echo 0 > "$0/cgroup.procs" && exec "$@"'
_REMOVALS = 100
_PAUSE_S = 0.005


def group_missing() -> str | None:
    """Say why root's processes cannot be bounded, or None when they can, or need not be."""
    if os.geteuid() != 0:
        return None
    try:
        group = _make(Limits().processes)
        _remove(group)
        _sweep(group.parent)
    except OSError as error:
        return (
            "the processes of root are only bounded by a control group, and none can be made "
            f"({error.strerror}); run ruster as an ordinary user"
        )
    return None


def grouped(command: tuple[str, ...], limits: Limits, stack: ExitStack) -> tuple[str, ...]:
    """Return the command that runs within the bound; ``stack`` removes the group.

    The kernel's bound lies behind ours, which ends the program. Raises OSError.
    """
    if os.geteuid() != 0:
        return command
    group = _make(2 * limits.processes + _OWN_PROCESSES)
    stack.callback(_remove, group)
    return ("/bin/sh", "-c", _JOIN, str(group), *command)


def _make(processes: int) -> Path:
    """Make a group in version 2 of control groups, or in version 1."""
    parent = _OLD_ROOT
    if not parent.is_dir():
        parent = _ROOT
        control = parent / "cgroup.subtree_control"
        if "pids" not in control.read_text().split():
            control.write_text("+pids")
    group = parent / f"{_PREFIX}{os.getpid()}-{new_id('run')}"
    group.mkdir()
    try:
        (group / "pids.max").write_text(str(processes))
    except OSError:
        group.rmdir()
        raise
    return group


def _remove(group: Path) -> None:
    """Remove a group whose processes have just ended: the kernel may take a moment to notice."""
    for _ in range(_REMOVALS):
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(_PAUSE_S)


def _sweep(parent: Path) -> None:
    """Remove what daemons that were killed have left."""
    for group in parent.glob(f"{_PREFIX}*"):
        owner = group.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", owner).exists():
            with suppress(OSError):
                group.rmdir()
