"""What the tests of the terminal interface share: it runs here, the daemon is a real one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from ruster.client import Client
from ruster.tui.app import RusterTui

__all__ = ["screen_text", "sitting", "until"]

_PATIENCE_S = 20.0


@asynccontextmanager
async def sitting(
    folder: Path, session: str = "main", size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[RusterTui, Pilot[int]]]:
    """Sit before the interface; its session is open."""
    async with Client(folder / "r.sock", patience_s=math.inf) as client:
        app = RusterTui(client, session)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.desk.session_id == session)
            yield app, pilot
        if app.fault is not None:
            raise app.fault


async def until(pilot: Pilot[int], true: Callable[[], object]) -> None:
    """Wait until something holds on the screen."""
    async with asyncio.timeout(_PATIENCE_S):
        while not true():
            await pilot.pause(0.02)


def screen_text(app: RusterTui) -> str:
    """Return what the screen shows, line by line."""
    width = app.size.width
    lines = app.screen._compositor.render_strips(app.size)
    return "\n".join(strip.text[:width].rstrip() for strip in lines)
