"""Two processes on one file: nothing is lost or damaged, each sees what the other wrote."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ruster.core.memory import Record
from ruster.memory.index import nearest, vectors
from ruster.memory.store import MemoryStore
from tests.unit.memory.memories import BagOfWords, memory, texts

_EACH = 40
_CHILD = """
import asyncio, sys
from pathlib import Path
from ruster.core.memory import Layer, Record
from tests.unit.memory.memories import BagOfWords, memory

async def main(folder, name, count):
    async with memory(folder, BagOfWords()) as store:
        for n in range(count):
            made = await store.insert(Record(f"{name} stone {n}", session="s"))
            await store.facts.set(f"{name}.{n}", "set")
            await store.keep(Record(f"it is {name} {n}", slot="turn"))
            if n % 5 == 0:
                await store.forget([made.id])
            if n % 7 == 0:
                await store.upkeep().vacuum()
            if n % 11 == 0:
                await store.repair()
        await store.settle()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
"""


def _start(folder: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", _CHILD, str(folder), name, str(count)]
    return subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE)


async def _end(child: subprocess.Popen[bytes]) -> None:
    _, errors = await asyncio.to_thread(child.communicate)
    assert child.returncode == 0, errors.decode()


async def test_two_processes_write_at_once(folder: Path) -> None:
    children = [_start(folder, name, _EACH) for name in ("red", "blue")]
    await asyncio.gather(*(_end(child) for child in children))
    async with memory(folder, BagOfWords()) as store:
        told = [it.text for it in await store.recent(limit=10_000)]
        stones = {text for text in told if "stone" in text}
        kept = {n for n in range(_EACH) if n % 5}
        assert stones == {f"{name} stone {n}" for name in ("red", "blue") for n in kept}
        assert len(await store.facts.keys()) == 2 * _EACH
        assert sum(text.startswith("it is") for text in told) == 1
        assert texts(await store.search("blue stone 33", 1)) == ["blue stone 33"]


@pytest.mark.parametrize("kept_in_memory", [False, True])
async def test_each_sees_what_the_other_wrote(
    folder: Path, kept_in_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kept_in_memory:
        monkeypatch.setattr(nearest, "_FEW", 1)
        monkeypatch.setattr(vectors, "EXACT_LIMIT", 1)
    bag = BagOfWords(rock="stone")
    async with memory(folder, bag) as store:
        await store.insert_many([Record("a bird"), Record("a fish")])
        await store.settle()
        await _found(store, "rock 7", "a ")
        await _end(_start(folder, "red", 9))
        await _found(store, "rock 7", "red stone 7")
        await store.forget([it.id for it in await store.recent() if "stone 7" in it.text])
        assert "red stone 7" not in texts(await store.search("rock 7"))


async def _found(store: MemoryStore, question: str, beginning: str) -> None:
    hits = await store.search(question, 1)
    assert hits[0].record.text.startswith(beginning)
