"""Work that takes a while, done beside what else a client does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial

from ruster.core.tasks import spawn
from ruster.handlers.caller import Caller

__all__ = ["beside"]


def beside(
    caller: Caller, work: Coroutine[object, object, None], name: str, *, ends: bool = False
) -> asyncio.Future[None]:
    """Set work going; with ``ends`` it ends when the client goes away."""
    task = spawn(work, name=name, log_failure=False)
    if ends:
        key = (name, task)
        if caller.on_close is None:
            caller.on_close = {}
        caller.on_close[key] = partial(_end, task)
        task.add_done_callback(lambda _: (caller.on_close or {}).pop(key, None))
    return task


def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
