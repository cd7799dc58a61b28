"""Opening what is granted, so that nothing can be put in its place afterwards."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ruster.core.errors import ToolError
from ruster.core.sandbox import Access, Grant

__all__ = ["OpenGrant", "closing", "open_grants"]

_NOT_GRANTED = tuple(map(Path, ("/proc", "/sys", "/dev")))
"""Below these are no files, but the machine and its processes."""


@dataclass(frozen=True, slots=True)
class OpenGrant:
    """A granted path, held open (``O_PATH``)."""

    path: Path
    access: Access
    fd: int

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, not a file."""
        return stat.S_ISDIR(os.fstat(self.fd).st_mode)


def open_grants(grants: Iterable[Grant], stack: ExitStack) -> list[OpenGrant]:
    """Open every grant, outer folders first; ``stack`` closes them.

    Raises ToolError ``sandbox_refused`` for what does not exist, is no file or folder, or is
    reached through a symbolic link.
    """
    opened = []
    for grant in sorted(grants, key=lambda grant: (len(grant.path.parts), grant.access)):
        fd = _open(_checked(grant.path))
        closing(fd, stack)
        mode = os.fstat(fd).st_mode
        if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            raise _refused(grant.path, "it is neither a folder nor a plain file")
        opened.append(OpenGrant(grant.path, grant.access, fd))
    return opened


def closing(fd: int, stack: ExitStack) -> int:
    """Have ``stack`` close a descriptor."""
    stack.callback(os.close, fd)
    return fd


def _checked(path: Path) -> Path:
    if not path.is_absolute() or ".." in path.parts or "\0" in str(path):
        raise _refused(path, "grants are absolute paths without '..'")
    if path == Path("/") or any(path.is_relative_to(place) for place in _NOT_GRANTED):
        raise _refused(path, "it is the system itself; grant a folder of yours")
    return path


def _open(path: Path) -> int:
    """Walk from the root and follow no link on the way."""
    fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in path.parts[1:]:
            inner = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            os.close(fd)
            fd = inner
            if stat.S_ISLNK(os.fstat(fd).st_mode):
                raise _refused(path, f"'{part}' is a symbolic link; grant what it leads to")
    except OSError as error:
        os.close(fd)
        raise _refused(path, error.strerror or str(error)) from error
    except ToolError:
        os.close(fd)
        raise
    return fd


def _refused(path: Path, why: str) -> ToolError:
    return ToolError(f"{path} cannot be granted: {why}.", code="sandbox_refused")
