"""Reading a skill's files: bounded, regular files only, and never out of the skill's folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ruster.core.errors import SkillError

__all__ = ["MAX_FILE_BYTES", "BadFile", "contained_file", "read_text"]

MAX_FILE_BYTES = 256 * 1024
_MAX_PATH_CHARS = 1024


class BadFile(Exception):
    """A file cannot be taken; the reason is for people."""


def read_text(path: Path, limit: int = MAX_FILE_BYTES) -> str:
    """Read a regular file as UTF-8 (blocks, but never on a pipe); raises BadFile."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadFile(f"cannot be opened: {reason}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise BadFile("is no regular file")
    with os.fdopen(fd, "rb") as file:
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise BadFile(f"cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise BadFile(f"is larger than {limit} bytes")
    if b"\0" in data:
        raise BadFile("holds NUL bytes; it must be text")
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadFile(f"is not UTF-8 (byte {error.start})") from None


def contained_file(folder: Path, relative: str) -> Path:
    """Return the resolved file below ``folder`` that a relative path names (blocks).

    Neither ``..`` nor a link may lead out of the folder. Raises SkillError (``skill_invalid``).
    """
    shown = relative[:100]
    if not relative or len(relative) > _MAX_PATH_CHARS or "\0" in relative:
        raise SkillError(f"{shown!r} is no path of a file", code="skill_invalid")
    if relative.startswith(("/", "~")) or ".." in relative.split("/"):
        raise SkillError(
            f"{shown!r} must be a path relative to the skill's folder, without '..'",
            code="skill_invalid",
        )
    root = folder.resolve()
    try:
        path = (root / relative).resolve(strict=True)
        regular = path.is_file()
    except (OSError, RuntimeError):
        raise SkillError(f"there is no {shown!r} in {folder.name}", code="skill_invalid") from None
    if not path.is_relative_to(root):
        raise SkillError(f"{shown!r} leads out of the skill's folder", code="skill_invalid")
    if not regular:
        raise SkillError(f"{shown!r} is no regular file", code="skill_invalid")
    return path
