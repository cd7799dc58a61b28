"""``state.json`` is written whole, after changes and at the end; a full disk ends nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from ruster.core.errors import StorageError
from ruster.proactive.pulse.state_file import StateFile
from ruster.storage.disk import Disk


class Looks:
    """Counts the looks, and says when there was one."""

    def __init__(self) -> None:
        self.count = 0
        self.failure: StorageError | None = None
        self.looked = asyncio.Event()

    async def __call__(self) -> dict[str, Any]:
        self.count += 1
        self.looked.set()
        if self.failure is not None:
            raise self.failure
        return {"looks": self.count}


async def test_changes_share_a_write_and_the_last_one_is_kept(tmp_path: Path) -> None:
    looks = Looks()
    path = tmp_path / "pulse" / "state.json"
    state = StateFile(path, looks, Disk())
    state.start()
    await looks.looked.wait()
    for _ in range(100):
        state.changed()
    await state.aclose()
    assert json.loads(path.read_text()) == {"looks": 2}
    assert [it.name for it in path.parent.iterdir()] == ["state.json"]
    await state.aclose()
    assert looks.count == 2


async def test_what_fails_leaves_what_was_written(tmp_path: Path) -> None:
    looks = Looks()
    path = tmp_path / "pulse" / "state.json"
    state = StateFile(path, looks, Disk())
    state.start()
    await looks.looked.wait()
    looks.failure = StorageError("no space is left", code="disk_full")
    await state.aclose()
    assert json.loads(path.read_text()) == {"looks": 1}
