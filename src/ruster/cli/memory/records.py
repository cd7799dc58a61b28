"""``rusterctl memory search``, ``list``, ``show``, ``edit``, ``pin`` and ``stats``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from ruster.cli.memory.editor import edited
from ruster.cli.memory.options import (
    IdArgument,
    KindOption,
    LayerOption,
    MemorySession,
    TagOption,
)
from ruster.cli.memory.wording import (
    counted,
    memory_row,
    print_log,
    print_memories,
    print_memory,
)
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import clean_argument, printable
from ruster.protocol.events import (
    MemoryCounts,
    MemoryHit,
    MemoryListing,
    MemoryReport,
    MemoryResults,
    MemoryStatsReport,
)

__all__ = ["edit", "list_memories", "pin", "search", "show", "stats"]

_MIB = 1 << 20
_PAGE = 200
_Words = Annotated[list[str], typer.Argument(help="A question, or words.")]
_Project = Annotated[str | None, typer.Option("--project", "-p", help="Only this project.")]
_After = Annotated[str | None, typer.Option("--after", help="Only later, as 2026-05-31.")]
_Before = Annotated[str | None, typer.Option("--before", help="Only earlier, as 2026-05-31.")]
_Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="Hits at most.")]
_Rerank = Annotated[
    int, typer.Option("--rerank", min=0, max=100, help="Hits the reranker rates, if there is one.")
]
_Everywhere = Annotated[
    bool, typer.Option("--everywhere", "-e", help="Also in the memories of all your sessions.")
]
_Scores = Annotated[bool, typer.Option("--scores", help="What the scores are made of.")]
_Many = Annotated[int, typer.Option("--limit", "-n", min=0, help="Memories; 0 for all of them.")]
_Text = Annotated[
    list[str] | None, typer.Argument(help="The new text; - for stdin; else an editor opens.")
]
_Off = Annotated[bool, typer.Option("--off", help="Take the pin off.")]
_Details = Annotated[bool, typer.Option("--details", "-d", help="Also by kind, which takes long.")]


def search(  # noqa: PLR0913 - each is an option
    words: _Words,
    layer: LayerOption = None,
    kind: KindOption = None,
    tag: TagOption = None,
    project: _Project = None,
    after: _After = None,
    before: _Before = None,
    limit: _Limit = 10,
    rerank: _Rerank = 0,
    scores: _Scores = False,
    everywhere: _Everywhere = False,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find what fits a question, by words and by meaning."""
    found = request(
        socket,
        MemoryResults,
        "memory_search",
        as_json,
        session_id=session,
        query=clean_argument(" ".join(words)),
        layers=None if layer is None else [layer.value],
        kinds=None if kind is None else [kind],
        tags=tag or None,
        project=project,
        after=after,
        before=before,
        limit=limit,
        rerank=rerank,
        everywhere=everywhere or None,
    )
    if found is None:
        return
    heads = ["Score", "Memory", "Said", "Layer", "Kind", "Text"]
    rows = [[f"{hit.score:.2f}", *memory_row(hit.memory, hit.passage)] for hit in found.results]
    more: dict[str, Callable[[MemoryHit], str]] = {
        **({"Session": lambda hit: hit.session_id or ""} if everywhere else {}),
        **({"Scores": _scores} if scores else {}),
    }
    for row, hit in zip(rows, found.results, strict=True):
        row += [word(hit) for word in more.values()]
    print_rows([*heads, *more], rows)
    if found.left_out:
        searched = counted(found.searched or 0, "session")
        print(f"looked into {searched}; {found.left_out} not", file=sys.stderr)


def _scores(hit: MemoryHit) -> str:
    return " ".join(f"{name}={value:g}" for name, value in hit.scores.items() if value)


def list_memories(
    layer: LayerOption = None,
    limit: _Many = 50,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name what is remembered, newest first."""
    before: str | None = None
    left = limit or float("inf")
    while left > 0:
        page = request(
            socket,
            MemoryListing,
            "memory_list",
            as_json,
            session_id=session,
            layer=None if layer is None else layer.value,
            before=before,
            limit=int(min(left, _PAGE)),
        )
        if page is None:
            return
        print_memories(page.memories)
        if not page.more:
            return
        left -= len(page.memories)
        before = page.memories[-1].memory_id


def show(
    memory: IdArgument,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print all of one memory: its text, what it took the place of, what was done to it."""
    report = request(
        socket, MemoryReport, "memory_show", as_json, session_id=session, memory_id=memory
    )
    if report is None:
        return
    print_memory(report.memory)
    if report.history:
        print("\nBefore:")
        print_memories(report.history)
    if report.log:
        print("\nLog:")
        print_log(report.log)


def edit(
    memory: IdArgument,
    text: _Text = None,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a memory another text."""
    before = request(
        socket, MemoryReport, "memory_show", False, session_id=session, memory_id=memory
    )
    assert before is not None
    new = edited(before.memory.text, text)
    if new is None:
        print("nothing was changed")
        return
    report = request(
        socket,
        MemoryReport,
        "memory_edit",
        as_json,
        session_id=session,
        memory_id=memory,
        text=new,
    )
    if report is not None:
        print(f"changed {report.memory.memory_id}")


def pin(
    memory: IdArgument,
    off: _Off = False,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a memory from ever moving or expiring."""
    report = request(
        socket,
        MemoryReport,
        "memory_pin",
        as_json,
        session_id=session,
        memory_id=memory,
        pinned=not off,
    )
    if report is not None:
        print(f"{'pinned' if report.memory.pinned else 'not pinned'} {report.memory.memory_id}")


def stats(
    details: _Details = False,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count what is remembered."""
    report = request(
        socket, MemoryStatsReport, "memory_stats", as_json, session_id=session, details=details
    )
    if report is None:
        return
    rows = [row for memory in report.memories for row in _count_rows(memory)]
    if rows:
        print_rows(("Whose", "What", "Count"), rows)
    else:
        print("nothing is remembered yet")
    print(
        printable(
            f"found by words and by meaning, with {report.embedder}"
            if report.embedder
            else "found by words only"
        )
    )
    if report.hint:
        print(printable(report.hint))


def _count_rows(memory: MemoryCounts) -> list[tuple[str, str, str]]:
    counts: dict[str, object] = {
        **memory.layers,
        "out of sight": memory.hidden,
        "facts by name": memory.facts,
        "documents": memory.documents,
        **{f"of kind {kind}": many for kind, many in (memory.kinds or {}).items()},
        "pinned": memory.pinned,
        "oldest": memory.oldest and memory.oldest[:16],
        "newest": memory.newest and memory.newest[:16],
        **{f"vectors of {name}": many for name, many in memory.vectors.items()},
        "waiting for a vector": memory.waiting,
        "size": f"{memory.size_bytes / _MIB:.1f} MiB",
    }
    return [
        (memory.within, printable(what), str(value))
        for what, value in counts.items()
        if value is not None
    ]
