"""Finds files by name below an open folder, and lines in them by a regular expression.

A regular expression can take forever, and while it does nothing else runs in its process; so this
process is made to be killed. It follows no link.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TypedDict

__all__ = ["main"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MAX_DEPTH = 64
_MAX_LINE = 300
_Parts = tuple[str, ...]


class Request(TypedDict):
    """What is looked for, and where: ``folder`` is an inherited descriptor."""

    folder: int
    name: str
    regex: str | None
    limit: int
    file_bytes: int


def main() -> None:
    """Print what is found, a line each; wrong expressions end with status 2."""
    request: Request = json.load(sys.stdin)
    try:
        regex = re.compile(request["regex"]) if request["regex"] is not None else None
    except (re.error, RecursionError, OverflowError) as error:
        sys.stderr.write(f"the regex is wrong: {error}")
        sys.exit(2)
    left = request["limit"]
    for line in _found(request, regex):
        print(line, flush=True)  # noqa: T201 - this is how it answers
        left -= 1
        if left == 0:
            return


def _found(request: Request, regex: re.Pattern[str] | None) -> Iterator[str]:
    for folder, parts in _files(request["folder"]):
        if not fnmatch.fnmatchcase(parts[-1], request["name"]):
            continue
        shown = "/".join(parts).encode(errors="replace").decode()
        if regex is None:
            yield shown if shown.isprintable() else ascii(shown)
            continue
        text = _text(folder, parts[-1], request["file_bytes"])
        for number, line in enumerate(text.splitlines(), 1):
            if regex.search(line):
                yield f"{shown}:{number}: {line.strip()[:_MAX_LINE]}"


def _files(root: int) -> Iterator[tuple[int, _Parts]]:
    """Walk through the tree; each folder is opened anew from the root, without following links."""
    waiting: list[_Parts] = [()]
    while waiting:
        parts = waiting.pop()
        folder = _open(root, parts)
        if folder is None:
            continue
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            inner = [e.name for e in entries if e.is_dir(follow_symlinks=False)]
            if len(parts) < _MAX_DEPTH:
                waiting += [(*parts, name) for name in reversed(inner) if name != ".git"]
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield folder, (*parts, entry.name)
        except OSError:
            continue
        finally:
            os.close(folder)


def _open(root: int, parts: _Parts) -> int | None:
    fd = os.dup(root)
    for part in parts:
        try:
            inner = os.open(part, _FOLDER, dir_fd=fd)
        except OSError:
            return None
        finally:
            os.close(fd)
        fd = inner
    return fd


def _text(folder: int, name: str, limit: int) -> str:
    """Return a file's text, or nothing if it is not a plain text file."""
    with suppress(OSError):
        fd = os.open(name, _FILE, dir_fd=folder)
        with os.fdopen(fd, "rb") as file:
            found = os.fstat(fd)
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_size <= limit:
                data = file.read(limit)
                return "" if b"\0" in data[:8192] else data.decode(errors="replace")
    return ""


if __name__ == "__main__":
    main()
