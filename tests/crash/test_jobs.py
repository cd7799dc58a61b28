"""``kill -9`` in the middle of jobs: no due is lost, and what must not be repeated never is."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from ruster.proactive.jobs.job import Outcome
from ruster.proactive.jobs.store import JobStore
from tests.crash.jobs_child import JOBS

ROOT = Path(__file__).parent.parent.parent


async def started(folder: Path) -> asyncio.subprocess.Process:
    """Start a scheduler in a process and wait until it works."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.jobs_child",
        str(folder),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert child.stdout is not None
    async with asyncio.timeout(30):
        assert b"ready" in await child.stdout.read(1024)
    return child


async def killed(child: asyncio.subprocess.Process) -> None:
    child.send_signal(signal.SIGKILL)
    await child.communicate()


@pytest.mark.timeout(600)
async def test_effects_come_at_most_once_and_every_due_has_its_receipt(
    tmp_path: Path, kills: int
) -> None:
    rng = random.Random(7)
    for _ in range(max(5, kills // 2)):
        child = await started(tmp_path)
        await asyncio.sleep(rng.uniform(0.0, 0.3))
        await killed(child)
    child = await started(tmp_path)
    await asyncio.sleep(2.5)  # what was begun is ended now
    await killed(child)
    once = Counter(line.split()[1] for line in (tmp_path / "once").read_text().splitlines())
    again = {line.split()[1] for line in (tmp_path / "again").read_text().splitlines()}
    assert set(once.values()) == {1}
    store = await JobStore.open(tmp_path / "jobs.sqlite")
    try:
        interrupted = 0
        for number in range(JOBS):
            receipts = await store.history(0, f"j-{number}", 100_000)
            dues = [it.due for it in reversed(receipts)]
            assert dues == sorted(set(dues))
            for earlier, later in zip(receipts[1:], receipts, strict=False):
                assert round(later.due - earlier.due) == later.missed + 1  # none in between is lost
            done = [it.key for it in receipts if it.outcome is Outcome.DONE]
            assert set(done) <= (set(once) if number % 2 else again)
            interrupted += sum(it.outcome is Outcome.INTERRUPTED for it in receipts)
        assert interrupted  # else no kill came in the middle of a run
    finally:
        await store.aclose()
