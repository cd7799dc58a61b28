"""Files below an open folder, and nothing else.

Every step is an ``openat`` that follows no link, from a descriptor that was opened the same way; so
what is checked is what is used, whoever changes names meanwhile. What was opened is then asked what
it is: only regular files with one name are read, since another name may lie anywhere.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ruster.core.errors import ToolError
from ruster.tools.threads import Stop

__all__ = ["failure", "file_kind", "open_below", "read_file", "replace_file"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CHUNK = 1 << 20
_REASONS = {
    errno.ENOENT: "it does not exist",
    errno.ELOOP: "it is a link, and links are not followed",
    errno.ENOTDIR: "a part of it is not a folder, or is a link",
    errno.EISDIR: "it is a folder",
    errno.EACCES: "it may not be opened",
    errno.EPERM: "it may not be changed",
    errno.ENXIO: "it is not a regular file",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ENOSPC: "no space is left on the disk",
    errno.EROFS: "the file system is read-only",
}


def failure(error: OSError, what: str) -> ToolError:
    """Say why ``what``, such as "read notes.md", was not possible."""
    reason = _REASONS.get(error.errno or 0, os.strerror(error.errno or 0))
    return ToolError(f"cannot {what}: {reason}")


@contextmanager
def open_below(root: int, parts: tuple[str, ...], *, create: bool = False) -> Iterator[int]:
    """Open the folder ``parts`` below the folder ``root``; raises OSError.

    With ``create``, folders that are missing are made.
    """
    fd = os.dup(root)
    try:
        for part in parts:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=fd)
            inner = os.open(part, _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def read_file(folder: int, name: str, limit: int, stop: Stop) -> bytes:
    """Read a regular file of at most ``limit`` bytes; raises OSError, ToolError."""
    fd = os.open(name, _FILE, dir_fd=folder)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise ToolError(f"{name} is {file_kind(found.st_mode)}, not a file")
        if found.st_nlink > 1:
            raise ToolError(
                f"{name} is the same file as one elsewhere (a hard link); make a copy of it first"
            )
        parts = []
        size = 0
        while chunk := os.read(fd, min(_CHUNK, limit + 1 - size)):
            stop.check()
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                raise ToolError(f"{name} is larger than {limit} bytes")
        return b"".join(parts)
    finally:
        os.close(fd)


def replace_file(folder: int, name: str, data: bytes, stop: Stop) -> bool:
    """Put a file in the place of ``name``, whole or not at all, and return whether it is new.

    Only regular files are replaced; raises OSError, ToolError.
    """
    mode = _mode_of(folder, name)
    temporary = f".{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o644, dir_fd=folder)
    try:
        try:
            if mode is not None:
                os.fchmod(fd, mode)
            view = memoryview(data)
            while view:
                stop.check()
                view = view[os.write(fd, view[:_CHUNK]) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        stop.check()
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)
    return mode is None


def file_kind(mode: int) -> str:
    """Say what a file of this mode is."""
    kinds = (
        (stat.S_ISREG, "a file"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a link"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in kinds if test(mode)), "a device")


def _mode_of(folder: int, name: str) -> int | None:
    """Return the permissions of the file that will be replaced, or None if there is none.

    A rename never follows what stands there, so nothing depends on this still being true then.
    """
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise ToolError(f"{name} is {file_kind(found.st_mode)} and is left as it is")
    return stat.S_IMODE(found.st_mode) & 0o777
