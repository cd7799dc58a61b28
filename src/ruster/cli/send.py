"""``rusterctl send``: say something and do not wait for the answer."""

from __future__ import annotations

from typing import Annotated

import typer

from ruster.cli.options import DEFAULT_SESSION, JsonOption, SessionOption, SocketOption
from ruster.cli.request import ensure_session, request
from ruster.cli.terminal import clean_argument
from ruster.protocol.commands import SendMode
from ruster.protocol.events import Accepted

__all__ = ["send"]

_Message = Annotated[list[str], typer.Argument(help="What to say.")]
_Mode = Annotated[
    SendMode,
    typer.Option("--mode", help="While a turn runs: wait for it, join it, or end it."),
]


def send(
    message: _Message,
    session: SessionOption = DEFAULT_SESSION,
    mode: _Mode = SendMode.QUEUE,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say something and leave when it is accepted; the answer is not waited for.

    While the agent waits for the answer to a question, what is sent is that answer.
    """
    ensure_session(session, socket)
    text = clean_argument(" ".join(message))
    fields = {"session_id": session, "message": text, "mode": mode.value}
    if request(socket, Accepted, "send", as_json, **fields) is not None:
        print(f"accepted in {session}")
