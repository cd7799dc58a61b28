"""Only the daemon's own user and root have to do with tokens; others are told so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ruster.core.errors import GatewayError, SessionError
from ruster.gateway.access.links import Links
from ruster.gateway.access.tokens import TokenBook
from ruster.handlers.gateway import GatewayHandlers
from ruster.protocol import commands, events
from ruster.protocol.commands import CommandBase
from ruster.protocol.events import Event
from ruster.storage.disk import Disk
from ruster.testing import ManualClock


class Someone:
    """A caller that keeps what it is told."""

    def __init__(self, uid: int, *, privileged: bool) -> None:
        self.uid = uid
        self.stays_open = False
        self.on_close: dict[object, Callable[[], None]] | None = None
        self.closed = False
        self.privileged = privileged
        self.told: list[Event] = []

    def deliver(self, line: bytes) -> None:
        raise AssertionError(line)

    def reply(self, event: Event, command: CommandBase) -> None:
        self.told.append(event)

    async def drained(self) -> None:
        return


@pytest.fixture
def handlers(folder: Path) -> GatewayHandlers:
    clock = ManualClock()
    tokens = TokenBook(folder / "tokens.json", Disk(), clock)
    tokens.open()
    return GatewayHandlers(tokens, Links(clock), lambda: "http://h:1", clock)


async def test_others_are_refused_all_of_it(handlers: GatewayHandlers) -> None:
    other = Someone(1000, privileged=False)
    for call in (
        handlers.add(other, commands.GatewayTokenAdd(label="x")),
        handlers.list(other, commands.GatewayTokenList()),
        handlers.revoke(other, commands.GatewayTokenRevoke(token_id="g-1")),
        handlers.link(other, commands.GatewayLink()),
    ):
        with pytest.raises(SessionError) as caught:
            await call
        assert caught.value.code == "not_permitted"
    assert other.told == []


async def test_tokens_are_the_callers_unless_said_otherwise(handlers: GatewayHandlers) -> None:
    own = Someone(1000, privileged=True)
    await handlers.add(own, commands.GatewayTokenAdd(label="x", lasts_s=60.0))
    await handlers.add(own, commands.GatewayTokenAdd(label="y", owner=7))
    await handlers.list(own, commands.GatewayTokenList())
    await handlers.link(own, commands.GatewayLink())
    first, second, listing, link = own.told
    assert isinstance(first, events.GatewayTokenAdded)
    assert isinstance(second, events.GatewayTokenAdded)
    assert isinstance(listing, events.GatewayTokenListing)
    assert isinstance(link, events.GatewayLinked)
    assert [it.owner for it in listing.tokens] == [1000, 7]
    assert [it.expires is None for it in listing.tokens] == [False, True]
    assert first.token != second.token
    assert link.url.startswith("http://h:1/?link=")


async def test_an_unknown_token_is_named(handlers: GatewayHandlers) -> None:
    with pytest.raises(GatewayError, match="'g-1'"):
        await handlers.revoke(
            Someone(1, privileged=True), commands.GatewayTokenRevoke(token_id="g-1")
        )
