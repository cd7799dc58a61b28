"""Confinement by bubblewrap: own namespaces, a file system of what is granted, a call filter.

Everything bubblewrap has to know goes through descriptors and none of it through its command line
or environment, which other users, or the program, could read.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

from ruster.core.sandbox import Access, ProcessSpec
from ruster.sandbox.limits import prlimit_arguments, rlimits
from ruster.sandbox.process_cgroup import group_missing, grouped
from ruster.sandbox.process_grants import OpenGrant, closing, open_grants
from ruster.sandbox.process_plan import (
    SYSTEM_CONFIGURATION,
    SYSTEM_FOLDERS,
    Descriptors,
    Plan,
)
from ruster.sandbox.process_tree import can_watch
from ruster.sandbox.seccomp import architecture, program

__all__ = ["Bubblewrap"]

_PLACES = ("/usr/bin", "/bin")
_NEEDED_OPTIONS = ("--disable-userns", "--bind-fd", "--json-status-fd", "--seccomp", "--size")
_HELP_TIMEOUT_S = 5.0
_USER_ID = "1000"
_USERS = b"user:x:1000:1000::/tmp:/bin/sh\n"
_GROUPS = b"user:x:1000:\n"
_ISOLATED = (
    "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session",
    "--cap-drop", "ALL", "--uid", _USER_ID, "--gid", _USER_ID, "--hostname", "sandbox",
    "--clearenv",
)  # fmt: skip
_READ_ONLY = ("--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/")
"""Files of ``/proc`` would be writable for a daemon that is root; the others are memory."""


class Bubblewrap:
    """Runs programs through ``bwrap``."""

    name = "bubblewrap"

    def missing(self) -> str | None:
        """Say what is not at hand; whether it works is found out by trying."""
        if (command := _program("bwrap")) is None:
            return "bubblewrap is not installed"
        lacking = [option for option in _NEEDED_OPTIONS if option not in _help(command)]
        if lacking:
            return f"the installed bubblewrap is too old: it has no {' and no '.join(lacking)}"
        if _program("prlimit") is None:
            return "the program prlimit (of util-linux) is not installed"
        if architecture() is None:
            return "there is no filter of system calls for this processor"
        if not can_watch():
            return "the kernel does not list the children of a process"
        return group_missing()

    def plan(self, spec: ProcessSpec, descriptors: Descriptors, stack: ExitStack) -> Plan:
        """Prepare a run: hold all that is granted, write the options and the filter."""
        grants = open_grants(spec.grants, descriptors.stack)
        descriptors.inherited += [grant.fd for grant in grants]
        status_fd, written_fd = os.pipe()
        closing(status_fd, stack)
        descriptors.inherit(written_fd)
        options = [*_ISOLATED, "--json-status-fd", str(written_fd)]
        options += [*_call_filter(descriptors), *_system(spec, descriptors)]
        options += [*_granted(grants), *_READ_ONLY]
        options += ["--chdir", str(spec.folder or "/tmp")]
        for name, value in spec.environment.items():
            options += ["--setenv", name, value]
        options_fd = descriptors.inherit_data("options", _joined(options))
        # The kernel counts the processes of this user namespace alone. Its bound is behind ours,
        # which ends the program: a bomb shall not go on at the edge.
        limits = prlimit_arguments(rlimits(spec.limits, processes=2 * spec.limits.processes))
        command = [str(_program("bwrap")), "--args", str(options_fd), "--"]
        command += [str(_program("prlimit")), *limits, "--", *spec.argv]
        return Plan(grouped(tuple(command), spec.limits, stack), status_fd)


def _call_filter(descriptors: Descriptors) -> list[str]:
    code = program(architecture() or "", own_mounts=True, own_signals=True)
    return ["--seccomp", str(descriptors.inherit_data("filter", code))]


def _system(spec: ProcessSpec, descriptors: Descriptors) -> list[str]:
    """Return the options for what every program sees: its own system, read-only."""
    options = ["--ro-bind", "/usr", "/usr"]
    for place in SYSTEM_FOLDERS:
        if (folder := Path(place)).is_symlink():
            options += ["--symlink", str(folder.readlink()), place]
        elif folder.is_dir():
            options += ["--ro-bind", place, place]
    for place in SYSTEM_CONFIGURATION:
        options += ["--ro-bind-try", place, place]
    for place, data in (("/etc/passwd", _USERS), ("/etc/group", _GROUPS)):
        options += ["--ro-bind-data", str(descriptors.inherit_data("users", data)), place]
    options += ["--proc", "/proc", "--dev", "/dev"]
    for place in ("/dev/shm", "/tmp"):
        options += ["--size", str(spec.limits.tmp_bytes), "--tmpfs", place]
    return options


def _granted(grants: list[OpenGrant]) -> list[str]:
    options: list[str] = []
    for grant in grants:
        option = "--bind-fd" if grant.access is Access.WRITE else "--ro-bind-fd"
        options += [option, str(grant.fd), str(grant.path)]
    return options


def _joined(options: list[str]) -> bytes:
    return b"".join(os.fsencode(option) + b"\0" for option in options)


def _program(name: str) -> Path | None:
    """Find a program where only the system's administrator can put one."""
    paths = (Path(place, name) for place in _PLACES)
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def _help(command: Path) -> str:
    done = subprocess.run(
        [command, "--help"],
        env={}, capture_output=True, text=True, timeout=_HELP_TIMEOUT_S, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr
