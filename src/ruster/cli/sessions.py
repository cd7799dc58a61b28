"""``rusterctl sessions``: what there is, what was said, and removing it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ruster.cli.location import socket_path
from ruster.cli.options import JsonOption, SessionArgument, SocketOption
from ruster.cli.pages import count_records, read_records
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import printable
from ruster.client.sync import SyncClient
from ruster.protocol.events import Deleted, SessionList

__all__ = ["delete", "list_sessions", "record_lines", "show"]

_SPEAKERS = {"user": "YOU", "assistant": "AI"}
_All = Annotated[bool, typer.Option("--all", "-a", help="Every user's; for root and its like.")]
_Limit = Annotated[int, typer.Option("--limit", "-n", min=0, help="Records; 0 for all of them.")]


def list_sessions(
    everybody: _All = False, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Name the sessions, with model, time of creation and title."""
    listed = request(socket, SessionList, "list", as_json, all=everybody or None)
    if listed is not None:
        rows = [(d.session_id, d.model, d.created[:19], d.title) for d in listed.details]
        print_rows(("Session", "Model", "Created", "Title"), rows)


def show(
    session: SessionArgument,
    limit: _Limit = 20,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the end of a conversation."""
    with SyncClient(socket_path(socket)) as client:
        start = max(0, count_records(client, session) - limit) if limit else 0
        for record in read_records(client, session, start):
            if as_json:
                print(json.dumps(record))
            else:
                print(printable(record_lines(record)), end="")


def delete(
    session: SessionArgument, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Remove a session and all its files, at once and for good."""
    if request(socket, Deleted, "delete", as_json, session_id=session) is not None:
        print(f"deleted {session}")


def record_lines(record: dict[str, Any]) -> str:
    """Word one record of a history; nothing for notes."""
    role = str(record.get("role", ""))
    if role == "note":
        return ""
    speaker = _SPEAKERS.get(role) or f"[{record.get('name') or role}]"
    how = record.get("end")
    why = record.get("error", {}).get("message")
    mark = "" if how in (None, "done") else f"[{how}: {why}]" if why else f"[{how}]"
    said = " ".join(part for part in (str(record.get("content", "")), mark) if part)
    return f"{speaker} > {said}\n"
