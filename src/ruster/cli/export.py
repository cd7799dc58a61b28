"""``rusterctl sessions export``: a whole conversation as Markdown or JSON Lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ruster.cli.location import socket_path
from ruster.cli.options import JsonOption, SessionArgument, SocketOption
from ruster.cli.pages import count_records, read_records
from ruster.cli.terminal import printable
from ruster.client.sync import SyncClient
from ruster.core.errors import StorageError

__all__ = ["Format", "as_markdown", "export"]

_SPEAKERS = {"user": "You", "assistant": "Assistant"}


class Format(StrEnum):
    """How a conversation is written."""

    MD = "md"
    JSONL = "jsonl"


_Format = Annotated[Format, typer.Option("--format", "-f", help="Markdown or JSON Lines.")]
_Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to write; else stdout.")
]


def export(
    session: SessionArgument,
    form: _Format = Format.MD,
    output: _Output = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a conversation as Markdown or JSON Lines (--json is --format jsonl)."""
    with SyncClient(socket_path(socket)) as client:
        count_records(client, session)  # says that there is no such session before a file is made
        records = read_records(client, session)
        if as_json or form is Format.JSONL:
            _write((json.dumps(record, ensure_ascii=False) + "\n" for record in records), output)
        else:
            _write(as_markdown(session, records), output)


def as_markdown(session: str, records: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Write a conversation in Markdown, piece by piece."""
    yield f"# {session}\n"
    for record in records:
        role = str(record.get("role", ""))
        if role == "note":
            continue
        speaker = _SPEAKERS.get(role) or f"Tool {record.get('name', '')}".rstrip()
        content = str(record.get("content", ""))
        if role == "tool":
            content = _fenced(content)
        how = record.get("end")
        mark = "" if how in (None, "done") else f"\n\n*({how})*"
        yield f"\n## {speaker}, {record.get('timestamp', '')}\n\n{content}{mark}\n"


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def _write(pieces: Iterable[str], output: Path | None) -> None:
    if output is None:
        for piece in pieces:
            sys.stdout.write(printable(piece))
        return
    try:
        with output.open("w", encoding="utf-8") as file:
            file.writelines(pieces)
    except OSError as error:
        raise StorageError(f"{output} cannot be written: {error.strerror}") from error
