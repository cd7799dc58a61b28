"""Rounds through the memories: all are visited, and a broken one keeps no other from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
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
        self.rounds = Rounds(self.memories.lend, lambda: self.files, UpkeepSettings())

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
        assert await it.rounds.promote() == "2 memories: moved nothing"
        assert await it.layers(it.files[0]) == [Layer.INTERACT]
        clock.advance(25 * HOUR_S)
        assert await it.rounds.promote() == "2 memories: moved 2 by decision"
        for file in it.files:
            assert await it.layers(file) == [Layer.INSIGHTS]


async def test_what_is_out_of_sight_for_long_is_cleaned_away(tmp_path: Path) -> None:
    clock = ManualClock()
    async with house(tmp_path, clock) as it:
        async with it.memories.lend(it.files[0]) as store:
            await store.insert(Record("It rains.", expires=clock.now() + HOUR_S))
        assert await it.rounds.vacuum() == "2 memories: 0 records are gone for good"
        clock.advance(400 * 24 * HOUR_S)
        await it.rounds.promote()
        clock.advance(31 * 24 * HOUR_S)
        assert "1 records are gone" in await it.rounds.vacuum()


async def test_one_damaged_memory_stops_no_other_but_is_told_of(tmp_path: Path) -> None:
    clock = ManualClock()
    async with house(tmp_path, clock) as it:
        it.files[0].parent.mkdir(parents=True)
        it.files[0].write_bytes(b"no database" * 1000)
        await it.remember(it.files[1])
        clock.advance(25 * HOUR_S)
        with pytest.raises(MemoryError, match="1 of 2 memories failed"):
            await it.rounds.promote()
        assert await it.layers(it.files[1]) == [Layer.INSIGHTS]
