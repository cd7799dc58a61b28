"""``rusterctl server``: programs that bring events, and the sessions they bring them to."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import typer

from ruster.cli.following import follow
from ruster.cli.location import socket_path
from ruster.cli.options import DEFAULT_SESSION, JsonOption, SessionOption, SocketOption
from ruster.cli.question import safe
from ruster.cli.request import ensure_session, request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import printable, write_line
from ruster.protocol import events
from ruster.protocol.commands import EventMode

__all__ = ["attach", "detach", "get", "list_servers", "send", "subscribe"]

_Name = Annotated[str, typer.Argument(help="The server's name.")]
_Message = Annotated[list[str], typer.Argument(help="What to ask it.")]
_MaybeSession = Annotated[
    str | None, typer.Option("--session", "-s", help="A session that the question is about.")
]
_Mode = Annotated[
    EventMode,
    typer.Option(
        "--mode",
        help="With the next message, told to everybody there, or answered by the model at once.",
    ),
]


def list_servers(socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """List the event servers that are there, or that sessions are attached to."""
    listed = request(socket, events.ServerListing, "server_list", as_json)
    if listed is not None:
        rows = [
            (it.server, it.state, str(it.sessions), safe(it.error or it.description))
            for it in listed.servers
        ]
        print_rows(("Server", "State", "Sessions", "What it says, or what is wrong"), rows)


def get(name: _Name, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Print all of one server."""
    report = request(socket, events.ServerReport, "server_get", as_json, server=name)
    if report is None:
        return
    it = report.server
    facts = {
        "Server": it.server,
        "State": it.state,
        "What it does": it.description,
        "Last error": it.error,
        "Socket": it.path,
        "User": None if it.uid is None else f"uid {it.uid}",
        "Events": str(it.events),
        "Broken lines": str(report.faults),
        "Connected": f"{report.connections} times",
        "Tools": ", ".join(tool.name for tool in report.tools),
    }
    for what, value in facts.items():
        if value:
            print(f"{what}: {safe(value)}")
    for one in report.attachments:
        print(f"Session: {safe(one.session_id)} ({safe(_counts(one))})")


def attach(
    name: _Name,
    session: SessionOption = DEFAULT_SESSION,
    mode: _Mode = EventMode.NEXT_TURN,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a server's events, and its tools, to a session; or change how."""
    ensure_session(session, socket)
    fields = {"session_id": session, "server": name, "mode": mode.value}
    done = request(socket, events.ServerAttached, "server_attach", as_json, **fields)
    if done is not None:
        print(printable(f"{done.session_id} has {done.server}, {done.mode}"))


def detach(
    name: _Name,
    session: SessionOption = DEFAULT_SESSION,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a server's events to a session no more."""
    fields = {"session_id": session, "server": name}
    done = request(socket, events.ServerDetached, "server_detach", as_json, **fields)
    if done is not None:
        what = "does not have" if not done.detached else "has no longer"
        print(printable(f"{done.session_id} {what} {done.server}"))


def send(
    name: _Name,
    message: _Message,
    session: _MaybeSession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a server something and print what it answers."""
    fields: dict[str, Any] = {"server": name, "message": " ".join(message), "session_id": session}
    reply = request(socket, events.ServerReplied, "server_send", as_json, **fields)
    if reply is not None:
        print(printable(_text(reply.payload)))


def subscribe(name: _Name, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Print a server's events as they come. Ctrl-C leaves."""
    asyncio.run(_subscribe(socket_path(socket), name, as_json))


async def _subscribe(path: Path, name: str, as_json: bool) -> None:
    async with aclosing(follow(path, {"action": "server_subscribe", "server": name})) as lines:
        async for parsed in lines:
            if as_json:
                write_line(parsed.line)
            elif isinstance(parsed.event, events.ServerEvent):
                told = parsed.event
                about = f" [{told.session_id}]" if told.session_id else ""
                print(printable(f"{told.time}{about} {_text(told.payload)}"), flush=True)


def _counts(one: events.ServerAttachment) -> str:
    counts = {
        "delivered": one.delivered,
        "dropped": one.dropped,
        "failed": one.failed,
        "waiting": one.waiting,
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    error = f"; {one.error}" if one.error else ""
    return f"{one.mode}{', ' if told else ''}{told}{error}"


def _text(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
