"""``rusterctl cancel``."""

from __future__ import annotations

from typing import Annotated

import typer

from ruster.cli.options import DEFAULT_SESSION, JsonOption, SessionOption, SocketOption
from ruster.cli.request import request
from ruster.protocol.events import CancelReport

__all__ = ["cancel"]

_Queued = Annotated[bool, typer.Option("--queued", help="Also drop the messages that wait.")]


def cancel(
    session: SessionOption = DEFAULT_SESSION,
    queued: _Queued = False,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a session's running turn; what was said so far is kept."""
    report = request(
        socket, CancelReport, "cancel", as_json, session_id=session, queued=queued or None
    )
    if report is not None:
        print("cancelled" if report.cancelled else "no turn is running")
        if report.dropped:
            print(f"{report.dropped} waiting messages dropped")
