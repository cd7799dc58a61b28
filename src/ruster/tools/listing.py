"""Tools that look through folders: ``dir_list`` and ``file_search``."""

from __future__ import annotations

import os
from contextlib import ExitStack
from itertools import islice

from pydantic import Field

from ruster.core.errors import ToolError
from ruster.core.tools import Cost, Effect, Outcome, TurnScope
from ruster.sandbox.child import run_child
from ruster.tools.containment import failure, file_kind, open_below
from ruster.tools.folders import Folders, Place
from ruster.tools.threads import Stop, in_thread
from ruster.tools.typed import Arguments, TypedTool

__all__ = ["DirList", "FileSearch"]

_MAX_NAMES = 10_000
_SEARCH_S = 10.0
_SEARCHER = "ruster.tools.programs.searcher"


class _ListArguments(Arguments):
    path: str = Field(default=".", max_length=4096)
    """Folder; the work folder if left out."""
    offset: int = Field(default=0, ge=0)
    limit: int = Field(default=100, ge=1, le=1000)


class DirList(TypedTool[_ListArguments]):
    """List a folder: names, sizes in bytes, and which other folders there are to use."""

    name = "dir_list"
    takes = _ListArguments
    effects = frozenset({Effect.READS})
    main = "path"
    paged = True

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def target(self, arguments: _ListArguments, scope: TurnScope) -> str | None:
        return str(self._folders.locate(arguments.path, scope).path)

    async def call(self, arguments: _ListArguments, scope: TurnScope) -> Outcome:
        place = self._folders.locate(arguments.path, scope)
        lines = await in_thread(lambda stop: _entries(place, stop))
        start, end = arguments.offset, arguments.offset + arguments.limit
        shown = lines[start:end] or ["[nothing]"]
        if len(lines) > len(shown):
            shown.append(f"[{start} to {min(end, len(lines))} of {len(lines)}]")
        if place.own and not place.parts and (others := self._folders.told()):
            shown.append(f"[other folders: {others}]")
        return Outcome("\n".join(shown), origin=place.origin)


class _SearchArguments(Arguments):
    path: str = Field(default=".", max_length=4096)
    """Folder to search."""
    name: str = Field(default="*", max_length=256)
    """Glob on names, such as *.py."""
    regex: str | None = Field(default=None, max_length=1024)
    """Python regex for lines."""
    limit: int = Field(default=50, ge=1, le=500)


class FileSearch(TypedTool[_SearchArguments]):
    """Find files by name, and lines in them by a regex."""

    name = "file_search"
    takes = _SearchArguments
    effects = frozenset({Effect.READS})
    cost = Cost.MODERATE
    main = "regex"
    paged = True

    def __init__(self, folders: Folders, limit_bytes: int, timeout_s: float = _SEARCH_S) -> None:
        self._folders = folders
        self._limit = limit_bytes
        self._timeout_s = timeout_s

    def target(self, arguments: _SearchArguments, scope: TurnScope) -> str | None:
        return str(self._folders.locate(arguments.path, scope).path)

    async def call(self, arguments: _SearchArguments, scope: TurnScope) -> Outcome:
        place = self._folders.locate(arguments.path, scope)
        with ExitStack() as stack:
            try:
                root = stack.enter_context(place.opened())
                folder = stack.enter_context(open_below(root, place.parts))
            except OSError as error:
                raise failure(error, f"search {place.path}") from error
            request = {
                "folder": folder,
                "name": arguments.name,
                "regex": arguments.regex,
                "limit": arguments.limit,
                "file_bytes": self._limit,
            }
            ended = await run_child(_SEARCHER, request, self._timeout_s, pass_fds=(folder,))
        if ended.failure:
            raise ToolError(f"the search failed: {ended.failure}")
        found = ended.text.splitlines() or ["[nothing found]"]
        if ended.timed_out:
            found.append(f"[the search was ended after {self._timeout_s:g} s; ask for less]")
        elif len(found) >= arguments.limit:
            found.append(f"[the first {arguments.limit}; there may be more]")
        return Outcome("\n".join(found), origin=place.origin)


def _entries(place: Place, stop: Stop) -> list[str]:
    """List a folder, one line each, in order of names; raises ToolError."""
    try:
        with (
            place.opened() as root,
            open_below(root, place.parts) as folder,
            os.scandir(folder) as found,
        ):
            names = []
            for entry in islice(found, _MAX_NAMES):
                stop.check()
                names.append(entry.name)
            return [_line(folder, name) for name in sorted(names)]
    except OSError as error:
        raise failure(error, f"list {place.path}") from error


def _line(folder: int, name: str) -> str:
    shown = ascii(name) if not name.isprintable() else name
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return f"{shown} (gone)"
    kind = file_kind(found.st_mode)
    if kind == "a file":
        return f"{shown} {found.st_size}"
    return f"{shown}/" if kind == "a folder" else f"{shown} ({kind})"
