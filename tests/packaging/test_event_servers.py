"""The event servers that we ship, run as the programs they are."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ruster.proactive.servers.wire import EventFrame
from tests.unit.proactive.servers.support import House, house

SHIPPED = Path(__file__).resolve().parents[2] / "packaging" / "event-servers"
# Speaks like `journalctl -f -o json`: two entries, one line that is none, and then it follows.
JOURNALCTL = """#!/bin/sh
echo "$@" > "$(dirname "$0")/asked"
cat <<'END'
{"PRIORITY":"3","MESSAGE":"disk failing","_SYSTEMD_UNIT":"smartd.service","_HOSTNAME":"h"}
not json
{"PRIORITY":"4","MESSAGE":[104,105,255],"SYSLOG_IDENTIFIER":"odd"}
END
exec sleep 600
"""
UPOWER = """
import asyncio, sys
from jeepney import DBusAddress, HeaderFields, MessageType, message_bus, new_method_return
from jeepney import new_signal
from jeepney.io.asyncio import open_dbus_connection, DBusRouter, Proxy

DEVICE = "/org/freedesktop/UPower/devices/DisplayDevice"
IFACE = "org.freedesktop.UPower.Device"
PROPS = "org.freedesktop.DBus.Properties"
state = {"Percentage": ("d", 55.0), "State": ("u", 2)}

async def main():
    connection = await open_dbus_connection("SYSTEM")
    async with DBusRouter(connection) as router:
        bus = Proxy(message_bus, router)
        await bus.RequestName("org.freedesktop.UPower")
        await bus.RequestName("org.freedesktop.login1")
    loop = asyncio.get_running_loop()
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    print("ready", flush=True)
    answering = asyncio.ensure_future(answer(connection))
    async for line in stdin:
        what, _, value = line.decode().strip().partition(" ")
        if what in ("Lock", "Unlock"):
            at = DBusAddress("/org/freedesktop/login1/session/_31",
                             interface="org.freedesktop.login1.Session")
            await connection.send(new_signal(at, what))
            continue
        if what == "idle":
            at = DBusAddress("/org/freedesktop/login1", interface=PROPS)
            changed = {"IdleHint": ("b", value == "1")}
            body = ("org.freedesktop.login1.Manager", changed, [])
        else:
            at = DBusAddress(DEVICE, interface=PROPS)
            changed = {"State": ("u", 1)} if what == "charge" else {
                "Percentage": ("d", float(what)), "State": ("u", 2)}
            body = (IFACE, changed, [])
        await connection.send(new_signal(at, "PropertiesChanged", "sa{sv}as", body))

async def answer(connection):
    while True:
        message = await connection.receive()
        if message.header.message_type is MessageType.method_call:
            assert message.header.fields[HeaderFields.member] == "GetAll"
            await connection.send(new_method_return(message, "a{sv}", (state,)))
            print("asked", flush=True)

asyncio.run(main())
"""
BUS = """<busconfig><type>system</type><listen>unix:path={path}</listen>
<auth>EXTERNAL</auth><policy context="default"><allow user="*"/><allow own="*"/>
<allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/></policy></busconfig>
"""


_Process = asyncio.subprocess.Process


@asynccontextmanager
async def running(
    *command: str | Path, **options: Any
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*command, **options)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


class Ear:
    """Hears what a server brings."""

    def __init__(self, it: House, server: str) -> None:
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        it.servers.watch(server, self._hear)

    def _hear(self, _server: str, event: EventFrame) -> None:
        self._events.put_nowait(event.payload)

    async def next(self) -> Any:
        async with asyncio.timeout(20):
            return await self._events.get()

    @property
    def silent(self) -> bool:
        return self._events.empty()


@asynccontextmanager
async def shipped(
    folder: Path, name: str, *arguments: str | Path, **environment: str
) -> AsyncIterator[tuple[House, Ear]]:
    """Run one of our servers beside a daemon's side of the wire."""
    inherited = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    async with house(folder, hello_timeout_s=20.0, reply_timeout_s=20.0) as it:
        ear = Ear(it, name)
        async with running(
            sys.executable, SHIPPED / f"{name}.py", *arguments, "--folder", it.folder,
            env=inherited | environment,
        ):  # fmt: skip
            await it.connected(name)
            yield it, ear


async def test_files_that_change_are_told(folder: Path) -> None:
    watched = folder / "watched"
    watched.mkdir()
    async with shipped(folder, "files", watched) as (it, ear):
        assert await it.servers.send("files", None, "what?") == {"watched": [str(watched)]}
        stop = asyncio.Event()

        async def touch() -> None:  # the watching may begin a moment after the answer
            while not stop.is_set():
                (watched / "new.txt").write_text(os.urandom(4).hex())
                await asyncio.sleep(0.05)

        touching = asyncio.ensure_future(touch())
        event = await ear.next()
        stop.set()
        await touching
        assert event["total"] >= 1
        assert {change["path"] for change in event["changes"]} == {str(watched / "new.txt")}
        assert {change["change"] for change in event["changes"]} <= {"added", "modified"}
        (watched / "new.txt").unlink()
        while event["changes"][0]["change"] != "deleted":
            event = await ear.next()


async def test_the_journal_is_told(folder: Path) -> None:
    programs = folder / "bin"
    programs.mkdir()
    (programs / "journalctl").write_text(JOURNALCTL)
    (programs / "journalctl").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    async with shipped(folder, "journald", PATH=path) as (_, ear):
        assert await ear.next() == {
            "level": "err", "unit": "smartd.service", "message": "disk failing",
        }  # fmt: skip
        assert await ear.next() == {"level": "warning", "unit": "odd", "message": "hi\ufffd"}
        asked = (programs / "asked").read_text().split()
        assert asked == [
            "-f",
            "-n",
            "0",
            "-o",
            "json",
            "-p",
            "warning",
        ]


@asynccontextmanager
async def system_bus(folder: Path) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Run a D-Bus daemon with UPower and logind on it; yield its address and who they are."""
    (folder / "bus.conf").write_text(BUS.format(path=folder / "bus"))
    address = f"unix:path={folder / 'bus'}"
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "DBUS_SYSTEM_BUS_ADDRESS": address}
    async with running(
        "dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--print-address",
        stdout=subprocess.PIPE,
    ) as bus:  # fmt: skip
        assert bus.stdout is not None
        assert b"unix:path" in await bus.stdout.readline()
        async with running(
            sys.executable, "-c", UPOWER,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
        ) as services:  # fmt: skip
            assert services.stdout is not None
            assert await services.stdout.readline() == b"ready\n"
            yield address, services


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon is not installed")
async def test_battery_screen_and_idleness_are_told(folder: Path) -> None:
    pytest.importorskip("jeepney")
    async with (
        system_bus(folder) as (address, services),
        shipped(folder, "battery", DBUS_SYSTEM_BUS_ADDRESS=address) as (it, ear),
    ):
        assert services.stdin is not None
        assert services.stdout is not None
        assert await services.stdout.readline() == b"asked\n"  # it listens by now

        def change(what: str) -> None:
            assert services.stdin is not None
            services.stdin.write(what.encode() + b"\n")

        for what in ("80", "19", "18", "9", "charge", "17", "Lock", "Unlock", "idle 1", "idle 0"):
            change(what)
        told = [await ear.next() for _ in range(7)]
        assert told == [
            {"battery": "low", "percent": 19.0},
            {"battery": "low", "percent": 9.0},
            {"battery": "low", "percent": 17.0},
            {"screen": "locked"},
            {"screen": "unlocked"},
            {"idle": True},
            {"idle": False},
        ]
        assert ear.silent
        asked = await it.servers.send("battery", None, "how much?")
        assert json.dumps(asked) == '{"percent": 17.0, "discharging": true}'


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.py")))
def test_each_says_how_it_is_run(name: str) -> None:
    done = subprocess.run(
        [sys.executable, SHIPPED / f"{name}.py", "--help"],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--folder" in done.stdout
    assert os.access(SHIPPED / f"{name}.py", os.X_OK)
