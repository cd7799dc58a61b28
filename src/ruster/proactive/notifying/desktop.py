"""Notifications on the desktop, in plain text, with buttons where it has them.

A button counts when the very server that showed it says so, of a notification of ours: every other
program on the bus could say it as well. The connection is made when it is needed, and anew when it
was lost; what stalls is given up after a few seconds.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog

from ruster.core.errors import JobError, RusterError
from ruster.core.ids import new_id
from ruster.core.notices import Notification
from ruster.proactive.notifying.bubble import Server, Shown

if TYPE_CHECKING:
    from ruster.proactive.notifying.server import ServerLink

__all__ = ["Desktop", "bus_address"]

_MAX_LIVE = 64
_MAX_WAITING = 64
_T = TypeVar("_T")
_log = structlog.stdlib.get_logger("ruster.notifying")


def bus_address(environment: Mapping[str, str], uid: int) -> str:
    """Return where the message bus of a user's session is."""
    folder = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"
    return environment.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={folder}/bus"


class Desktop:
    """Implements ``core.notices.Notifier``. Calls wait in line, so that the last one counts."""

    def __init__(self, address: str, timeout_s: float = 5.0) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._link: ServerLink | None = None
        self._shown: OrderedDict[str, Shown] = OrderedDict()
        self._problem: str | None = None

    async def notify(
        self, notification: Notification, chosen: Callable[[str], None] | None = None
    ) -> bool:
        """Show it; return whether the desktop has it now."""
        return await self._attempt(partial(self._notify, notification, chosen)) or False

    async def withdraw(self, key: str) -> None:
        """Take it away again, as far as the desktop can be reached."""
        await self._attempt(partial(self._withdraw, key))

    async def can_ask(self) -> bool:
        """Whether there is a desktop now whose notifications have buttons."""
        server = await self._attempt(self._find_server)
        return server is not None and server.has_buttons

    async def aclose(self) -> None:
        """Take away what has buttons, since nobody hears them any more, and disconnect."""
        for shown in self._shown.values():
            self._forget(shown)
        self._shown.clear()
        link, self._link = self._link, None
        if link is not None:
            await link.aclose()

    async def _attempt(self, work: Callable[[], Awaitable[_T]]) -> _T | None:
        """Do something with the bus; None if it fails, takes too long, or too much is waiting."""
        if self._waiting >= _MAX_WAITING:
            self._tell("too many notifications wait for the desktop")
            return None
        self._waiting += 1
        try:
            async with asyncio.timeout(self._timeout_s), self._turn:
                return await work()
        except TimeoutError:
            self._tell(f"the desktop did not answer within {self._timeout_s:g} seconds")
        except RusterError as error:
            self._tell(error.message)
        finally:
            self._waiting -= 1
        return None

    def _tell(self, problem: str) -> None:
        """Log what is wrong, once as long as it is the same."""
        if problem != self._problem:
            _log.warning("desktop_unreachable", error=problem)
            self._problem = problem

    async def _notify(
        self, notification: Notification, chosen: Callable[[str], None] | None
    ) -> bool:
        key = notification.key or new_id("n")
        server = await self._find_server()
        shown, earlier = Shown(server, chosen), self._shown.pop(key, None)
        bubble = shown.bubble(notification, earlier)
        assert self._link is not None
        try:
            await self._link.show(server, bubble, partial(self._note, key, shown))
        except BaseException:
            shown.unwanted = True
            if self._shown.get(key) is shown:
                del self._shown[key]
            for gone in (shown, earlier):
                self._close(gone)
            raise
        return True

    def _note(self, key: str, shown: Shown, number: int) -> None:
        """Remember what the desktop shows, before anything can be pressed."""
        shown.number = number
        if shown.unwanted:  # it comes too late: whoever wanted it was told that it is not shown
            self._close(shown)
            return
        self._shown[key] = shown
        while len(self._shown) > _MAX_LIVE:
            self._forget(self._shown.popitem(last=False)[1])

    async def _withdraw(self, key: str) -> None:
        self._close(self._shown.pop(key, None))

    async def _find_server(self) -> Server:
        if self._link is None or self._link.closed:
            await self._connect()
        assert self._link is not None
        server = await self._link.find()
        self._problem = None
        return server

    async def _connect(self) -> None:
        try:
            from ruster.proactive.notifying.server import ServerLink
        except ModuleNotFoundError as error:
            raise JobError(
                "notifications on the desktop are not installed: pip install 'ruster[desktop]'",
                code="notify_missing",
            ) from error
        self._shown.clear()
        lost, self._link = self._link, None
        if lost is not None:
            await lost.aclose()
        self._link = await ServerLink.connect(self._address, self._hear)

    def _hear(self, sender: str, number: int, button: str | None) -> None:
        """Take what somebody on the bus says; only who showed a notification may speak of it."""
        for key, shown in self._shown.items():
            if (shown.server.name, shown.number) == (sender, number):
                if button is None:
                    del self._shown[key]
                elif button in shown.buttons and shown.chosen is not None:
                    del self._shown[key]
                    self._close(shown)
                    asyncio.get_running_loop().call_soon(shown.chosen, shown.buttons[button])
                return

    def _forget(self, shown: Shown) -> None:
        """Take it away if it has buttons, which would do nothing from now on."""
        if shown.buttons:
            self._close(shown)

    def _close(self, shown: Shown | None) -> None:
        if self._link is not None and shown is not None and shown.number:
            self._link.close(shown.server, shown.number)
