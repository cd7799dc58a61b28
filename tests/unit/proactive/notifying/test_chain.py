"""Several ways to notify, taken together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ruster.core.notices import Notification
from ruster.core.tasks import spawn
from ruster.proactive.notifying.chain import Notifiers

NOTE = Notification("title", "text", key="k")


class Way:
    """A way to notify that does what it is told, once it may."""

    def __init__(self, shows: bool, asks: bool = False) -> None:
        self._shows, self._asks = shows, asks
        self.shown: list[Notification] = []
        self.withdrawn: list[str] = []
        self.chosen: Callable[[str], None] | None = None
        self.may = asyncio.Event()
        self.may.set()

    async def notify(
        self, notification: Notification, chosen: Callable[[str], None] | None = None
    ) -> bool:
        await self.may.wait()
        self.shown.append(notification)
        self.chosen = chosen
        return self._shows

    async def withdraw(self, key: str) -> None:
        self.withdrawn.append(key)

    async def can_ask(self) -> bool:
        return self._asks


@pytest.mark.parametrize(
    "shows", [(), (False,), (True,), (False, True), (True, False), (True, True), (False, False)]
)
async def test_all_are_used_and_one_is_enough(shows: tuple[bool, ...]) -> None:
    ways = [Way(it) for it in shows]
    both = Notifiers(tuple(ways))
    assert await both.notify(NOTE) is any(shows)
    await both.withdraw("k")
    assert [(it.shown, it.withdrawn) for it in ways] == [([NOTE], ["k"])] * len(ways)


@pytest.mark.parametrize("asks", [(), (False,), (True,), (False, True), (False, False)])
async def test_one_that_can_ask_is_enough(asks: tuple[bool, ...]) -> None:
    assert await Notifiers(tuple(Way(True, it) for it in asks)).can_ask() is any(asks)


async def test_none_waits_for_another() -> None:
    slow, quick = Way(True), Way(True)
    slow.may.clear()
    telling = spawn(Notifiers((slow, quick)).notify(NOTE), name="notify")
    async with asyncio.timeout(20):
        while not quick.shown:
            await asyncio.sleep(0)
    assert not telling.done()
    slow.may.set()
    assert await telling


async def test_the_first_choice_counts() -> None:
    first, second = Way(True), Way(True)
    chosen: list[str] = []
    await Notifiers((first, second)).notify(NOTE, chosen.append)
    assert first.chosen is not None
    assert second.chosen is not None
    second.chosen("approve")
    first.chosen("reject")
    second.chosen("approve")
    assert chosen == ["approve"]
