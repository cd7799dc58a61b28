"""``rusterctl tui``: starts the terminal interface and ends with its exit status."""

from __future__ import annotations

import asyncio
import math
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ruster.cli.guard import USAGE
from ruster.cli.location import socket_path
from ruster.cli.options import DEFAULT_SESSION, ModelOption, SessionOption, SocketOption
from ruster.cli.terminal import is_terminal
from ruster.client import Client
from ruster.core.errors import ConfigError

if TYPE_CHECKING:
    from ruster.tui.app import RusterTui

__all__ = ["tui"]

_SIGNAL_BASE = 128


def tui(
    session: SessionOption = DEFAULT_SESSION,
    model: ModelOption = None,
    socket: SocketOption = None,
) -> int:
    """Chat, approvals, jobs, board and memory on one screen. F1 tells the keys.

    Needs a terminal, and the extra `tui` installed.
    """
    if not (sys.stdin.isatty() and is_terminal()):
        sys.stderr.write("rusterctl: tui needs a terminal; for pipes there is: rusterctl ask\n")
        return USAGE
    app = _loaded()
    return asyncio.run(_run(app, socket_path(socket), session, model))


def _loaded() -> type[RusterTui]:
    """Return the application; raises ConfigError that names the extra when textual is missing."""
    try:
        from ruster.tui.app import RusterTui
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "textual":
            raise
        raise ConfigError(
            "the terminal interface is not installed: pip install 'ruster[tui]'"
        ) from error
    return RusterTui


async def _run(kind: type[RusterTui], path: Path, session: str, model: str | None) -> int:
    async with Client(path, patience_s=math.inf) as client:
        app = kind(client, session, model)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, app.exit, _SIGNAL_BASE + number)
        status = await app.run_async(mouse=True)
        if app.fault is not None:
            raise app.fault
        return status or 0
