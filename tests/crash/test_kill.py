"""``kill -9`` at random points of a busy daemon: nothing acknowledged is lost, doubled or changed.

The daemon is forked from a process that has everything imported, so that a round is cheap; from
there on it is the real one, with its own data folder, socket and signals.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ruster.testing import RawClient
from ruster.testing.daemon import environment_for

_ROUNDS_PER_SESSION = 10
_FORKER = """
import os, sys
from ruster.__main__ import main
import ruster.llm.pinky
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        sys.argv[:] = ["ruster"]
        out = os.open(os.devnull, os.O_WRONLY)
        os.dup2(out, 1)
        os._exit(main())
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


class Forker:
    """Starts one daemon after the other."""

    def __init__(self, folder: Path) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            **environment_for(folder, log_level="warning", sessions_replay_max_age_s="86400"),
        }
        self._path = folder / "r.sock"
        self._pid = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", _FORKER],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    async def start(self) -> int:
        """Start a daemon, wait until it takes connections, and return its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        pid = self._pid = int(await asyncio.to_thread(self._process.stdout.readline))
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_unix_connection(str(self._path))
                    writer.close()
                    return pid
                await asyncio.sleep(0.005)

    async def gone(self) -> None:
        """Wait until the daemon has ended."""
        assert self._process.stdout is not None
        assert await asyncio.to_thread(self._process.stdout.readline) == "gone\n"
        self._pid = 0

    def close(self) -> None:
        """End the forker."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@dataclass
class Seen:
    """What a client was told in one session, over all rounds."""

    session: str
    sent: int = 0
    accepted: dict[str, str] = field(default_factory=dict)
    lines: dict[int, bytes] = field(default_factory=dict)

    def take(self, line: bytes) -> None:
        event = json.loads(line)
        if "seq" not in event or event["event"] == "created":
            return
        before = self.lines.setdefault(event["seq"], line)
        assert before == line, f"seq {event['seq']} was told with another content"
        if event["event"] == "accepted" and event["id"] is not None:
            self.accepted[event["message"]] = event["turn"]


async def talk(client: RawClient, seen: Seen, dice: random.Random) -> None:
    """Send and read without a pause until the connection is gone."""

    async def write() -> None:
        while True:
            seen.sent += 1
            command = {
                "action": "send",
                "session_id": seen.session,
                "message": f"{seen.session} message {seen.sent} " + "x" * dice.choice([0, 9, 3000]),
                "id": f"{seen.sent}",
                "mode": dice.choice(["queue", "queue", "steer", "interrupt"]),
            }
            await client.send(command)
            if dice.random() < 0.1:
                await client.send({"action": "cancel", "session_id": seen.session})
            await asyncio.sleep(dice.choice([0, 0, 0.002, 0.005]))

    writing = asyncio.ensure_future(write())
    try:
        while True:
            seen.take(await whole_line(client))
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def whole_line(client: RawClient) -> bytes:
    """Return the next line; raises ConnectionError where the daemon was killed."""
    line = await client.line()
    if not line.endswith(b"\n"):
        raise ConnectionResetError
    return line


@asynccontextmanager
async def attached(path: Path, seen: Seen) -> AsyncIterator[RawClient]:
    """Connect and catch up with what was missed."""
    async with RawClient(path) as client:
        since = max(seen.lines, default=0)
        create = {"action": "create", "session_id": seen.session, "model": "pinky/echo"}
        await client.send(create)
        while b'"event":"created"' not in (line := await whole_line(client)):
            seen.take(line)
        attach = {"action": "attach", "session_id": seen.session, "since": since}
        await client.send(attach)
        while b'"event":"attached"' not in (line := await whole_line(client)):
            assert b'"event":"error"' not in line or b'"seq"' in line, line
            seen.take(line)
        yield client


async def history(client: RawClient, session: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    while True:
        command = {"action": "history", "session_id": session, "limit": 1000}
        page = await client.ask(command | {"offset": len(records)}, "history")
        records += page["history"]
        if len(records) >= page["total"]:
            return records


async def check(path: Path, seen: Seen) -> None:
    """Compare what is stored with all that was ever told, once nothing is owed any more."""
    async with attached(path, seen):
        pass
    async with asyncio.timeout(30):
        while True:
            async with RawClient(path) as client:
                records = await history(client, seen.session)
                users = [r for r in records if r["role"] == "user"]
                ends = [r["turn"] for r in records if "end" in r]
                replay, running = await replayed(client, seen.session)
            events = [json.loads(line) for line in replay]
            told = [e["turn"] for e in events if is_end(e)]
            if not running and {r["turn"] for r in users} == set(ends) == set(told):
                break
            await asyncio.sleep(0.02)
    kept = [r["content"] for r in users]
    assert len(kept) == len(set(kept)), "a message is in the history twice"
    assert len(ends) == len(set(ends)), "a turn was ended twice"
    turns = {r["content"]: r["turn"] for r in users}
    for message, turn in seen.accepted.items():
        assert turns.get(message) == turn, f"an acknowledged message was lost: {message[:60]}"
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1)), "seq has gaps"
    for seq, line in seen.lines.items():
        assert replay[seq - 1] == line, f"seq {seq} has changed"
    assert len(told) == len(set(told)), "a turn's end was told twice"
    announced = [e["message"] for e in events if e["event"] == "accepted"]
    assert sorted(announced) == sorted(kept)


async def replayed(client: RawClient, session: str) -> tuple[list[bytes], bool]:
    """Return all lines of a session and whether a turn is running."""
    await client.send({"action": "attach", "session_id": session, "since": 0})
    lines: list[bytes] = []
    while b'"event":"attached"' not in (line := await whole_line(client)):
        lines.append(line)
    return lines, json.loads(line)["running"]


def is_end(event: dict[str, Any]) -> bool:
    return bool(event.get("done")) or event["event"] in ("cancelled", "error")


@pytest.mark.slow
@pytest.mark.timeout(0)
async def test_kill_9_at_random_points(folder: Path, kills: int) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    dice = random.Random(seed)
    path = folder / "r.sock"
    forker = Forker(folder)
    seen = Seen("s0")
    acknowledged = killed_busy = 0
    try:
        for number in range(kills):
            if number and number % _ROUNDS_PER_SESSION == 0:
                pid = await forker.start()
                await check(path, seen)
                os.kill(pid, signal.SIGKILL)
                await forker.gone()
                acknowledged += len(seen.accepted)
                seen = Seen(f"s{number // _ROUNDS_PER_SESSION}")
            pid = await forker.start()
            # Sometimes before, mostly after the client has caught up.
            doom = asyncio.get_running_loop().call_later(
                dice.uniform(0, 0.12), os.kill, pid, signal.SIGKILL
            )
            before = len(seen.accepted)
            with contextlib.suppress(OSError):
                async with attached(path, seen) as client:
                    await talk(client, seen, dice)
            killed_busy += len(seen.accepted) > before
            await forker.gone()
            assert doom.when() <= asyncio.get_running_loop().time()
        pid = await forker.start()
        await check(path, seen)
        os.kill(pid, signal.SIGTERM)
        await forker.gone()
        acknowledged += len(seen.accepted)
        # The test must have tested something.
        assert killed_busy > kills / 4
        assert acknowledged > kills
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise
    finally:
        forker.close()


async def test_the_check_sees_a_loss_and_a_change(folder: Path) -> None:
    """The control: what the test above compares would not pass if it were otherwise."""
    path, seen, forker = folder / "r.sock", Seen("s"), Forker(folder)
    try:
        pid = await forker.start()
        async with attached(path, seen) as client:
            for n in range(5):
                message = {"action": "send", "session_id": "s", "message": f"m{n}", "id": n}
                await client.send(message)
                while not json.loads(line := await whole_line(client)).get("done"):
                    seen.take(line)
                seen.take(line)
        await check(path, seen)
        seen.accepted["never sent"] = "t-0"
        with pytest.raises(AssertionError, match="was lost"):
            await check(path, seen)
        del seen.accepted["never sent"]
        seen.lines[3] = seen.lines[3].replace(b"{", b"{ ", 1)
        with pytest.raises(AssertionError, match="has changed"):
            await check(path, seen)
        del seen.lines[3]
        os.kill(pid, signal.SIGKILL)
        await forker.gone()
    finally:
        forker.close()
