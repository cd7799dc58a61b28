"""The power is cut under a busy daemon: an honest disk keeps what was acknowledged.

The control is a disk that lies about flushing: if that lost nothing, this test would see nothing.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ruster.core.tasks import cancel_and_wait
from ruster.protocol.commands import SendMode
from ruster.sessions.session import Session
from ruster.sessions.store import SessionStore
from ruster.testing import LossyDisk
from tests.unit.sessions.support import UID, Listener, history, listen, open_store

_SEEDS = 60


@dataclass
class Told:
    """What clients were told before the cut, by session."""

    accepted: dict[str, list[str]] = field(default_factory=dict)
    done: dict[str, list[str]] = field(default_factory=dict)


async def talk(session: Session, dice: random.Random, sent: list[str]) -> None:
    while True:
        sent.append(f"{session.id} {len(sent)} " + "x" * dice.choice([0, 10, 5000]))
        await session.send(sent[-1], SendMode.QUEUE, None)
        if dice.random() < 0.3:
            await asyncio.sleep(0)


async def run_until_the_cut(root: Path, disk: CuttableDisk, seed: int, *, sync: bool) -> Told:
    """Keep sessions busy, cut the power at a random moment; nothing is closed or flushed."""
    dice, told = random.Random(seed), Told()
    frozen = root.parent / "frozen"
    async with open_store(root, disk=disk, sync=sync) as store:
        listeners: dict[str, Listener] = {}
        talking = []
        for name in ("a", "b"):
            session = await store.create(UID, name, None, None)
            listeners[name] = await listen(session)
            talking.append(asyncio.ensure_future(talk(session, dice, [])))
        enough = dice.randint(1, 60)
        async with asyncio.timeout(20):
            while sum(len(listener.lines) for listener in listeners.values()) < enough:
                await asyncio.sleep(0)
        disk.off = True
        for name, listener in listeners.items():
            events = listener.events
            told.accepted[name] = [e["message"] for e in events if e["event"] == "accepted"]
            told.done[name] = [e["turn"] for e in events if e.get("done")]
        disk.cut_power(root)
        shutil.copytree(root, frozen)  # blocking: nothing else of the daemon runs meanwhile
        await cancel_and_wait(*talking)
    shutil.rmtree(root)
    frozen.rename(root)
    return told


async def lost_after_reboot(root: Path, told: Told) -> int:
    """Start again and count acknowledged messages and answers that are gone; check the rest."""
    lost = 0
    async with open_store(root) as store:
        for name, accepted in told.accepted.items():
            events = await settled(store, name)
            records = history(root / name)
            kept = [r["content"] for r in records if r["role"] == "user"]
            ends = [r["turn"] for r in records if "end" in r]
            assert len(kept) == len(set(kept))
            assert len(ends) == len(set(ends))
            assert {r["turn"] for r in records if r["role"] == "user"} == set(ends)
            numbers = [event["seq"] for event in events]
            assert numbers == list(range(1, len(numbers) + 1))
            lost += len(set(accepted) - set(kept)) + len(set(told.done[name]) - set(ends))
    return lost


async def settled(store: SessionStore, name: str) -> list[dict[str, object]]:
    session = await store.get(UID, name)
    await session.finished()
    listener = await listen(session, 0)
    return [json.loads(line) for line in listener.lines]


class CuttableDisk(LossyDisk):
    """After ``off`` is set nothing reaches the files any more, and nothing fails."""

    off = False

    def append(self, fd: int, data: bytes, size: int) -> None:
        if not self.off:
            super().append(fd, data, size)

    def truncate(self, fd: int, size: int) -> None:
        if not self.off:
            super().truncate(fd, size)


async def losses(root: Path, *, honest: bool = True, sync: bool = True) -> AsyncIterator[int]:
    """Tell, cut by cut, how much of what was acknowledged is gone."""
    for seed in range(_SEEDS):
        folder = root / str(seed) / "sessions"
        folder.mkdir(parents=True)
        disk = CuttableDisk(honest=honest, seed=seed)
        told = await run_until_the_cut(folder, disk, seed, sync=sync)
        yield await lost_after_reboot(folder, told)


@pytest.mark.slow
async def test_an_honest_disk_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    assert [lost async for lost in losses(tmp_path)] == [0] * _SEEDS


async def some_loss(found: AsyncIterator[int]) -> bool:
    async for lost in found:
        if lost:
            return True
    return False


async def test_a_lying_disk_loses_some_of_it(tmp_path: Path) -> None:
    """The control."""
    assert await some_loss(losses(tmp_path, honest=False))


async def test_without_flushing_some_of_it_is_lost(tmp_path: Path) -> None:
    """The control for our own part: the setting that switches flushing off."""
    assert await some_loss(losses(tmp_path, sync=False))
