"""Servers that break every rule, and one beside them that notices nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ruster.client.event_server import EventServer, Question
from ruster.core.errors import JobError
from ruster.proactive.servers.known import ServerState
from tests.unit.proactive.servers.support import (
    Behaviour,
    House,
    frame,
    hello,
    house,
    raw_server,
)

EVENT = frame(type="event", payload="x")
STRANGER = 54321


async def _echo(question: Question) -> object:
    return question.message


@asynccontextmanager
async def beside(folder: Path, behave: Behaviour, **settings: Any) -> AsyncIterator[House]:
    """Run a bad server called ``bad`` and a good one; the good one works to the end."""
    async with (
        house(folder, **settings) as it,
        EventServer("good", answer=_echo, folder=it.folder) as good,
        raw_server(it.folder / "bad.sock", behave),
    ):
        await it.connected("good")
        await it.attach("good", "of-good")
        yield it
        await good.emit("still here")
        async with asyncio.timeout(10):
            while "still here" not in it.inbox.texts("of-good"):
                await asyncio.sleep(0.01)
        assert await it.servers.send("good", None, "ping") == "ping"
        assert (await it.servers.get("good")).connections == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"hello\n", "no hello: a line is no strict JSON"),
        (hello("good"), "calls itself 'good', but its socket is that of 'bad'"),
        (EVENT, "no hello but 'event'"),
        (b"[" * 10_000 + b"\n", "no strict JSON"),
        (b"x" * 70_000 + b"\n", "its hello has more than 65536 bytes"),
        (b"x" * 200_000, "its hello has more than 65536 bytes"),
        (hello("bad", tools=[{"name": 1}]), '"tools.0.name" is wrong'),
    ],
)
async def test_a_bad_hello_is_quarantine(folder: Path, line: bytes, told: str) -> None:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(line)

    async with beside(folder, behave) as it:
        known = await it.known("bad", ServerState.QUARANTINED)
        assert told in (known.last_error or "")
        with pytest.raises(JobError, match="not connected") as refused:
            await it.servers.send("bad", None, "hello")
        assert refused.value.code == "server_failed"


@pytest.mark.parametrize("start", [b"", b'{"type":"hello","na', b"\n\n\n"])
async def test_without_a_hello_it_is_tried_again_later(folder: Path, start: bytes) -> None:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)

    async with beside(folder, behave) as it:
        known = await it.known("bad", ServerState.WAITING)
        assert known.last_error == "it sent no hello within 0.3 s"


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"x" * 70_000 + b"\n",
        frame(type="event"),
        frame(type="other"),
        hello("bad"),
        frame(type="reply", id=7),
        b'{"type":"event","payload":NaN}\n',
    ],
)
async def test_too_many_bad_lines_are_quarantine(folder: Path, line: bytes) -> None:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello("bad") + line * 4 + EVENT)
        await writer.drain()
        await asyncio.wait_for(go_on.wait(), 10)
        writer.write(line + EVENT)

    go_on = asyncio.Event()
    async with beside(folder, behave) as it:
        await it.attach("bad", "of-bad")
        async with asyncio.timeout(10):
            while (known := await it.servers.get("bad")).faults < 4 or not known.events:
                await asyncio.sleep(0.01)
        assert known.state is ServerState.CONNECTED  # four are forgiven
        assert known.last_error
        go_on.set()
        known = await it.known("bad", ServerState.QUARANTINED)
        assert (known.faults, known.events) == (5, 1)
        assert "5 lines broke the format" in (known.last_error or "")


async def test_a_quarantined_server_is_left_alone_even_when_started_anew(folder: Path) -> None:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"nonsense\n")

    async with house(folder) as it:
        for came in (1, 0, 0):
            async with raw_server(it.folder / "bad.sock", behave) as count:
                await it.known("bad", ServerState.QUARANTINED)
                for _ in range(3):
                    await it.servers.list()
                assert count[0] == came
            await it.known("bad", ServerState.MISSING)


async def test_a_flood_is_slowed_down_and_dropped(folder: Path) -> None:
    sent = 0

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(hello("bad"))
        while True:
            writer.write(EVENT * 100)
            await writer.drain()
            sent += 100

    async with beside(folder, behave) as it:
        await it.attach("bad", "of-bad")
        async with asyncio.timeout(10):
            while not it.limited:
                await asyncio.sleep(0.01)
        (outlet,) = it.servers.outlets("bad")
        known = await it.servers.get("bad")
        assert outlet.delivered + outlet.waiting <= 20
        assert outlet.dropped > 0
        assert known.events < 1000  # two seconds' worth at once, and then the rate
        assert await it.servers.send("good", None, "meanwhile") == "meanwhile"


async def test_what_a_dead_server_left_does_not_keep_the_next_one_waiting(folder: Path) -> None:
    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello("bad") + EVENT * 2000)
        writer.close()

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello("bad", description="the next one"))

    async with house(folder, lines_per_s=5) as it:
        async with raw_server(it.folder / "bad.sock", flood):
            assert (await it.connected("bad")).description == ""
        async with raw_server(it.folder / "bad.sock", greet), asyncio.timeout(10):
            while (await it.connected("bad")).description != "the next one":
                await asyncio.sleep(0.01)


async def test_blank_lines_without_end_are_slowed_down(folder: Path) -> None:
    taken = 0

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        writer.write(hello("bad"))
        while True:
            writer.write(b"\n" * 65536)
            await writer.drain()
            taken += 65536

    async with beside(folder, behave) as it:
        await it.connected("bad")
        assert await it.servers.send("good", None, "meanwhile") == "meanwhile"
        assert taken < 10 << 20


async def test_a_server_that_does_not_read_fills_no_memory(folder: Path) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello("bad"))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async with beside(folder, behave, reply_timeout_s=0.05) as it:
        await it.connected("bad")
        codes = []
        for _ in range(40):
            with pytest.raises(JobError) as failed:
                await it.servers.send("bad", None, "x" * 60_000)
            codes.append(failed.value.code)
        assert codes[0] == "server_failed"
        assert codes[-1] == "server_busy"
        assert (await it.servers.get("bad")).pending == 0


async def test_only_so_many_questions_wait(folder: Path) -> None:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello("bad"))

    async with beside(folder, behave, max_pending=3) as it:
        await it.connected("bad")
        asked = [it.servers.send("bad", None, "hello") for _ in range(5)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(answer, JobError) and answer.retryable for answer in answers)
        codes = sorted(answer.code for answer in answers if isinstance(answer, JobError))
        assert codes == ["server_busy"] * 2 + ["server_failed"] * 3


async def test_who_breaks_off_fails_what_waits(folder: Path) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello("bad"))
        await reader.readline()
        writer.write(b'{"type":"reply","id":"')  # half a line
        writer.close()

    async with beside(folder, behave, reply_timeout_s=30) as it:
        await it.connected("bad")
        with pytest.raises(JobError, match="broke off") as failed:
            await it.servers.send("bad", None, "hello")
        assert failed.value.code == "server_failed"


async def test_replies_that_nobody_waits_for_are_ignored(folder: Path) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello("bad") + frame(type="reply", id="q-0", payload=1) * 50)
        request = await reader.readline()
        number = request.partition(b'"id": "')[2].partition(b'"')[0].decode()
        writer.write(frame(type="reply", id=number, session_id="other", payload="wrong"))
        writer.write(frame(type="reply", id=number, session_id="work", payload="right") * 2)

    async with beside(folder, behave) as it:
        await it.connected("bad")
        assert await it.servers.send("bad", "work", "hello") == "right"
        known = await it.servers.get("bad")
        assert (known.faults, known.state) == (1, ServerState.CONNECTED)
        assert known.last_error == "a reply names another session than its request"


# Listens on a path as another user, says hello and brings an event.
FOREIGN = """
import os, socket, sys
path, uid = sys.argv[1], int(sys.argv[2])
sock = socket.socket(socket.AF_UNIX)
os.setgroups([]); os.setgid(uid); os.setuid(uid)
sock.bind(path); os.chmod(path, 0o666); sock.listen(8)
print("ready", flush=True)
while True:
    peer, _ = sock.accept()
    name = os.path.basename(path)[len("ruster-srv-"):-len(".sock")]
    tool = '{"name":"t","description":"d"}'
    try:
        peer.sendall(('{"type":"hello","name":"%s","tools":[%s]}\\n' % (name, tool)).encode())
        peer.sendall(b'{"type":"event","payload":"theirs"}\\n')
    except OSError:
        continue  # it was not wanted
    kept = globals().setdefault("kept", []); kept.append(peer)
"""


@asynccontextmanager
async def foreign(path: Path) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", FOREIGN, str(path), str(STRANGER), stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="acting as several users needs root")
async def test_another_users_program_brings_nothing_unless_it_may(
    folder: Path, shared: Path
) -> None:
    shared.chmod(0o1777)
    async with foreign(shared / "ruster-srv-theirs.sock"):
        async with house(folder, dirs=(shared,)) as it:
            assert await it.servers.list() == []
        os.chown(shared / "ruster-srv-theirs.sock", 0, 0)  # the file's owner is not who listens
        async with house(folder, dirs=(shared,)) as it:
            known = await it.known("theirs", ServerState.QUARANTINED)
            assert known.last_error == (
                f"it is a program of another user (uid {STRANGER}); "
                "proactive.servers.allowed_uids says who may"
            )
            assert known.events == 0
        async with house(folder, dirs=(shared,), allowed_uids=(STRANGER,)) as it:
            known = await it.connected("theirs")
            await it.attach("theirs", "work")
            assert (known.uid, known.tools) == (STRANGER, ())
            async with asyncio.timeout(10):
                while not known.events:
                    await asyncio.sleep(0.01)
