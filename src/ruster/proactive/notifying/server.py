"""The desktop's notification server as D-Bus shows it (Desktop Notifications Specification 1.2)."""

from __future__ import annotations

from collections.abc import Callable

from ruster.core.errors import JobError
from ruster.proactive.notifying.bubble import Bubble, Server
from ruster.proactive.notifying.bus import BUS, Body, Bus, Call, Signal

__all__ = ["Pressed", "ServerLink"]

_NAME = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"
_RULE = f"type='signal',sender='{_NAME}',interface='{_NAME}',path='{_PATH}'"

Pressed = Callable[[str, int, str | None], None]
"""Takes who says it, the number of a notification, and the button; None when it is closed."""


class ServerLink:
    """A connection to the bus of the desktop. All of it raises JobError (``notify_failed``)."""

    def __init__(self, pressed: Pressed) -> None:
        self._pressed = pressed
        self._bus: Bus | None = None
        self._server: Server | None = None

    @classmethod
    async def connect(cls, address: str, pressed: Pressed) -> ServerLink:
        """Connect and listen; whether what is heard may be believed is for ``pressed`` to say."""
        link = cls(pressed)
        link._bus = await Bus.connect(address, link._hear)
        try:
            await link._ask_bus("AddMatch", "s", (_RULE,))
        except BaseException:
            await link.aclose()
            raise
        return link

    @property
    def closed(self) -> bool:
        """Whether the connection is lost."""
        return self._bus is None or self._bus.closed

    async def find(self) -> Server:
        """Return who shows notifications now; it is started if the bus knows how."""
        try:
            name = await self._owner()
        except JobError:
            await self._ask_bus("StartServiceByName", "su", (_NAME, 0))
            name = await self._owner()
        if self._server is None or self._server.name != name:
            said = await self._open_bus.call(Call(name, _PATH, _NAME, "GetCapabilities"))
            listed = said[0] if said and isinstance(said[0], list) else []
            self._server = Server(name, frozenset(it for it in listed if isinstance(it, str)))
        return self._server

    async def show(self, server: Server, bubble: Bubble, taken: Callable[[int], None]) -> None:
        """Show a notification; ``taken`` is told its number, even when nobody waits any more."""

        def note(body: Body) -> None:
            if (number := _number(body)) > 0:
                taken(number)

        call = Call(server.name, _PATH, _NAME, "Notify", "susssasa{sv}i", _arguments(bubble))
        if _number(await self._open_bus.call(call, note)) <= 0:
            raise JobError("the desktop's answer makes no sense", code="notify_failed")

    def close(self, server: Server, number: int) -> None:
        """Take a notification away, if it is still there."""
        if self._bus is not None:
            self._bus.post(Call(server.name, _PATH, _NAME, "CloseNotification", "u", (number,)))

    async def aclose(self) -> None:
        """Disconnect."""
        if self._bus is not None:
            await self._bus.aclose()

    @property
    def _open_bus(self) -> Bus:
        assert self._bus is not None
        return self._bus

    async def _owner(self) -> str:
        said = await self._ask_bus("GetNameOwner", "s", (_NAME,))
        return str(said[0])

    async def _ask_bus(self, member: str, signature: str, body: Body) -> Body:
        call = Call(BUS, "/org/freedesktop/DBus", BUS, member, signature, body)
        return await self._open_bus.call(call)

    def _hear(self, signal: Signal) -> None:
        if signal.interface != _NAME or (number := _number(signal.body)) <= 0:
            return
        if signal.member == "NotificationClosed":
            self._pressed(signal.sender, number, None)
        elif signal.member == "ActionInvoked" and len(signal.body) > 1:
            self._pressed(signal.sender, number, str(signal.body[1]))


def _arguments(bubble: Bubble) -> Body:
    actions = [word for button in bubble.buttons.items() for word in button]
    hints = {"urgency": ("y", bubble.urgency)}
    return ("ruster", bubble.replaces, "", bubble.title, bubble.text, actions, hints, -1)


def _number(body: Body) -> int:
    return body[0] if body and type(body[0]) is int else 0
