"""Confinement without namespaces: Landlock for files, a stricter call filter, a supervisor.

The second choice. A program sees that files outside exist, though not what they hold, has no
``/proc``, and may not change the attributes of files by their path.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL, SIGTERM

from ruster.core.sandbox import Access, Grant, ProcessSpec
from ruster.sandbox import landlock_launcher
from ruster.sandbox.limits import rlimits
from ruster.sandbox.process_cgroup import group_missing, grouped
from ruster.sandbox.process_grants import closing, open_grants
from ruster.sandbox.process_plan import (
    SYSTEM_CONFIGURATION,
    SYSTEM_FOLDERS,
    Descriptors,
    Plan,
)
from ruster.sandbox.process_tree import can_watch
from ruster.sandbox.seccomp import architecture, program

__all__ = ["Landlock", "abi"]

_OLDEST_ABI = 3
"""The first one that governs truncation (Linux 6.2)."""
_SIGNALS_ABI = 6
"""The first one that keeps signals inside (Linux 6.12)."""
_CREATE_RULESET = 444
_VERSION_FLAG = 1
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


class Landlock:
    """Runs programs through a launcher of ours that gives its rights up."""

    name = "landlock"

    def missing(self) -> str | None:
        """Say what is not at hand; whether it works is found out by trying."""
        if sys.platform != "linux":
            return "Landlock is a part of Linux"
        if (version := abi()) < _OLDEST_ABI:
            return f"Landlock has version {version} in this kernel, and {_OLDEST_ABI} is needed"
        if architecture() is None:
            return "there is no filter of system calls for this processor"
        if not can_watch():
            return "the kernel does not list the children of a process"
        return group_missing()

    def plan(self, spec: ProcessSpec, descriptors: Descriptors, stack: ExitStack) -> Plan:
        """Prepare a run: hold all that is granted, make a folder for temporary files."""
        temporary = Path(tempfile.mkdtemp(prefix="ruster-sandbox-")).resolve()
        stack.callback(shutil.rmtree, temporary, ignore_errors=True)
        grants = open_grants((*spec.grants, Grant(temporary, Access.WRITE)), descriptors.stack)
        descriptors.inherited += [grant.fd for grant in grants]
        status_fd, written_fd = os.pipe()
        closing(status_fd, stack)
        descriptors.inherit(written_fd)
        is_root, version = os.geteuid() == 0, abi()
        code = program(architecture() or "", own_mounts=False, own_signals=version >= _SIGNALS_ABI)
        job: landlock_launcher.Job = {
            "argv": list(spec.argv),
            "environment": {"TMPDIR": str(temporary), **spec.environment},
            "folder": str(spec.folder or temporary),
            "rlimits": rlimits(spec.limits, processes=None),
            "processes": 2 * spec.limits.processes,
            "grants": [
                (grant.fd, grant.access is Access.WRITE, grant.is_folder) for grant in grants
            ],
            "system": ["/usr", *SYSTEM_FOLDERS, *SYSTEM_CONFIGURATION],
            "devices": list(_DEVICES),
            "abi": version,
            "filter": base64.b64encode(code).decode(),
            "status_fd": written_fd,
            "parent": os.getpid(),
            "own_processes": is_root,
        }
        job_fd = descriptors.inherit_data("job", json.dumps(job).encode())
        launcher = str(Path(landlock_launcher.__file__))
        command: tuple[str, ...] = (sys.executable, "-I", "-S", "-B", launcher, str(job_fd))
        command = grouped(command, spec.limits, stack)
        return Plan(command, status_fd, SIGKILL if is_root else SIGTERM, temporary)


def abi() -> int:
    """Return the version of Landlock that this kernel has; 0 when it has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)))
