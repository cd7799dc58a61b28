"""Rounds through the memories: when they are due, also over restarts and wrong clocks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ruster.core.memory import Layer, Record
from ruster.memory.memories import Memories
from ruster.memory.rounds import Rounds
from ruster.memory.upkeep.settings import UpkeepSettings
from ruster.testing import ManualClock

HOUR_S = 3600.0


class House:
    """Two memories and what goes through them."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.memories = Memories(folder / "owners", clock, 8)
        self.files = [self.memories.owner_file(owner) for owner in (1, 2)]
        self.state = folder / "rounds.json"
        settings = UpkeepSettings()
        lend = self.memories.lend
        self.rounds = Rounds(lend, lambda: self.files, self.state, settings, clock)

    async def remember(self, file: Path) -> None:
        async with self.memories.lend(file) as store:
            await store.insert(Record("We decided to go by train.", tags=("decision",)))

    async def layers(self, file: Path) -> list[Layer]:
        async with self.memories.lend(file) as store:
            return [record.layer for record in await store.recent()]


@asynccontextmanager
async def house(folder: Path, clock: ManualClock) -> AsyncIterator[House]:
    built = House(folder, clock)
    try:
        yield built
    finally:
        await built.memories.aclose()


async def test_decisions_become_insights_in_every_memory(tmp_path: Path) -> None:
    clock = ManualClock()
    async with house(tmp_path, clock) as it:
        for file in it.files:
            await it.remember(file)
        await it.rounds.go()
        assert await it.layers(it.files[0]) == [Layer.INTERACT]
        clock.advance(25 * HOUR_S)
        await it.rounds.go()
        for file in it.files:
            assert await it.layers(file) == [Layer.INSIGHTS]


async def test_a_round_is_made_once_in_its_time_also_over_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with house(tmp_path, clock) as it:
        await it.remember(it.files[0])
        clock.advance(25 * HOUR_S)
        await it.rounds.go()
        await it.remember(it.files[1])
    clock.advance(5 * HOUR_S)
    async with house(tmp_path, clock) as it:
        before = it.state.read_bytes()
        await it.rounds.go()  # five hours after the last one: not due
        assert it.state.read_bytes() == before
        clock.advance(2 * HOUR_S)
        await it.rounds.go()
        assert it.state.read_bytes() != before


@pytest.mark.parametrize("content", ["", "[]", '{"promoted": "x"}', '{"promoted": 1e18}', "{"])
async def test_what_cannot_be_read_or_true_counts_as_never(tmp_path: Path, content: str) -> None:
    clock = ManualClock()
    async with house(tmp_path, clock) as it:
        await it.remember(it.files[0])
        clock.advance(25 * HOUR_S)
        it.state.write_text(content)
        await it.rounds.go()
        assert await it.layers(it.files[0]) == [Layer.INSIGHTS]


async def test_one_damaged_memory_stops_no_other(tmp_path: Path) -> None:
    clock = ManualClock()
    async with house(tmp_path, clock) as it:
        it.files[0].parent.mkdir(parents=True)
        it.files[0].write_bytes(b"no database" * 1000)
        await it.remember(it.files[1])
        clock.advance(25 * HOUR_S)
        await it.rounds.go()
        assert await it.layers(it.files[1]) == [Layer.INSIGHTS]
