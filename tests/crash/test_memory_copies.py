"""``kill -9`` while a memory is put back: it is the old one or the copy, whole, never a mixture."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from ruster.memory.backups import BEFORE_RESTORE
from ruster.testing import DaemonProcess, RawClient

_COPIED = 200
_LATEST_KILL_S = 0.06
_KILLS_PER_ROUND = 10


async def _ask(client: RawClient, action: str, **fields: Any) -> dict[str, Any]:
    return await client.ask({"action": f"memory_{action}", **fields})


@pytest.mark.timeout(600)
async def test_a_memory_killed_while_it_is_put_back_is_whole(folder: Path, kills: int) -> None:
    async with DaemonProcess(folder), RawClient(folder / "r.sock") as client:
        items = [{"type": "memory", "text": f"old {n} " + "word " * 40} for n in range(_COPIED)]
        await _ask(client, "import", items=items)
        await _ask(client, "backup", name="one")
        await _ask(client, "add", text="the newest one", layer="interact")
    chance = random.Random(kills)
    seen = set()
    for number in range(max(4, kills // _KILLS_PER_ROUND)):
        async with DaemonProcess(folder) as daemon, RawClient(folder / "r.sock") as client:
            (held,) = (await _ask(client, "stats"))["memories"]
            count = held["layers"]["interact"]
            assert count in (_COPIED, _COPIED + 1)
            seen.add(count)
            assert (await _ask(client, "reindex"))["repaired"] == []
            name = "one" if count > _COPIED else BEFORE_RESTORE
            await client.send({"action": "memory_restore", "name": name})
            if number % 4 == 3:  # so that both are met however slow the machine is
                await client.event("memory_restored")
            else:
                await asyncio.sleep(chance.uniform(0, _LATEST_KILL_S))
            await daemon.kill()
    async with DaemonProcess(folder), RawClient(folder / "r.sock") as client:
        (held,) = (await _ask(client, "stats"))["memories"]
        seen.add(held["layers"]["interact"])
        await _ask(client, "backup", name="last")
        assert {it["name"] for it in (await _ask(client, "backups"))["backups"]} >= {"one", "last"}
    data = folder / "data"
    assert not [it for head in (".part*", ".restoring*") for it in data.rglob(head)]
    assert seen == {_COPIED, _COPIED + 1}
