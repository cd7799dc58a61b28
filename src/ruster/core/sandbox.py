"""What is said about running a program that is not trusted: grants, limits, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

__all__ = [
    "Access",
    "Completed",
    "Grant",
    "Limit",
    "Limits",
    "Network",
    "Output",
    "ProcessSpec",
]

_MIB = 1 << 20


class Access(StrEnum):
    """What a program may do with a granted folder; ``write`` includes reading."""

    READ = "read"
    WRITE = "write"


class Network(StrEnum):
    """What of the network a program reaches."""

    NONE = "none"


class Limit(StrEnum):
    """Which limit a program was ended by."""

    WALL = "wall"
    CPU = "cpu"
    MEMORY = "memory"
    PROCESSES = "processes"
    FILE_SIZE = "file_size"
    DISK = "disk"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Grant:
    """A folder, or a single file, that the program sees at its own path.

    The path is absolute and no part of it is a symbolic link: what was decided about is what is
    granted. Resolve it before deciding.
    """

    path: Path
    access: Access = Access.READ


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a program with all its children may use.

    ``memory_bytes`` bounds what is private to one process, and the sum over all; ``processes``
    counts threads too; ``file_bytes`` bounds one file, ``disk_bytes`` all that is written to
    disks; ``tmp_bytes`` what lies in ``/tmp``; ``output_bytes`` each of stdout and stderr. Reaching
    ``open_files`` ends nothing: the program gets an error. No core is ever dumped.
    """

    wall_s: float = 60.0
    cpu_s: float = 30.0
    memory_bytes: int = 512 * _MIB
    processes: int = 64
    open_files: int = 256
    file_bytes: int = 64 * _MIB
    disk_bytes: int = 256 * _MIB
    tmp_bytes: int = 64 * _MIB
    output_bytes: int = 1 * _MIB


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A program to run, and all that it may touch.

    ``environment`` is complete: nothing is inherited. ``folder`` is where it starts, inside a
    grant; None is its own empty ``/tmp``. ``stdout`` and ``stderr`` name files, made anew, that
    receive the output while it comes.
    """

    argv: tuple[str, ...]
    folder: Path | None = None
    stdin: bytes = b""
    environment: Mapping[str, str] = field(default_factory=dict)
    grants: tuple[Grant, ...] = ()
    network: Network = Network.NONE
    limits: Limits = field(default_factory=Limits)
    stdout: Path | None = None
    stderr: Path | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What came out of stdout or stderr; ``truncated`` when there was more than the limit."""

    data: bytes
    truncated: bool = False

    @property
    def text(self) -> str:
        """The bytes as text; what is no UTF-8 is replaced."""
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended.

    ``status`` is the exit status, or None when a signal ended it, or we did; ``signal`` is the
    signal. A status above 128 that a shell makes of a signal counts as the signal. ``limit`` is
    set when a limit ended it.
    """

    status: int | None
    signal: int | None
    limit: Limit | None
    stdout: Output
    stderr: Output
    wall_s: float
    cpu_s: float

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself with status 0."""
        return self.status == 0 and self.limit is None
