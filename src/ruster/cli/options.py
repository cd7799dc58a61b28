"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from ruster.cli.location import socket_path
from ruster.client.sync import SyncClient
from ruster.core.errors import RusterError

__all__ = ["DEFAULT_SESSION", "JsonOption", "ModelOption", "SessionOption", "SocketOption"]

DEFAULT_SESSION = "main"
_COMPLETION_TIMEOUT_S = 1.0


def complete_sessions(ctx: typer.Context, incomplete: str) -> list[str]:
    """Name the sessions that begin with what was typed; none when there is no daemon."""
    try:
        path = socket_path(ctx.params.get("socket"))
        with SyncClient(path, _COMPLETION_TIMEOUT_S) as client:
            names = getattr(client.call("list").event, "sessions", [])
    except RusterError:
        return []
    return [name for name in names if name.startswith(incomplete)]


SessionOption = Annotated[
    str,
    typer.Option(
        "--session", "-s", help="The session to talk in.", autocompletion=complete_sessions
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", help="The session's model from now on, as provider/model."),
]
SocketOption = Annotated[
    str | None, typer.Option("--socket", help="The daemon's socket, if not the configured one.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the daemon's events as JSON.")]
SessionArgument = Annotated[
    str, typer.Argument(help="The session.", autocompletion=complete_sessions)
]
