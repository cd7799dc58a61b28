"""Several answers at once, as one stream; silence is told, so that a connection can be kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

from ruster.core.tasks import cancel_and_wait, spawn

__all__ = ["HEARTBEAT_S", "gathered", "merged"]

_T = TypeVar("_T")
HEARTBEAT_S = 15.0
_AT_ONCE = 4
_MAX_WAITING = 64


class _Ended:
    """Says that a stream is over, and with what error if there was one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


async def merged(
    streams: Sequence[AsyncGenerator[_T, None]], *, heartbeat_s: float = HEARTBEAT_S
) -> AsyncGenerator[tuple[int, _T] | None, None]:
    """Yield the items of all streams as they come, with the stream's number, and close them.

    None is yielded whenever nothing came for so long. Four streams run at once. The first error
    ends all and is raised.
    """
    queue: asyncio.Queue[tuple[int, _T] | _Ended] = asyncio.Queue(_MAX_WAITING)
    turns = asyncio.Semaphore(_AT_ONCE)

    async def pump(number: int, stream: AsyncGenerator[_T, None]) -> None:
        ended = _Ended()
        try:
            async with turns, aclosing(stream):
                async for item in stream:
                    await queue.put((number, item))
        except Exception as error:  # noqa: BLE001 - raised again where the items are taken
            ended = _Ended(error)
        await queue.put(ended)

    tasks = [spawn(pump(*pair), name="one answer of several") for pair in enumerate(streams)]
    left = len(tasks)
    try:
        while left:
            try:
                async with asyncio.timeout(heartbeat_s):
                    got = await queue.get()
            except TimeoutError:
                yield None
                continue
            if not isinstance(got, _Ended):
                yield got
            elif got.error is not None:
                raise got.error
            else:
                left -= 1
    finally:
        await cancel_and_wait(*tasks)


async def gathered(streams: Sequence[AsyncGenerator[_T, None]]) -> list[list[_T]]:
    """Return all items of each stream."""
    found: list[list[_T]] = [[] for _ in streams]
    async with aclosing(merged(streams)) as items:
        async for item in items:
            if item is not None:
                found[item[0]].append(item[1])
    return found
