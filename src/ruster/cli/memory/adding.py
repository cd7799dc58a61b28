"""``rusterctl memory add``, ``export`` and ``import``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from ruster.cli.location import socket_path
from ruster.cli.memory.editor import piped
from ruster.cli.memory.options import Layer, MemorySession, TagOption
from ruster.cli.memory.wording import counted
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.progress import ProgressLine
from ruster.cli.terminal import clean_argument, printable, visible, write_line
from ruster.client.sync import SyncClient
from ruster.core.errors import MemoryError, ProtocolError, StorageError
from ruster.protocol.events import (
    MemoryAdded,
    MemoryDocuments,
    MemoryExportPage,
    MemoryImported,
    ProgressEvent,
)

__all__ = ["add", "batches", "content", "export", "take_in"]

_BATCH_ITEMS = 200
_BATCH_CHARS = 1 << 18
_What = Annotated[
    list[str], typer.Argument(help="A text, a file or folder, an https:// address, or - for stdin.")
]
_Into = Annotated[Layer | None, typer.Option("--layer", "-l", help="The layer it goes to.")]
_Kind = Annotated[str | None, typer.Option("--kind", "-k", help="What kind it is; else a note.")]
_Project = Annotated[str | None, typer.Option("--project", "-p", help="What it belongs to.")]
_Name = Annotated[
    str | None, typer.Option("--name", help="Make a document of a text, in place of one so named.")
]
_Pin = Annotated[bool, typer.Option("--pin", help="It never moves or expires.")]
_Trusted = Annotated[bool, typer.Option("--trusted", help="A document's words count as yours.")]
_AsText = Annotated[bool, typer.Option("--text", help="It is a text, even if a file is so named.")]
_Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to write; else stdout.")
]
_Input = Annotated[str, typer.Argument(help="A file of JSON Lines, or - for stdin.")]


def add(  # noqa: PLR0913 - each is an option
    what: _What,
    layer: _Into = None,
    kind: _Kind = None,
    tag: TagOption = None,
    project: _Project = None,
    name: _Name = None,
    pin: _Pin = False,
    trusted: _Trusted = False,
    as_text: _AsText = False,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remember a text, the documents in a file or folder, or a page of the web.

    What is added again is read where it has changed; what is gone of a folder is forgotten.
    """
    fields = {
        **content(what, as_text=as_text),
        "session_id": session,
        "layer": None if layer is None else layer.value,
        "kind": kind,
        "tags": tag or None,
        "project": project,
        "name": name,
        "pinned": pin or None,
        "trusted": trusted or None,
    }
    bar = ProgressLine()
    with SyncClient(socket_path(socket)) as client:
        try:
            for parsed in client.follow("memory_add", **fields):
                if as_json:
                    write_line(parsed.line)
                elif isinstance(parsed.event, ProgressEvent):
                    bar.show(parsed.event)
                else:
                    bar.close()
                    _tell(parsed.event)
        finally:
            bar.close()


def export(
    output: _Output = None,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write all of a memory as JSON Lines, in the form that import takes."""
    with SyncClient(socket_path(socket)) as client, _writing(output) as file:
        for item in _exported(client, session):
            file.write(json.dumps(item, ensure_ascii=False) + "\n")


def take_in(
    source: _Input,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in what was exported; memories that are there already stay as they are."""
    total = MemoryImported(memories=0, facts=0, known=0)
    with SyncClient(socket_path(socket)) as client:
        for batch in batches(_items(source)):
            parsed = client.call("memory_import", session_id=session, items=batch)
            if as_json:
                write_line(parsed.line)
            elif isinstance(parsed.event, MemoryImported):
                total = MemoryImported(
                    memories=total.memories + parsed.event.memories,
                    facts=total.facts + parsed.event.facts,
                    known=total.known + parsed.event.known,
                )
    if not as_json:
        taken = f"{counted(total.memories, 'memory', 'memories')}, {counted(total.facts, 'fact')}"
        print(f"{taken}; known already: {total.known}")


def content(what: list[str], *, as_text: bool) -> dict[str, str]:
    """Tell texts from addresses and paths: one word that names something, or looks like it."""
    if what == ["-"]:
        return {"text": piped()}
    if len(what) == 1 and not as_text:
        (word,) = what
        if word.lower().startswith(("http://", "https://")):
            return {"url": word}
        path = Path(word).expanduser()
        if path.exists() or word.startswith(("/", "./", "../", "~/")):
            return {"path": str(path.resolve())}
    return {"text": clean_argument(" ".join(what))}


def _tell(event: object) -> None:
    if isinstance(event, MemoryAdded):
        print(f"{event.how} {event.memory_id}")
    elif isinstance(event, MemoryDocuments):
        counts = {
            "added": event.added,
            "changed": event.changed,
            "unchanged": event.unchanged,
            "gone": event.removed,
            "not read": event.failures,
        }
        told = ", ".join(f"{many} {what}" for what, many in counts.items() if many)
        print(
            printable(f"{event.source}: {told or 'no documents'}; {counted(event.pieces, 'piece')}")
        )
        for source, why in event.failed.items():
            print(f"{visible(source)}: {visible(why)}", file=sys.stderr)
        if event.more:
            print("there is more than is taken in; settings say how much", file=sys.stderr)


def _exported(client: SyncClient, session: str | None) -> Iterator[dict[str, Any]]:
    after: str | None = ""
    while after is not None:
        page = client.call("memory_export", session_id=session, after=after).event
        if not isinstance(page, MemoryExportPage):
            raise ProtocolError(f"the daemon answered {page.event!r}; is it another version?")
        yield from page.items
        after = page.next


def _writing(output: Path | None) -> nullcontext[IO[str]] | IO[str]:
    if output is None:
        return nullcontext(sys.stdout)
    try:
        return output.open("w", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{output} cannot be written: {error.strerror}") from error


def _items(source: str) -> Iterator[dict[str, Any]]:
    try:
        lines = sys.stdin.buffer if source == "-" else Path(source).open("rb")  # noqa: SIM115
        with lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _item(line, number)
    except OSError as error:
        raise StorageError(f"{source} cannot be read: {error.strerror}") from error


def _item(line: bytes, number: int) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except ValueError as error:
        raise MemoryError(f"line {number} is no JSON: {error}", code="import_invalid") from None
    if not isinstance(item, dict):
        raise MemoryError(f"line {number} is no JSON object", code="import_invalid")
    return item


def batches(items: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Gather items into commands of a bounded size."""
    batch: list[dict[str, Any]] = []
    size = 0
    for item in items:
        length = len(json.dumps(item))
        if batch and (len(batch) == _BATCH_ITEMS or size + length > _BATCH_CHARS):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch
