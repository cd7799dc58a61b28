"""The gateway: the answers to commands about its tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from ruster.protocol.events.base import Reply

__all__ = [
    "GatewayLinked",
    "GatewayTokenAdded",
    "GatewayTokenListing",
    "GatewayTokenRevoked",
    "GatewayTokenSummary",
]


class GatewayTokenSummary(BaseModel):
    """One token. Times are RFC 3339, local."""

    model_config = ConfigDict(frozen=True)

    token_id: str
    label: str
    owner: int
    """Whose sessions it opens, as a uid."""
    created: str
    expires: str | None = None
    state: Literal["usable", "expired", "revoked"]
    open: int = 0
    """Requests and WebSockets of its holder that are under way."""


class GatewayTokenAdded(Reply):
    """A new token."""

    event: Literal["gateway_token_added"] = "gateway_token_added"
    token: str
    """Its text. It is told once."""
    details: GatewayTokenSummary
    url: str
    """Where it can be used."""


class GatewayTokenListing(Reply):
    """The tokens, the oldest first."""

    event: Literal["gateway_token_list"] = "gateway_token_list"
    tokens: list[GatewayTokenSummary]


class GatewayTokenRevoked(Reply):
    """The token opens nothing any more."""

    event: Literal["gateway_token_revoked"] = "gateway_token_revoked"
    token_id: str


class GatewayLinked(Reply):
    """A link to the page, to be opened once."""

    event: Literal["gateway_link"] = "gateway_link"
    url: str
    expires: str
    """RFC 3339, local time."""
