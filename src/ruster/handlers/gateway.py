"""The gateway's tokens: gateway_token_add, gateway_token_list, gateway_token_revoke, gateway_link.
For the daemon's own user and root.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ruster.core.clock import Clock, rfc3339
from ruster.gateway.access.links import Links
from ruster.gateway.access.tokens import Token, TokenBook
from ruster.handlers.caller import Caller, require_privilege
from ruster.protocol.commands import (
    GatewayLink,
    GatewayTokenAdd,
    GatewayTokenList,
    GatewayTokenRevoke,
)
from ruster.protocol.events import (
    GatewayLinked,
    GatewayTokenAdded,
    GatewayTokenListing,
    GatewayTokenRevoked,
    GatewayTokenSummary,
)

__all__ = ["GatewayHandlers"]


class GatewayHandlers:
    """The commands about tokens. ``url`` returns where the gateway listens; it raises GatewayError
    when it does not."""

    def __init__(
        self, tokens: TokenBook, links: Links, url: Callable[[], str], clock: Clock
    ) -> None:
        self._tokens = tokens
        self._links = links
        self._url = url
        self._clock = clock

    async def add(self, caller: Caller, command: GatewayTokenAdd) -> None:
        """Make a token."""
        require_privilege(caller, "make tokens")
        url = self._url()
        owner = caller.uid if command.owner is None else command.owner
        token, text = await self._tokens.add(owner, command.label, command.lasts_s)
        reply = GatewayTokenAdded(token=text, details=self._summary(token), url=url)
        caller.reply(reply, command)

    async def list(self, caller: Caller, command: GatewayTokenList) -> None:
        """Tell which tokens there are."""
        require_privilege(caller, "see tokens")
        summaries = [self._summary(token) for token in self._tokens.all()]
        caller.reply(GatewayTokenListing(tokens=summaries), command)

    async def revoke(self, caller: Caller, command: GatewayTokenRevoke) -> None:
        """Make a token useless."""
        require_privilege(caller, "revoke tokens")
        token = await self._tokens.revoke(command.token_id)
        caller.reply(GatewayTokenRevoked(token_id=token.id), command)

    async def link(self, caller: Caller, command: GatewayLink) -> None:
        """Make a link to the page."""
        require_privilege(caller, "make links to the page")
        url = self._url()
        secret, expires = self._links.make(caller.uid if command.owner is None else command.owner)
        caller.reply(GatewayLinked(url=f"{url}/?link={secret}", expires=rfc3339(expires)), command)

    def _summary(self, token: Token) -> GatewayTokenSummary:
        return GatewayTokenSummary(
            token_id=token.id,
            label=token.label,
            owner=token.uid,
            created=rfc3339(token.created),
            expires=None if token.expires is None else rfc3339(token.expires),
            state=self._state(token),
            open=self._tokens.open_count(token.id),
        )

    def _state(self, token: Token) -> Literal["usable", "expired", "revoked"]:
        if token.revoked is not None:
            return "revoked"
        return "usable" if token.usable(self._clock.now()) else "expired"
