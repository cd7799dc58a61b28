#!/usr/bin/env python3
"""An event server that tells when the battery runs low, and when the screen is locked or idle.

It listens to UPower and logind on the system's D-Bus; it needs ruster's extra ``desktop``. Run it
as ``battery.py``, then ``rusterctl server attach battery -s work --mode proactive``.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, MatchRule, Message, Properties, message_bus
from jeepney.io.asyncio import DBusRouter, Proxy, open_dbus_router

from ruster.client.event_server import EventServer, Question

_DISPLAY = DBusAddress(
    "/org/freedesktop/UPower/devices/DisplayDevice",
    "org.freedesktop.UPower",
    "org.freedesktop.UPower.Device",
)
_DISCHARGING = 2
_LEVELS = (20, 10, 5)


class Battery:
    """What is known of the battery; ``take`` returns the event that a change makes, if any."""

    def __init__(self) -> None:
        self.percent = 100.0
        self.discharging = False
        self._warned = 101

    def take(self, properties: dict[str, Any]) -> dict[str, Any] | None:
        """Note what has changed: each level is told once until the battery is charged again."""
        self.percent = float(properties.get("Percentage", self.percent))
        if "State" in properties:
            self.discharging = properties["State"] == _DISCHARGING
        if not self.discharging:
            self._warned = 101
            return None
        level = min((it for it in _LEVELS if self.percent <= it), default=101)
        if level >= self._warned:
            return None
        self._warned = level
        return {"battery": "low", "percent": self.percent}


def event_of(message: Message, battery: Battery) -> dict[str, Any] | None:
    """Return what a signal of UPower or logind is worth telling, or None."""
    fields = {field.name: value for field, value in message.header.fields.items()}
    member, path = fields.get("member"), str(fields.get("path"))
    if member in ("Lock", "Unlock"):
        return {"screen": "locked" if member == "Lock" else "unlocked"}
    if member != "PropertiesChanged":
        return None
    changed = {name: value for name, (_, value) in message.body[1].items()}
    if path == _DISPLAY.object_path:
        return battery.take(changed)
    idle = changed.get("IdleHint")
    return None if idle is None else {"idle": bool(idle)}


async def subscribe(router: DBusRouter, queue: asyncio.Queue[Message]) -> None:
    """Have signals of both services put into a queue."""
    for rule in (
        MatchRule(
            type="signal",
            path=_DISPLAY.object_path,
            interface="org.freedesktop.DBus.Properties",
        ),
        MatchRule(
            type="signal",
            sender="org.freedesktop.login1",
            path="/org/freedesktop/login1",
            interface="org.freedesktop.DBus.Properties",
        ),
        MatchRule(type="signal", interface="org.freedesktop.login1.Session", member="Lock"),
        MatchRule(type="signal", interface="org.freedesktop.login1.Session", member="Unlock"),
    ):
        await Proxy(message_bus, router).AddMatch(rule)
    router.filter(MatchRule(type="signal"), queue=queue)


async def run(server_folder: Path | None) -> None:
    """Tell what happens until cancelled; whoever asks is told the charge."""
    battery = Battery()

    async def answer(_question: Question) -> dict[str, Any]:
        return {"percent": battery.percent, "discharging": battery.discharging}

    about = "Tells when the battery runs low, and when the screen is locked or idle."
    async with (
        open_dbus_router("SYSTEM") as router,
        EventServer("battery", about, answer=answer, folder=server_folder) as server,
    ):
        queue: asyncio.Queue[Message] = asyncio.Queue(100)
        await subscribe(router, queue)
        now = await router.send_and_get_reply(Properties(_DISPLAY).get_all())
        if now.header.message_type.name == "method_return":
            event = battery.take({name: value for name, (_, value) in now.body[0].items()})
            if event is not None:
                await server.emit(event)
        while True:
            event = event_of(await queue.get(), battery)
            if event is not None:
                await server.emit(event)


def main() -> None:
    """Read the command line and run until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the daemon looks for event servers")
    asyncio.run(run(parser.parse_args().folder))


if __name__ == "__main__":
    main()
