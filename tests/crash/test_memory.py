"""``kill -9`` at random points of a busy memory: it opens, its indexes agree, nothing told is lost.

The processes that are killed insert, keep, forget, promote, make vectors anew and vacuum. They are
forked from one that has everything imported.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from ruster.core.memory import Record
from ruster.memory.store import MemoryStore
from ruster.memory.upkeep.settings import UpkeepSettings
from ruster.testing import ManualClock
from tests.unit.memory.memories import NOON, BagOfWords, texts

_DAY = 86_400.0
_ROUNDS_PER_MEMORY = 30
_SETTINGS = UpkeepSettings(keep_turns_days=2, undo_days=2, unused_days=5)
_FORKER = """
import asyncio, os, sys
from tests.crash.test_memory import work
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        asyncio.run(work(*line.split()))
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


async def work(folder: str, number: str) -> None:
    """Do this and that for ever, and write down what was done once it is done."""
    chance = random.Random(int(number))
    clock = ManualClock(NOON + int(number) * _DAY)
    told = os.open(Path(folder) / "told", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def tell(what: str, *values: str) -> None:
        os.write(told, json.dumps([what, *values]).encode() + b"\n")

    store = await _open(Path(folder), clock, BagOfWords(f"bag/{int(number) // 2 % 2}"))
    upkeep = store.upkeep(_SETTINGS)
    tell("open")
    ids: list[str] = []
    for n in range(1_000_000):
        name = f"{number}x{n}"
        match chance.choice(("insert", "insert", "insert", "keep", "fact", "forget", "upkeep")):
            case "insert":
                tags = ("decision",) if chance.random() < 0.2 else ()
                records = [
                    Record(f"stone {name} {at} secret{name}n{at}y", session="s", tags=tags)
                    for at in range(chance.choice((1, 1, 30)))
                ]
                made = await store.insert_many(records)
                ids.append(made[0].id)
                for it in made:
                    tell("record", it.id, it.text)
            case "keep":
                kept = await store.keep(Record(f"it is {name}", slot=f"slot{n % 3}"))
                tell("record", kept.id, f"it is {name}")
            case "fact":
                await store.facts.set(f"fact{n % 5}", name)
                tell("fact", f"fact{n % 5}", name)
            case "forget" if ids:
                tell("forgetting", ids[-1])
                gone = await store.forget([ids.pop()])
                tell("forgot", *gone.ids, *gone.summaries)
            case "upkeep":
                clock.advance(_DAY / 2)
                await upkeep.promote()
                await upkeep.vacuum()


async def _open(folder: Path, clock: ManualClock, bag: BagOfWords) -> MemoryStore:
    return await MemoryStore.open(folder / "memory" / "memory.sqlite", clock, UTC, [bag])


class _Forker:
    def __init__(self) -> None:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _FORKER],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def round(self, folder: Path, number: int, seconds: float) -> None:
        """Let a process work for a while on the memory in ``folder`` and kill it."""
        opened = _opened(folder / "told")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{folder} {number}\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        _wait_until_open(folder / "told", opened)
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        assert self._process.stdout.readline() == "gone\n"

    def close(self) -> None:
        """End the process they are forked from."""
        self._process.communicate()


def _opened(told: Path) -> int:
    return told.read_bytes().count(b'["open"]') if told.exists() else 0


def _wait_until_open(told: Path, before: int) -> None:
    while _opened(told) <= before:
        time.sleep(0.002)


@contextmanager
def _forker() -> Iterator[_Forker]:
    forker = _Forker()
    try:
        yield forker
    finally:
        forker.close()


def _told(folder: Path) -> list[list[Any]]:
    lines = (folder / "told").read_bytes().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


class _Expected:
    """What a memory must hold after all that was told."""

    def __init__(self, told: list[list[Any]]) -> None:
        self.records = {it[1]: it[2] for it in told if it[0] == "record"}
        self.gone = {id for it in told if it[0] == "forgot" for id in it[1:]}
        self.doubtful = {it[1] for it in told if it[0] == "forgetting"}
        self.facts = {it[1]: it[2] for it in told if it[0] == "fact"}


async def _verify(store: MemoryStore, folder: Path) -> None:
    assert await store.check() == []
    expected = _Expected(_told(folder))
    log = await store.log(limit=1_000_000)
    deleted = {it.id for it in log if it.action in ("purged", "forgotten")}
    ask = "SELECT id, text FROM items"
    there: dict[Any, Any] = await store.source.read(lambda it: dict(it.execute(ask)))
    for id, text in expected.records.items():
        if id in expected.gone:
            assert id not in there
        elif id not in deleted | expected.doubtful:
            assert there[id] == text
    # A fact may be newer than the last one told, by one that was killed before telling.
    for key, value in expected.facts.items():
        fact = await store.facts.get(key)
        assert fact is not None
        earlier = [it.value for it in await store.facts.history(key)]
        assert value in (fact.value, *earlier[:1])
    data = store.path.read_bytes()
    for id in expected.gone & expected.records.keys():
        assert expected.records[id].rsplit(" ", 1)[-1].encode() not in data


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_memory_survives_kills(folder: Path, kills: int) -> None:
    rounds = max(5, kills * 3 // 20)
    chance = random.Random(11)
    with _forker() as forker:
        for number in range(rounds):
            one = folder / str(number // _ROUNDS_PER_MEMORY)
            one.mkdir(exist_ok=True)
            await asyncio.to_thread(forker.round, one, number, chance.uniform(0.0, 0.4))
            clock = ManualClock(NOON + number * _DAY)
            store = await _open(one, clock, BagOfWords(f"bag/{number // 2 % 2}"))
            try:
                await _verify(store, one)
                if number % 5 == 0:
                    await store.settle()
                    assert await store.check() == []
                    made = await store.insert(Record(f"probe {number} alone"))
                    assert texts(await store.search(f"probe {number} alone", 1)) == [made.text]
                    await store.forget([made.id])
            finally:
                await store.aclose()
    told = sum(len(_told(it)) for it in folder.iterdir())
    assert told > 5 * rounds


async def test_the_test_would_see_a_record_that_is_lost(folder: Path) -> None:
    store = await _open(folder, ManualClock(NOON), BagOfWords())
    try:
        made = await store.insert(Record("stone secret1y"))
        (folder / "told").write_text(json.dumps(["record", made.id, made.text]) + "\n")
        await store.settle()
        await _verify(store, folder)
        await store._database.write(
            lambda it: it.execute("UPDATE items SET text = 'another' WHERE id = ?", (made.id,))
        )
        with pytest.raises(AssertionError):
            await _verify(store, folder)
    finally:
        await store.aclose()
