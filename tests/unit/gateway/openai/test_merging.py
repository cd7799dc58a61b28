"""Several streams as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from ruster.core.errors import ProviderError
from ruster.gateway.openai.merging import gathered, merged


class Source:
    """Streams that say when they are closed, and how many run at once."""

    def __init__(self) -> None:
        self.closed = self.running = self.most = 0

    async def say(self, *items: str | float | Exception) -> AsyncGenerator[str, None]:
        """Yield texts, wait for numbers, raise errors."""
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for item in items:
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, float):
                    await asyncio.sleep(item)
                else:
                    yield item
        finally:
            self.running -= 1
            self.closed += 1


async def test_all_items_come_with_their_streams_number() -> None:
    source = Source()
    assert await gathered([source.say("a", "b"), source.say(), source.say("c")]) == [
        ["a", "b"],
        [],
        ["c"],
    ]
    assert source.closed == 3


async def test_silence_is_told() -> None:
    async with aclosing(merged([Source().say("a", 0.2, "b")], heartbeat_s=0.01)) as items:
        told = [item async for item in items]
    assert (told[0], told[1], told[-1]) == ((0, "a"), None, (0, "b"))


async def test_an_error_ends_the_others() -> None:
    source = Source()
    with pytest.raises(ProviderError, match="broke"):
        await gathered([source.say("a", 600.0), source.say(ProviderError("broke"))])
    assert source.closed == 2


async def test_closing_closes_what_runs() -> None:
    source = Source()
    items = merged([source.say("a", 600.0), source.say(600.0)])
    assert await anext(items) == (0, "a")
    await items.aclose()
    assert source.closed == 2


async def test_only_four_run_at_once() -> None:
    source = Source()
    await gathered([source.say(0.01, "a") for _ in range(9)])
    assert (source.most, source.closed) == (4, 9)


async def test_a_slow_reader_holds_the_stream_back() -> None:
    taken: list[int] = []

    async def endless() -> AsyncGenerator[int, None]:
        while True:
            taken.append(1)
            yield 1

    items = merged([endless()])
    await anext(items)
    for _ in range(1000):
        await asyncio.sleep(0)
    await items.aclose()
    assert len(taken) < 100
