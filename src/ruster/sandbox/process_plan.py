"""What a mechanism makes of a spec: the command that builds the sandbox and starts the program."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Protocol

from ruster.core.sandbox import ProcessSpec
from ruster.sandbox.process_grants import closing

__all__ = [
    "SYSTEM_CONFIGURATION",
    "SYSTEM_FOLDERS",
    "Descriptors",
    "Mechanism",
    "Plan",
    "memory_file",
]

SYSTEM_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""What lies beside ``/usr``; links into it on most systems."""
SYSTEM_CONFIGURATION = (
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives",
    "/etc/localtime", "/etc/mime.types",
)  # fmt: skip
"""What programs read of ``/etc`` without which they misbehave, and which tells nothing."""

# linux/fcntl.h: against sealing, shrinking, growing and writing
_F_ADD_SEALS, _ALL_SEALS = 1033, 0xF


@dataclass(slots=True)
class Descriptors:
    """Descriptors for the child: ``inherited`` get through; all are closed once it has started."""

    stack: ExitStack = field(default_factory=ExitStack)
    inherited: list[int] = field(default_factory=list)

    def inherit(self, fd: int) -> int:
        """Take a descriptor that the child gets under the same number."""
        closing(fd, self.stack)
        self.inherited.append(fd)
        return fd

    def inherit_data(self, name: str, data: bytes) -> int:
        """Have the child inherit data, as a file without a path."""
        fd = memory_file(name, data, self.stack)
        self.inherited.append(fd)
        return fd


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start the program.

    The command gets no environment. It writes JSON objects to ``status_fd``'s other end: first
    ``child-pid``, the trusted process above the program, and ``exit-code`` after the program has
    run. ``end_signal``, sent to the command, ends all. ``folder`` has the temporary files if they
    are not bounded otherwise.
    """

    command: tuple[str, ...]
    status_fd: int
    end_signal: Signals = SIGKILL
    folder: Path | None = None


class Mechanism(Protocol):
    """A way to confine a program."""

    @property
    def name(self) -> str: ...

    def missing(self) -> str | None:
        """Say, as the end of a sentence, what it needs and this machine lacks, or None."""
        ...

    def plan(self, spec: ProcessSpec, descriptors: Descriptors, stack: ExitStack) -> Plan:
        """Prepare a run; ``stack`` undoes after the run what was made. May read and write files.

        Raises ToolError ``sandbox_refused``.
        """
        ...


def memory_file(name: str, data: bytes, stack: ExitStack) -> int:
    """Put data in a file without a path, sealed, and read from its start; ``stack`` closes it."""
    fd = closing(os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), stack)
    with os.fdopen(fd, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, _F_ADD_SEALS, _ALL_SEALS)
    return fd
