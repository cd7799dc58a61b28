"""kill -9 between writing a question down and showing it: it is there, and it is withdrawn."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ruster.storage.journal import unseal
from tests.unit.trust.support import house

_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.unit.trust.support import ASK, house, scope, shell

def die(approval):
    os.kill(os.getpid(), signal.SIGKILL)

async def main(folder, when):
    async with house(folder) as it:
        if when == "shown":
            it.approvals._show = die
        else:
            it.approvals._register.asked = lambda question: die(None)
        await it.approvals.ask(shell("rm -rf build"), ASK, scope(folder))

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def _die(folder: Path, when: str) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(folder), when],
        env=environment,
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


async def _after_restart(folder: Path) -> list[str]:
    async with house(folder) as it:
        assert it.approvals.pending() == ()
        return [question.tool for question, _ in it.trust.withdrawn]


async def test_a_question_killed_before_it_was_shown_is_withdrawn(folder: Path) -> None:
    await asyncio.to_thread(_die, folder, "shown")
    lines = (folder / "state" / "approvals.jsonl").read_bytes().splitlines(keepends=True)
    (body,) = [unseal(line) for line in lines]
    assert body is not None
    record = json.loads(body)
    assert (record["kind"], record["arguments"]) == ("asked", {"command": "rm -rf build"})
    assert await _after_restart(folder) == ["shell"]
    assert await _after_restart(folder) == []


async def test_the_test_would_see_a_question_that_was_not_written_down(folder: Path) -> None:
    await asyncio.to_thread(_die, folder, "written")
    with pytest.raises(AssertionError):
        assert await _after_restart(folder) == ["shell"]
