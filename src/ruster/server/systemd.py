"""Tells systemd how the daemon is, when systemd asks for it: sd_notify(3) without a library."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping

import structlog

from ruster.core.tasks import cancel_and_wait, spawn

__all__ = ["ServiceNotifier"]

_log = structlog.stdlib.get_logger("ruster.server")


class ServiceNotifier:
    """Sends READY, STOPPING and WATCHDOG if the environment names a socket for them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET")
        self._interval_s = _watchdog_interval_s(environment)
        self._beating: asyncio.Task[None] | None = None

    def ready(self) -> None:
        """The daemon serves; the watchdog is fed from now on, as long as the event loop turns."""
        self._send(f"READY=1\nMAINPID={os.getpid()}")
        if self._address and self._interval_s:
            self._beating = spawn(self._beat(self._interval_s), name="watchdog")

    async def stopping(self) -> None:
        """The daemon is on its way out."""
        self._send("STOPPING=1")
        if self._beating is not None:
            await cancel_and_wait(self._beating)

    async def _beat(self, interval_s: float) -> None:
        while True:
            self._send("WATCHDOG=1")
            await asyncio.sleep(interval_s)

    def _send(self, state: str) -> None:
        if not self._address:
            return
        # "@" stands for the abstract namespace.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)  # a receiver that is stuck must not stop the daemon
                sock.sendto(state.encode(), address)
        except OSError as error:
            _log.warning("systemd not told", state=state.split("=")[0], error=str(error))


def _watchdog_interval_s(environment: Mapping[str, str]) -> float:
    """Return half of what systemd allows between two signs of life; 0 when it does not ask."""
    pid = environment.get("WATCHDOG_PID")
    usec = environment.get("WATCHDOG_USEC", "")
    if not usec.isdigit() or (pid is not None and pid != str(os.getpid())):
        return 0.0
    return int(usec) / 2e6
