"""The only maker of tasks: every task has a name, a reference, and its failure is logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["cancel_and_wait", "spawn"]

_T = TypeVar("_T")
_log = logging.getLogger("ruster.tasks")
_live: set[asyncio.Task[Any]] = set()


def spawn(
    coro: Coroutine[Any, Any, _T], *, name: str, log_failure: bool = True
) -> asyncio.Task[_T]:
    """Run ``coro`` as a named task that is kept alive until it ends.

    A failure is logged with the task's name, so that none vanishes; pass ``log_failure=False`` only
    where the one who started the task tells of its failure.
    """
    task = asyncio.get_running_loop().create_task(coro, name=name)
    _live.add(task)
    task.add_done_callback(_log_failure if log_failure else _forget)
    return task


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until each has ended, whatever it ended with."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _log_failure(task: asyncio.Task[Any]) -> None:
    if (error := _forget(task)) is not None:
        _log.error("task %s failed", task.get_name(), exc_info=error)


def _forget(task: asyncio.Task[Any]) -> BaseException | None:
    """Let go of an ended task and return what it failed with."""
    _live.discard(task)
    return None if task.cancelled() else task.exception()
