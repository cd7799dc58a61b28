"""A message bus of our own, and a desktop on it that shows notifications and presses buttons."""

from __future__ import annotations

import asyncio
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusConnection, DBusRouter, Proxy, open_dbus_connection

from ruster.core.tasks import cancel_and_wait, spawn

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
ALL = ("actions", "body", "body-markup")
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class PrivateBus:
    """A ``dbus-daemon`` that listens in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: Process | None = None
        self.address = f"unix:path={folder / 'bus'}"

    async def start(self) -> None:
        """Start it, and return when it listens."""
        program = shutil.which("dbus-daemon")
        if program is None:
            pytest.skip("dbus-daemon is not installed")
        config = self._folder / "bus.conf"
        config.write_text(_CONFIG.format(path=self._folder / "bus"))
        self._process = await asyncio.create_subprocess_exec(
            *(program, f"--config-file={config}", "--nofork", "--print-address"), stdout=PIPE
        )
        assert self._process.stdout is not None
        assert await self._process.stdout.readline()

    async def stop(self) -> None:
        """End it, even when it is stalled."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None
            (self._folder / "bus").unlink()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal of the system."""
        assert self._process is not None
        self._process.send_signal(number)


@asynccontextmanager
async def private_bus(folder: Path) -> AsyncIterator[PrivateBus]:
    bus = PrivateBus(folder)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


@dataclass(frozen=True)
class Seen:
    """What a server was told to show."""

    id: int
    replaces: int
    title: str
    text: str
    actions: list[str]
    hints: dict[str, tuple[str, Any]]

    def button(self, label: str) -> str:
        """Return the name of the button with a label."""
        names = dict(zip(self.actions[1::2], self.actions[::2], strict=True))
        return names[label]


class DesktopServer:
    """A notification server. While ``mute`` it takes calls and answers none."""

    def __init__(self, connection: DBusConnection, abilities: tuple[str, ...]) -> None:
        self._connection = connection
        self._abilities = abilities
        self._held: list[Message] = []
        self._numbers = 0
        self._serving: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.mute = False
        self.broken = False
        self.press_at_once: str | None = None
        self.seen: list[Seen] = []
        self.closed: list[int] = []

    async def own(self) -> None:
        """Take the well-known name, and serve."""
        async with DBusRouter(self._connection) as router:
            assert await Proxy(message_bus, router).RequestName(NAME) == (1,)
        self._serving = spawn(self._serve(), name="desktop server", log_failure=False)

    async def aclose(self) -> None:
        if self._serving is not None:
            await cancel_and_wait(self._serving)
        await self._connection.close()

    async def shown(self, count: int) -> Seen:
        """Wait for a number of notifications and return the last one."""
        await self._until(lambda: len(self.seen) >= count)
        return self.seen[-1]

    async def taken_away(self, count: int) -> list[int]:
        """Wait until so many were closed."""
        await self._until(lambda: len(self.closed) >= count)
        return self.closed

    async def held(self, count: int) -> None:
        """Wait until so many calls are left without an answer."""
        await self._until(lambda: len(self._held) >= count)

    async def press(self, number: int, button: str) -> None:
        """Tell of a pressed button, as a server does: the notification goes with it."""
        await self.tell("ActionInvoked", "us", (number, button))
        await self.tell("NotificationClosed", "uu", (number, 2))

    async def tell(self, member: str, signature: str, body: tuple[Any, ...], to: str = "") -> None:
        """Send a signal, to everybody or to one."""
        await self._connection.send(signal_of(member, signature, body, to))

    async def speak(self) -> None:
        """Answer what was left, and everything from now on."""
        self.mute = False
        held, self._held = self._held, []
        for message in held:
            await self._answer(message)

    async def _until(self, wanted: Any) -> None:
        async with asyncio.timeout(20):
            while not wanted():
                self._changed.clear()
                await self._changed.wait()

    async def _serve(self) -> None:
        while True:
            message = await self._connection.receive()
            if message.header.message_type is not MessageType.method_call:
                continue
            if self.mute:
                self._held.append(message)
                self._changed.set()
            else:
                await self._answer(message)

    async def _answer(self, message: Message) -> None:
        member = message.header.fields[HeaderFields.member]
        if member == "GetCapabilities":
            reply = new_method_return(message, "as", (list(self._abilities),))
        elif member == "Notify" and self.broken:
            reply = new_error(message, "org.freedesktop.Notifications.Error")
        elif member == "Notify":
            reply = new_method_return(message, "u", (self._show(*message.body),))
        else:
            self.closed.append(message.body[0])
            reply = new_method_return(message)
        await self._connection.send(reply)
        if member == "Notify" and self.press_at_once is not None:
            await self.press(self.seen[-1].id, self.seen[-1].button(self.press_at_once))
        self._changed.set()

    def _show(self, name: str, replaces: int, icon: str, *told: Any) -> int:
        assert (name, icon) == ("ruster", "")
        if not replaces:
            self._numbers += 1
        number = replaces or self._numbers
        self.seen.append(Seen(number, replaces, *told[:4]))
        return number


@asynccontextmanager
async def desktop_server(
    address: str, abilities: tuple[str, ...] = ALL
) -> AsyncIterator[DesktopServer]:
    """Run a notification server on a bus."""
    server = DesktopServer(await open_dbus_connection(address), abilities)
    try:
        await server.own()
        yield server
    finally:
        await server.aclose()


@asynccontextmanager
async def stranger(address: str) -> AsyncIterator[DBusConnection]:
    """Connect another program to a bus."""
    connection = await open_dbus_connection(address)
    try:
        yield connection
    finally:
        await connection.close()


def signal_of(member: str, signature: str, body: tuple[Any, ...], to: str = "") -> Message:
    """Make a signal as notification servers send it."""
    message = new_signal(DBusAddress(PATH, interface=NAME), member, signature, body)
    if to:
        message.header.fields[HeaderFields.destination] = to
    return message
