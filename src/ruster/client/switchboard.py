"""From the one connection to the many iterators: which session an event is about, and who waits.

Does no I/O; ``uplink`` feeds it and asks it what to attach to again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from ruster.client.subscription import Subscription
from ruster.core.errors import RusterError
from ruster.protocol.events import Attached, Created, Deleted, NoticeEvent
from ruster.protocol.parsed import ParsedEvent

__all__ = ["Feed", "Switchboard"]


@dataclass(eq=False, slots=True)
class Feed:
    """One session on this connection."""

    session_id: str
    attached: bool = False
    last_seq: int = 0
    subscriptions: list[Subscription] = field(default_factory=list)

    @property
    def cursor(self) -> int | None:
        """Where the iterator that is furthest behind has got to."""
        cursors = [s.cursor for s in self.subscriptions if s.cursor is not None]
        return min(cursors, default=None)


class Switchboard:
    """All sessions of one client."""

    def __init__(self) -> None:
        self._feeds: dict[str, Feed] = {}
        self._attaching: dict[str, tuple[Feed, Sequence[Subscription]]] = {}
        self.relief = asyncio.Event()
        """Set when a reader has made room or gone away; whoever waits for it clears it."""

    def feed(self, session_id: str) -> Feed:
        """Return a session's feed."""
        return self._feeds.setdefault(session_id, Feed(session_id))

    def watched(self) -> list[Feed]:
        """Return the feeds somebody waits on."""
        return [feed for feed in self._feeds.values() if feed.subscriptions]

    def add(
        self, session_id: str, cursor: int | None, command_id: str | None = None
    ) -> Subscription:
        """Begin a subscription; see ``Subscription``."""
        subscription = Subscription(cursor, self.relief, command_id)
        feed = self.feed(session_id)
        feed.subscriptions.append(subscription)
        if command_id is not None:
            subscription.sync(feed.last_seq)
        return subscription

    def remove(self, session_id: str, subscription: Subscription) -> None:
        """End a subscription."""
        subscription.closed = True
        feed = self.feed(session_id)
        if subscription in feed.subscriptions:
            feed.subscriptions.remove(subscription)
        self.relief.set()

    def attaching(self, command_id: str, feed: Feed, subscriptions: Sequence[Subscription]) -> None:
        """Note which subscriptions the reply to an ``attach`` brings up to date."""
        for subscription in subscriptions:
            subscription.unsync()
        self._attaching[command_id] = (feed, subscriptions)

    def attach_over(self, command_id: str) -> None:
        """Forget an ``attach`` that was answered or lost."""
        self._attaching.pop(command_id, None)

    def route(self, parsed: ParsedEvent) -> list[Subscription]:
        """Offer an event to those it concerns; return the subscriptions that are full now."""
        event = parsed.event
        if isinstance(event, Attached) and isinstance(parsed.id, str):
            self._attached(parsed.id, event.seq)
            return []
        if isinstance(event, Created):
            feed = self.feed(event.session_id)
            feed.attached, feed.last_seq = True, event.seq
            return []
        if parsed.session_id is None:
            feeds = self.watched() if isinstance(event, NoticeEvent) else []
        else:
            feeds = [self._feeds[parsed.session_id]] if parsed.session_id in self._feeds else []
        return [full for feed in feeds for full in self._offer(feed, parsed)]

    def link_lost(self) -> None:
        """Note that no session is attached any more."""
        for feed in self._feeds.values():
            feed.attached = False

    def detached(self, session_id: str) -> None:
        """End the iterators of a session that was detached."""
        feed = self.feed(session_id)
        feed.attached = False
        for subscription in feed.subscriptions:
            subscription.end()

    def fail(self, error: RusterError, feeds: Sequence[Feed] | None = None) -> None:
        """Fail the iterators of some feeds, or of all."""
        for feed in list(self._feeds.values()) if feeds is None else feeds:
            for subscription in feed.subscriptions:
                subscription.fail(error)

    def _attached(self, command_id: str, seq: int) -> None:
        feed, subscriptions = self._attaching.get(command_id, (None, ()))
        if feed is not None:
            feed.attached = True
            feed.last_seq = seq
            for subscription in subscriptions:
                subscription.sync(seq)

    def _offer(self, feed: Feed, parsed: ParsedEvent) -> list[Subscription]:
        if isinstance(parsed.event, Deleted):
            feed.attached, feed.last_seq = False, 0
        elif parsed.seq is not None:
            feed.last_seq = max(feed.last_seq, parsed.seq)
        for subscription in feed.subscriptions:
            subscription.offer(parsed)
        return [s for s in feed.subscriptions if s.full]
