"""Notifying by a command: a real program, run without a shell, ended when it takes long."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ruster.core.errors import ConfigError
from ruster.core.notices import Choice, Notification, Urgency
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.proactive.notifying.command import NotifyCommand

_NOTE = """
import json, os, sys
from pathlib import Path
told = {"arguments": sys.argv[2:], "stdin": sys.stdin.read()}
print("x" * 1_000_000)
Path(sys.argv[1], str(os.getpid())).write_text(json.dumps(told))
"""
_STAY = """
import os, subprocess, sys, time
from pathlib import Path
apart = len(sys.argv) > 1 and sys.argv[1] == "apart"
child = subprocess.Popen(["sleep", "600"], start_new_session=apart)
Path(sys.argv[2]).write_text(f"{os.getpid()} {child.pid}\\n")
time.sleep(600)
"""


def _python(program: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program, *words)


def _told(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in folder.iterdir()]


async def test_it_is_given_the_words_as_arguments_and_as_json(tmp_path: Path) -> None:
    command = NotifyCommand(_python(_NOTE, str(tmp_path)))
    evil = "$(touch x); `id` 'q' \"d\"\x00\x1b[0m & <b>"
    note = Notification(evil, f"--help\n{evil}", Urgency.LOW, "k", (Choice("a", "A"),))
    assert await command.notify(note, lambda choice: pytest.fail("nobody can choose"))
    (told,) = _told(tmp_path)
    clean = "$(touch x); `id` 'q' \"d\"[0m & <b>"
    assert told["arguments"] == [clean, f" --help\n{clean}"]
    assert told["stdin"].count("\n") == 1
    assert json.loads(told["stdin"]) == {
        "title": clean,
        "text": f"--help\n{clean}",
        "urgency": "low",
        "key": "k",
    }
    assert not await command.can_ask()
    await command.withdraw("k")


async def test_words_are_bounded(tmp_path: Path) -> None:
    assert await NotifyCommand(_python(_NOTE, str(tmp_path))).notify(
        Notification("t" * 10_000_000, "x" * 10_000_000)
    )
    assert [len(it) for it in _told(tmp_path)[0]["arguments"]] == [120, 1000]


@pytest.mark.parametrize(
    "command",
    [
        ("/nowhere/program",),
        (str(Path(__file__).parent),),
        ("false",),
        ("", "x"),
        ("tr\0ue",),
        ("sh", "-c", "kill -9 $$"),
    ],
)
async def test_what_fails_is_no_notification(command: tuple[str, ...]) -> None:
    assert not await NotifyCommand(command).notify(Notification("t", "x"))


async def test_a_program_that_reads_nothing_may_end_well() -> None:
    assert await NotifyCommand(("true",)).notify(Notification("t", "x" * 1000))


def test_the_title_is_never_the_program() -> None:
    with pytest.raises(ConfigError):
        NotifyCommand(())


def _gone(pid: int) -> bool:
    with suppress(OSError):
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state in "ZX"
    return True


async def _pids(path: Path) -> list[int]:
    """Return the processes that were started, as soon as they are written down."""
    async with asyncio.timeout(20):
        while not (path.exists() and path.read_text().endswith("\n")):
            await asyncio.sleep(0.01)
    return [int(pid) for pid in path.read_text().split()]


async def _all_gone(pids: list[int]) -> None:
    try:
        async with asyncio.timeout(20):
            while not all(map(_gone, pids)):
                await asyncio.sleep(0.01)
    finally:
        for pid in pids:
            if not _gone(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("apart", ["apart", "together"])
async def test_it_is_ended_with_its_children_when_it_takes_long(tmp_path: Path, apart: str) -> None:
    notes = tmp_path / "pids"
    command = NotifyCommand(_python(_STAY, apart, str(notes)), timeout_s=2)
    assert not await command.notify(Notification("t", "x"))
    await _all_gone(await _pids(notes))


async def test_it_is_ended_when_nobody_waits_any_more(tmp_path: Path) -> None:
    notes = tmp_path / "pids"
    command = NotifyCommand(_python(_STAY, "together", str(notes)), timeout_s=600)
    waiting = spawn(command.notify(Notification("t", "x")), name="notify")
    pids = await _pids(notes)
    assert not any(map(_gone, pids))
    await cancel_and_wait(waiting)
    await _all_gone(pids)


async def test_few_run_at_once_and_too_many_are_refused(tmp_path: Path) -> None:
    waits = "import pathlib, sys, os\npathlib.Path(sys.argv[1], str(os.getpid())).touch()\n"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    started = tmp_path / "started"
    started.mkdir()
    program = f"{waits}open(sys.argv[2]).read()\n"
    command = NotifyCommand(_python(program, str(started), str(fifo)), timeout_s=600)
    waiting = [spawn(command.notify(Notification(str(n), "")), name="n") for n in range(32)]
    async with asyncio.timeout(30):
        while len(list(started.iterdir())) < 4:
            await asyncio.sleep(0.01)
    assert not await command.notify(Notification("one too many", ""))
    assert command._running.locked()
    assert len(list(started.iterdir())) == 4
    await cancel_and_wait(*waiting)
    assert len(list(started.iterdir())) == 4
    assert not command._running.locked()
