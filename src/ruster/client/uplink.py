"""Keeps a client connected: opens the next link when one is lost, and attaches again.

While somebody waits for events a lost link is replaced at once; else with the next command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from ruster.client.link import Link, LinkLost
from ruster.client.subscription import Subscription
from ruster.client.switchboard import Feed, Switchboard
from ruster.core.errors import DaemonUnreachable, RusterError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.protocol.events import ProgressEvent
from ruster.protocol.parsed import ParsedEvent

__all__ = ["Uplink"]

_T = TypeVar("_T")
_FIRST_DELAY_S = 0.05
_MAX_DELAY_S = 0.5
_FATAL = ("too_many_connections", "invalid_json", "line_too_long")
"""Last words after which connecting again would only bring the same."""


class Uplink:
    """Owns the present link. ``patience_s`` bounds the attempts to replace a lost one."""

    def __init__(self, path: Path, patience_s: float) -> None:
        self.board = Switchboard()
        self.told: Callable[[bool], None] | None = None
        """Told when the link is lost, and when there is one again."""
        self._path = path
        self._patience_s = patience_s
        self._link: Link | None = None
        self._connecting: asyncio.Task[Link | RusterError] | None = None
        self._closed = False

    async def open(self) -> None:
        """Connect once; raises DaemonUnreachable."""
        self._link = await Link.open(self._path, self._receive, self._lost)

    async def aclose(self) -> None:
        """End the connection and every iterator."""
        self._closed = True
        if self._connecting is not None:
            await cancel_and_wait(self._connecting)
        if self._link is not None:
            await self._link.aclose()
        self.board.fail(DaemonUnreachable("the client was closed"))

    async def link(self) -> Link:
        """Return a link that is up, after connecting again if need be; raises DaemonUnreachable."""
        if self._closed:
            raise DaemonUnreachable("the client was closed")
        if self._connecting is None:
            if self._link is not None and self._link.alive:
                return self._link
            self._reconnect_soon()
        assert self._connecting is not None
        outcome = await asyncio.shield(self._connecting)
        if isinstance(outcome, RusterError):
            raise outcome
        return outcome

    async def call(
        self,
        command: dict[str, Any],
        *,
        repeatable: bool = True,
        watch: Callable[[ProgressEvent], None] | None = None,
    ) -> ParsedEvent:
        """Send a command and return its reply, on the next link if this one is lost.

        One that is not ``repeatable`` is sent once; raises DaemonUnreachable if its reply is lost.
        """
        if repeatable:
            return await self._persist(lambda link: link.call(command, watch=watch))
        link = await self.link()
        try:
            return await link.call(command)
        except LinkLost:
            raise link.failure or DaemonUnreachable(
                f"the daemon went away before it answered {command['action']!r}; "
                "see whether it was done before you send it again"
            ) from None

    async def attached(self, session_id: str) -> tuple[Link, Feed]:
        """Return the link, and the feed of a session that is attached on it."""
        feed = self.board.feed(session_id)
        link = await self.link()
        while not feed.attached or not link.alive:
            await self._persist(lambda link: self._attach(link, feed, [], None))
            link = await self.link()
        return link, feed

    async def attach(self, session_id: str, subscription: Subscription) -> None:
        """Bring a subscription up to date: what followed its cursor, then live events."""
        feed = self.board.feed(session_id)
        await self._persist(
            lambda link: self._attach(link, feed, [subscription], subscription.cursor)
        )

    async def _persist(self, attempt: Callable[[Link], Awaitable[_T]]) -> _T:
        """Try on one link after the other, with growing pauses; raises what ends all hope."""
        clock = asyncio.get_running_loop().time
        deadline, delay = clock() + self._patience_s, _FIRST_DELAY_S
        while True:
            link = await self.link()
            try:
                return await attempt(link)
            except LinkLost:
                if self._hopeless or clock() > deadline:
                    raise self._why_lost() from None
            await asyncio.sleep(delay)
            delay = min(delay * 2, _MAX_DELAY_S)

    async def _attach(
        self, link: Link, feed: Feed, subscriptions: list[Subscription], since: int | None
    ) -> None:
        command_id = link.next_id()
        self.board.attaching(command_id, feed, subscriptions)
        command = {"action": "attach", "session_id": feed.session_id, "since": since}
        try:
            await link.call(command, command_id)
        finally:
            self.board.attach_over(command_id)

    async def _receive(self, parsed: ParsedEvent) -> None:
        """Route an event; while a reader is behind, wait for it unless a call needs the link."""
        full = self.board.route(parsed)
        link = self._link
        while full and link is not None:
            if link.busy:
                for subscription in full:
                    subscription.lag()
                return
            await _either(self.board.relief, link.call_began)
            full = [s for s in full if s.crowded]

    def _lost(self, link: Link) -> None:
        self.board.link_lost()
        if self.told is not None and not self._closed:
            self.told(False)
        if self._closed or self._connecting is not None:
            return
        if self._hopeless and link.failure is not None:
            self.board.fail(link.failure)
        elif self.board.watched():
            self._reconnect_soon()

    @property
    def _hopeless(self) -> bool:
        """Whether the daemon's last word says that connecting again would bring the same."""
        failure = self._link.failure if self._link is not None else None
        return failure is not None and failure.code in _FATAL

    def _reconnect_soon(self) -> None:
        self._connecting = spawn(self._reconnect(), name="ruster client reconnect")

    async def _reconnect(self) -> Link | RusterError:
        """Connect and attach again, with growing pauses; the error when it takes too long."""
        clock = asyncio.get_running_loop().time
        deadline, delay = clock() + self._patience_s, _FIRST_DELAY_S
        try:
            while True:
                try:
                    return await self._connect_once()
                except (LinkLost, DaemonUnreachable) as error:
                    failure = error
                if clock() + delay > deadline or self._hopeless:
                    return self._give_up(failure)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _MAX_DELAY_S)
        finally:
            self._connecting = None

    async def _connect_once(self) -> Link:
        link = await Link.open(self._path, self._receive, self._lost)
        self._link = link
        for feed in self.board.watched():
            if feed.cursor is None:
                continue
            try:
                await self._attach(link, feed, list(feed.subscriptions), feed.cursor)
            except RusterError as error:
                self.board.fail(error, [feed])
        if not link.alive:
            raise LinkLost
        if self.told is not None:
            self.told(True)
        return link

    def _give_up(self, failure: Exception) -> RusterError:
        error = failure if isinstance(failure, RusterError) else self._why_lost()
        self.board.fail(error)
        return error

    def _why_lost(self) -> RusterError:
        last_word = self._link.failure if self._link is not None else None
        return last_word or DaemonUnreachable(f"the daemon on {self._path} ends every connection")


async def _either(*events: asyncio.Event) -> None:
    """Return when one of the events is set, and clear them all."""
    waits = [spawn(event.wait(), name="ruster client room") for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_and_wait(*waits)
        for event in events:
            event.clear()
