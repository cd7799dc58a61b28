"""``rusterctl approvals``: what waits for a yes or a no, and saying it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from ruster.cli.approving import KeyAnswers
from ruster.cli.following import follow
from ruster.cli.location import socket_path
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.question import question_text, safe
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import is_terminal, printable, write_line
from ruster.client import Client
from ruster.protocol import events
from ruster.protocol.commands import ApprovalScope

__all__ = ["approve", "list_approvals", "reject", "watch"]

_Approval = Annotated[str, typer.Argument(help="The approval, such as pa-5f0c9a1be2d34c77.")]
_Scope = Annotated[
    ApprovalScope,
    typer.Option("--scope", help="This call, calls like it in this session, or always."),
]
_Reason = Annotated[str | None, typer.Option("--reason", "-r", help="Told to the model.")]


def list_approvals(socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """List what waits for an answer."""
    listed = request(socket, events.ApprovalListing, "approval_list", as_json)
    if listed is not None:
        rows = [
            (it.approval_id, it.session_id, safe(it.tool), safe(it.target or ""), it.risk)
            for it in listed.approvals
        ]
        print_rows(("Approval", "Session", "Tool", "Acts on", "Risk"), rows)


def approve(
    approval: _Approval,
    scope: _Scope = ApprovalScope.ONCE,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a tool do exactly what was shown."""
    answered = request(
        socket,
        events.ApprovalAnswered,
        "approve",
        as_json,
        approval_id=approval,
        scope=scope.value,
    )
    if answered is not None:
        print(f"approved {approval}")


def reject(
    approval: _Approval,
    reason: _Reason = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a tool from doing what was shown."""
    fields = {"approval_id": approval, "reason": reason}
    if request(socket, events.ApprovalAnswered, "reject", as_json, **fields) is not None:
        print(f"rejected {approval}")


def watch(socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Show questions as they come; at a terminal one key answers. Ctrl-C leaves."""
    asyncio.run(_watch(socket_path(socket), as_json))


async def _watch(path: Path, as_json: bool) -> None:
    async with (
        Client(path) as client,
        _answers(client, as_json) as answers,
        aclosing(follow(path, {"action": "approval_list", "watch": True})) as lines,
    ):
        async for parsed in lines:
            if as_json:
                write_line(parsed.line)
                continue
            for event in _told(parsed.event):
                _print(event)
                if answers is not None:
                    answers.take(event)


@asynccontextmanager
async def _answers(client: Client, as_json: bool) -> AsyncIterator[KeyAnswers | None]:
    """Take keys, if there is a terminal to take them from."""
    if as_json or not (sys.stdin.isatty() and is_terminal()):
        yield None
        return
    answers = KeyAnswers(client)
    try:
        yield answers
    finally:
        answers.close()


def _told(event: events.Event) -> list[events.ApprovalQuestion | events.ApprovalResolved]:
    if isinstance(event, events.ApprovalListing):
        return list(event.approvals)
    if isinstance(event, (events.ApprovalRequired, events.ApprovalResolved)):
        return [event]
    return []


def _print(event: events.ApprovalQuestion | events.ApprovalResolved) -> None:
    if isinstance(event, events.ApprovalResolved):
        print(printable(f"[{event.approval_id}: {event.state}, {safe(event.by)}]"), flush=True)
    else:
        session = getattr(event, "session_id", "")
        print(f"{event.approval_id} in {safe(session)}:\n{question_text(event)}", flush=True)
