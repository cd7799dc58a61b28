"""The memory is loaded when it is needed, and not at all where it is switched off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ruster.testing.daemon import short_folder

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from ruster.testing.daemon import running_daemon
from ruster.testing import RawClient

HEAVY = ("ruster.memory.service", "ruster.memory.store", "ruster.handlers.memory", "apsw")

def loaded():
    return sorted(it for it in HEAVY if it in sys.modules)

async def main(folder, enabled):
    quiet = {"memory_enabled": enabled, "proactive_enabled": "false"}
    async with running_daemon(folder, **quiet) as daemon:
        async with RawClient(folder / "r.sock") as client:
            await client.ask({"action": "create", "session_id": "one"})
            print(*loaded(), sep=",")
            await client.send({"action": "send", "session_id": "one", "message": "My dog is Rex."})
            while not (await client.event()).get("done"):
                pass
            await client.ask({"action": "delete", "session_id": "one"})
            print(*loaded(), sep=",")
            print((await client.ask({"action": "memory_stats"}))["event"])
            print(*loaded(), sep=",")

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""
_NONE = ""
_TURN = "ruster.memory.service,ruster.memory.store"
_ALL = "apsw,ruster.handlers.memory,ruster.memory.service,ruster.memory.store"


@pytest.mark.parametrize(("enabled", "after_a_turn"), [("true", _TURN), ("false", _NONE)])
def test_what_is_loaded_and_when(enabled: str, after_a_turn: str) -> None:
    with short_folder() as folder:
        program = [sys.executable, "-c", _PROGRAM, str(folder), enabled]
        done = subprocess.run(
            program, capture_output=True, text=True, check=False, timeout=60, cwd=_ROOT
        )
    assert done.returncode == 0, done.stderr
    idle, turn, event, asked = [it for it in done.stdout.split("\n") if " [" not in it][:4]
    assert idle == _NONE
    assert turn.replace("apsw,", "") == after_a_turn
    assert event == "memory_stats"
    assert asked.replace("apsw,", "") == _ALL.replace("apsw,", "")


_ROOT = Path(__file__).parents[3]
