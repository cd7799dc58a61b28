"""``rusterctl ask``: one question, the answer on stdout and nothing else there."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path
from typing import Annotated

import typer

from ruster.cli.guard import FAILED, INTERRUPTED
from ruster.cli.location import socket_path
from ruster.cli.options import (
    DEFAULT_SESSION,
    JsonOption,
    ModelOption,
    SessionOption,
    SocketOption,
)
from ruster.cli.terminal import clean_argument
from ruster.cli.turns import Outcome, TurnRun
from ruster.cli.views import AnswerView, JsonView, View
from ruster.client import Client

__all__ = ["answer_once", "ask"]

_STATUS: dict[Outcome, int] = {
    "done": 0,
    "failed": FAILED,
    "cancelled": FAILED,
    "interrupted": INTERRUPTED,
}


def ask(
    message: Annotated[list[str] | None, typer.Argument(help="What to ask.")] = None,
    session: SessionOption = DEFAULT_SESSION,
    model: ModelOption = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> int:
    """Ask once and print the answer, nothing else.

    What is piped in is added below the question:  git diff | rusterctl ask "Anything wrong here?"

    Ctrl-C cancels the turn. Exit status: 0 answered, 1 refused, failed or cancelled, 2 wrong
    usage, 3 no daemon, 130 Ctrl-C.
    """
    text = "\n\n".join(part for part in (_words(message), _piped()) if part)
    if not text.strip():
        raise typer.BadParameter("say what to ask, or pipe it in", param_hint="MESSAGE")
    view: View = JsonView() if as_json else AnswerView()
    return answer_once(socket, session, model, text, view)


def answer_once(socket: str | None, session: str, model: str | None, text: str, view: View) -> int:
    """Send one message, show what comes, and return the exit status."""
    return _STATUS[asyncio.run(_ask(socket_path(socket), session, model, text, view))]


async def _ask(path: Path, session: str, model: str | None, text: str, view: View) -> Outcome:
    async with Client(path) as client:
        await client.create(session, model)
        return await TurnRun(client, session, view).run(text)


def _words(message: list[str] | None) -> str:
    return clean_argument(" ".join(message or []))


def _piped() -> str:
    """Read stdin if something is piped or redirected into it; a terminal is left alone."""
    try:
        kind = stat.S_IFMT(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):  # closed, or none at all
        return ""
    if kind not in (stat.S_IFIFO, stat.S_IFREG, stat.S_IFSOCK):
        return ""
    return sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\n")
