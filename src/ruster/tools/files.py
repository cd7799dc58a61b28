"""Tools that read and write single files: ``file_read``, ``file_write``, ``file_edit``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import Field

from ruster.core.errors import ToolError
from ruster.core.tools import Effect, Outcome, Risk, TurnScope
from ruster.tools.containment import failure, open_below, read_file, replace_file
from ruster.tools.folders import Folders, Place
from ruster.tools.threads import Stop, in_thread
from ruster.tools.typed import Arguments, TypedTool, WrongUse

__all__ = ["FileEdit", "FileRead", "FileWrite"]

_T = TypeVar("_T")
_ArgumentsT = TypeVar("_ArgumentsT", bound="_PathArguments")
_PATH_CHARS = 4096


class _PathArguments(Arguments):
    path: str = Field(max_length=_PATH_CHARS)
    """Relative to the work folder, or absolute."""


class _ReadArguments(_PathArguments):
    offset: int = Field(default=1, ge=1)
    """First line, from 1."""
    limit: int = Field(default=200, ge=1, le=2000)
    """Lines."""


class _WriteArguments(_PathArguments):
    content: str


class _EditArguments(_PathArguments):
    old: str = Field(min_length=1)
    """Exact text, found once."""
    new: str
    all: bool = False
    """Replace every occurrence."""


class _FileTool(TypedTool[_ArgumentsT]):
    _writes = False

    def __init__(self, folders: Folders, limit_bytes: int) -> None:
        self._folders = folders
        self._limit = limit_bytes

    def target(self, arguments: _ArgumentsT, scope: TurnScope) -> str | None:
        return str(self._place(arguments, scope).path)

    def confines(self, arguments: _ArgumentsT, scope: TurnScope) -> bool:
        return self._place(arguments, scope).own

    def _place(self, arguments: _ArgumentsT, scope: TurnScope) -> Place:
        return self._folders.file(arguments.path, scope, write=self._writes)

    def _text(self, folder: int, name: str, stop: Stop) -> str:
        data = read_file(folder, name, self._limit, stop)
        if b"\0" in data:
            raise ToolError(f"{name} is not a text ({len(data)} bytes)")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise ToolError(f"{name} is not a text in UTF-8 ({len(data)} bytes)") from None

    def _encoded(self, text: str) -> bytes:
        data = text.encode()
        if len(data) > self._limit:
            raise ToolError(f"the file would be larger than {self._limit} bytes")
        return data


class FileRead(_FileTool[_ReadArguments]):
    """Read lines of a text file."""

    name = "file_read"
    takes = _ReadArguments
    effects = frozenset({Effect.READS})
    main = "path"
    paged = True

    async def call(self, arguments: _ReadArguments, scope: TurnScope) -> Outcome:
        place = self._place(arguments, scope)
        text = await _below(place, "read", self._text)
        lines = text.splitlines(keepends=True)
        first = arguments.offset - 1
        shown = lines[first : first + arguments.limit]
        if len(shown) == len(lines):
            return Outcome(text or "[the file is empty]", origin=place.origin)
        told = f"[lines {first + 1} to {first + len(shown)} of {len(lines)}]"
        if not shown:
            told = f"[the file has {len(lines)} lines]"
        return Outcome("".join(shown).rstrip("\n") + f"\n{told}", origin=place.origin)


class FileWrite(_FileTool[_WriteArguments]):
    """Create or replace a text file."""

    name = "file_write"
    takes = _WriteArguments
    effects = frozenset({Effect.WRITES})
    risk = Risk.MEDIUM
    _writes = True

    async def call(self, arguments: _WriteArguments, scope: TurnScope) -> Outcome:
        data = self._encoded(arguments.content)
        place = self._place(arguments, scope)

        def write(folder: int, name: str, stop: Stop) -> bool:
            return replace_file(folder, name, data, stop)

        new = await _below(place, "write", write, create=True)
        return Outcome(f"{'created' if new else 'replaced'} {place.path} ({len(data)} bytes)")


class FileEdit(_FileTool[_EditArguments]):
    """Replace an exact text in a file."""

    name = "file_edit"
    takes = _EditArguments
    effects = frozenset({Effect.READS, Effect.WRITES})
    risk = Risk.MEDIUM
    _writes = True

    async def call(self, arguments: _EditArguments, scope: TurnScope) -> Outcome:
        place = self._place(arguments, scope)

        def edit(folder: int, name: str, stop: Stop) -> int:
            text = self._text(folder, name, stop)
            count = _occurrences(text, arguments)
            data = self._encoded(text.replace(arguments.old, arguments.new))
            replace_file(folder, name, data, stop)
            return count

        count = await _below(place, "edit", edit)
        return Outcome(f"replaced {count} in {place.path}")


def _occurrences(text: str, arguments: _EditArguments) -> int:
    count = text.count(arguments.old)
    if count == 0:
        raise WrongUse(
            f"the old text is not in {arguments.path}",
            "read the file and give the text exactly as it stands there",
        )
    if count > 1 and not arguments.all:
        raise WrongUse(
            f"the old text is {count} times in {arguments.path}",
            "give more of what stands around it, or set all",
        )
    return count


async def _below(
    place: Place, what: str, work: Callable[[int, str, Stop], _T], *, create: bool = False
) -> _T:
    """Do something with a file in its opened folder, in a thread; raises ToolError."""

    def run(stop: Stop) -> _T:
        try:
            with (
                place.opened() as root,
                open_below(root, place.parts[:-1], create=create) as folder,
            ):
                return work(folder, place.parts[-1], stop)
        except OSError as error:
            raise failure(error, f"{what} {place.path}") from error

    return await in_thread(run)
