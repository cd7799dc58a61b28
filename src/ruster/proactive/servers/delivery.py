"""From a server's event to a session: how often, in which way, marked as its words."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from ruster.core.clock import Clock
from ruster.core.errors import RusterError
from ruster.core.ids import new_id
from ruster.core.inbox import SessionInbox, Spoken
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.proactive.servers.bucket import TokenBucket
from ruster.proactive.servers.registry import Attachment, DeliveryMode
from ruster.proactive.servers.settings import ServerSettings

__all__ = ["DeliveryParts", "Outlet", "RateLimited", "text_of"]

_log = structlog.stdlib.get_logger("ruster.servers")
_HEAD = "Background Event: "
_CUT = "… [cut]"


@dataclass(frozen=True, slots=True)
class RateLimited:
    """A server brings more to a session than it may; the rest is dropped. Told once a burst."""

    server: str
    owner: int
    session_id: str

    @property
    def message(self) -> str:
        """What to tell people."""
        return f"the event server {self.server!r} brings too many events; some were dropped"


@dataclass(frozen=True, slots=True)
class DeliveryParts:
    """What all outlets share."""

    settings: ServerSettings
    clock: Clock
    inbox: SessionInbox
    limited: Callable[[RateLimited], None]


class Outlet:
    """One server's way into one session. It costs no task while nothing happens."""

    def __init__(self, attachment: Attachment, parts: DeliveryParts) -> None:
        own = parts.settings
        self.attachment = attachment
        self.delivered = 0
        self.dropped = 0
        self.failed = 0
        self.last_error: str | None = None
        self._parts = parts
        self._bucket = TokenBucket(own.events_per_s, own.events_burst, parts.clock)
        self._waiting: deque[str] = deque()
        self._told = False
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Events that the session has not taken yet."""
        return len(self._waiting)

    def offer(self, text: str) -> None:
        """Hand an event over, or drop it if there are too many; never blocks."""
        if self._bucket.full:
            self._told = False
        if not self._bucket.take() or len(self._waiting) >= self._room():
            self._drop()
            return
        self._waiting.append(text)
        if self._task is None:
            self._task = spawn(self._drain(), name=f"events of {self.attachment.server}")

    async def aclose(self) -> None:
        """Hand nothing over any more."""
        self._waiting.clear()
        if self._task is not None:
            await cancel_and_wait(self._task)

    def _room(self) -> int:
        """Return how many events may wait: of those that are answered, fewer."""
        own = self._parts.settings
        if self.attachment.mode is DeliveryMode.IMMEDIATE:
            return own.max_waiting
        return max(own.max_waiting, own.events_burst)

    def _drop(self) -> None:
        self.dropped += 1
        if not self._told:
            self._told = True
            it = self.attachment
            _log.warning("rate_limited", server=it.server, session=it.session_key)
            self._parts.limited(RateLimited(it.server, it.owner, it.session_id))

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._hand_over(self._waiting.popleft())
        finally:
            self._task = None

    async def _hand_over(self, text: str) -> None:
        inbox, own = self._parts.inbox, self._parts.settings
        try:
            match self.attachment.mode:
                case DeliveryMode.PROACTIVE:
                    await inbox.tell(self._spoken(text))
                case DeliveryMode.NEXT_TURN:
                    await inbox.note(self._spoken(text))
                case DeliveryMode.IMMEDIATE:
                    await inbox.ask(
                        self._spoken(_HEAD + text),
                        max_tokens=own.immediate_tokens,
                        timeout_s=own.immediate_timeout_s,
                    )
            self.delivered += 1
        except RusterError as error:
            self.failed += 1
            self.last_error = error.message
            _log.warning(
                "event_not_delivered",
                server=self.attachment.server,
                session=self.attachment.session_key,
                why=error.message,
            )

    def _spoken(self, text: str) -> Spoken:
        it = self.attachment
        source = f"server:{it.server}"
        return Spoken(
            owner=it.owner,
            session_id=it.session_id,
            text=text,
            source=source,
            key=f"{source}:{new_id('e')}",
            origins=(source,),
        )


def text_of(payload: Any, limit: int) -> str:
    """Write a payload as text of at most ``limit`` bytes; a text stands for itself."""
    if isinstance(payload, str):
        text = payload
    else:
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    data = text.encode(errors="replace")
    if len(data) <= limit:
        return text
    return data[: limit - len(_CUT.encode())].decode(errors="ignore") + _CUT
