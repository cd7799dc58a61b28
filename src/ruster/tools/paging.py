"""The tool that shows more of what an earlier call brought."""

from __future__ import annotations

from pydantic import Field

from ruster.core.tools import Outcome, TurnScope
from ruster.tools.runs import RunFolders
from ruster.tools.threads import in_thread
from ruster.tools.typed import Arguments, TypedTool

__all__ = ["PaginateToolOutput"]


class _PageArguments(Arguments):
    tool_call_uuid: str = Field(max_length=64)
    offset: int = Field(default=0, ge=0)
    """Lines to skip."""
    limit: int = Field(default=50, ge=1, le=1000)
    """Lines."""
    search: str | None = Field(default=None, min_length=1, max_length=256)
    """Only lines with this text."""


class PaginateToolOutput(TypedTool[_PageArguments]):
    """Show more lines of an earlier tool call's output."""

    name = "paginate_tool_output"
    takes = _PageArguments
    main = "tool_call_uuid"
    paged = True

    def __init__(self, runs: RunFolders) -> None:
        self._runs = runs

    async def call(self, arguments: _PageArguments, scope: TurnScope) -> Outcome:
        kept = await in_thread(lambda _: self._runs.read(scope, arguments.tool_call_uuid))
        parts = [kept.text, f"[stderr]\n{kept.stderr}" if kept.stderr else ""]
        lines = "\n".join(part.rstrip("\n") for part in parts if part).split("\n")
        what = "lines"
        if arguments.search is not None:
            wanted = arguments.search.casefold()
            lines = [f"{n}: {it}" for n, it in enumerate(lines) if wanted in it.casefold()]
            what = "matches"
        end = arguments.offset + arguments.limit
        shown = lines[arguments.offset : end]
        told = f"[{what} {arguments.offset} to {arguments.offset + len(shown)} of {len(lines)}]"
        return Outcome("\n".join([*shown, told]), origin=kept.origin)
