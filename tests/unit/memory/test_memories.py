"""Memories lent to many at once: the surplus is closed, and never one that somebody holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ruster.core.memory import Record
from ruster.memory.memories import Memories
from ruster.testing import ManualClock


async def test_many_at_once_may_use_more_memories_than_stay_open(tmp_path: Path) -> None:
    memories = Memories(tmp_path, ManualClock(), max_open=2)
    files = [memories.owner_file(n) for n in range(10)]

    few = asyncio.Semaphore(4)

    async def use(file: Path) -> None:
        async with few, memories.lend(file) as store:
            await store.insert(Record("tea"))
            await asyncio.sleep(0)
            assert await store.recent()

    for _ in range(5):
        await asyncio.gather(*(use(file) for file in (*files, *reversed(files))))
    for file in files:
        async with memories.lend(file) as store:
            assert len(await store.recent()) == 10
    await memories.aclose()
