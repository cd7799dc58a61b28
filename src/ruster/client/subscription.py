"""What one iterator still has to see of a session: a bounded queue behind a cursor.

When nobody takes events from a full queue, it stops taking more (``lag``); once it is empty, its
reader fetches what followed the cursor anew. So nothing is lost and memory stays bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from ruster.core.errors import RusterError
from ruster.protocol.events import Accepted, Deleted
from ruster.protocol.parsed import ParsedEvent

__all__ = ["LIMIT", "Subscription"]

LIMIT = 1024
"""Events a subscription holds for its reader."""


class Subscription:
    """Events of one session after ``cursor`` (a ``seq``; None: what comes once attached).

    ``relief`` is set when a full queue has been read down to its half. With ``command_id`` only
    the events of the turn which that ``send`` begins or joins are taken.
    """

    def __init__(
        self, cursor: int | None, relief: asyncio.Event, command_id: str | None = None
    ) -> None:
        self.cursor = cursor
        self.lagging = False
        self.closed = False
        self.turn: str | None = None
        self.accepted = asyncio.Event()
        """Set when the message was seen to be accepted (only with ``command_id``)."""
        self._relief = relief
        self._command_id = command_id
        self._synced = False
        self._items: deque[ParsedEvent] = deque()
        self._changed = asyncio.Event()
        self._failure: RusterError | None = None
        self._ended = False

    @property
    def full(self) -> bool:
        """Whether nothing more should be offered for now."""
        return len(self._items) >= LIMIT and self.crowded

    @property
    def crowded(self) -> bool:
        """Whether its reader is still far behind, and may be waited for."""
        return len(self._items) > LIMIT // 2 and not self.lagging and not self.closed

    @property
    def over(self) -> bool:
        """Whether no event can follow those that wait."""
        return self._ended or self._failure is not None or self.closed

    def offer(self, parsed: ParsedEvent) -> None:
        """Take an event of the session if it is the next one and not another turn's."""
        if self.lagging or self.over or not self._advance(parsed):
            return
        if self._command_id is None:
            self._put(parsed, last=isinstance(parsed.event, Deleted))
        elif self._is_of_turn(parsed):
            self._put(parsed, last=parsed.ends_turn)

    def unsync(self) -> None:
        """Expect to be sent again what followed the cursor, without a gap."""
        self._synced = False

    def sync(self, seq: int) -> None:
        """Note that everything up to ``seq`` has been offered; what follows is live."""
        if self.cursor is None:
            self.cursor = seq
        self._synced = True

    def lag(self) -> None:
        """Take no more until ``catch_up``."""
        self.lagging = True

    def catch_up(self) -> None:
        """Take events again, from the cursor on."""
        self.lagging = False
        self._synced = False

    def fail(self, error: RusterError) -> None:
        """Let the reader see ``error`` after what waits."""
        if not self.over:
            self._failure = error
            self._changed.set()

    def end(self) -> None:
        """Let the reader see the end after what waits."""
        self._ended = True
        self._changed.set()

    async def get(self, resync: Callable[[Subscription], Awaitable[None]]) -> ParsedEvent | None:
        """Return the next event, None at the end; raises what ``fail`` was given."""
        while True:
            if self._items:
                if len(self._items) == LIMIT // 2 + 1:
                    self._relief.set()
                return self._items.popleft()
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return None
            if self.lagging:
                await resync(self)
                continue
            self._changed.clear()
            await self._changed.wait()

    def _advance(self, parsed: ParsedEvent) -> bool:
        """Move the cursor over a numbered event; tell whether it is new here."""
        if parsed.seq is None:
            return True
        if self.cursor is None:
            return False
        fresh = parsed.seq > self.cursor if self._synced else parsed.seq == self.cursor + 1
        if fresh:
            self.cursor = parsed.seq
        return fresh

    def _is_of_turn(self, parsed: ParsedEvent) -> bool:
        if parsed.id == self._command_id and isinstance(parsed.event, Accepted):
            self.turn = parsed.turn
            self.accepted.set()
            return True
        if self.turn is None:
            return False
        return parsed.turn == self.turn or isinstance(parsed.event, Deleted)

    def _put(self, parsed: ParsedEvent, *, last: bool) -> None:
        self._items.append(parsed)
        self._ended = self._ended or last
        self._changed.set()
