"""Commands about the gateway's tokens; all are for the daemon's own user and root, and only on the
daemon's own socket."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ruster.protocol.commands.base import CommandBase

__all__ = ["GatewayLink", "GatewayTokenAdd", "GatewayTokenList", "GatewayTokenRevoke"]

_Uid = Annotated[int, Field(ge=0, le=2**32 - 1)]
_MAX_LIFE_S = 10 * 366 * 24 * 3600


class GatewayTokenAdd(CommandBase):
    """Make a token; its text is in the reply and nowhere else."""

    action: Literal["gateway_token_add"] = "gateway_token_add"
    label: Annotated[str, Field(min_length=1, max_length=100)]
    """What it is for, to know it by."""
    owner: _Uid | None = None
    """Whose sessions it opens, as a uid; the caller's own if not given."""
    lasts_s: Annotated[float, Field(gt=0, le=_MAX_LIFE_S)] | None = None
    """After how many seconds it expires; never if not given."""


class GatewayTokenList(CommandBase):
    """Tell which tokens there are; their texts are not kept."""

    action: Literal["gateway_token_list"] = "gateway_token_list"


class GatewayTokenRevoke(CommandBase):
    """Make a token useless at once; what its holder has open is ended."""

    action: Literal["gateway_token_revoke"] = "gateway_token_revoke"
    token_id: Annotated[str, Field(min_length=1, max_length=64)]


class GatewayLink(CommandBase):
    """Make a link that opens the page and lets that browser in: once, within five minutes."""

    action: Literal["gateway_link"] = "gateway_link"
    owner: _Uid | None = None
    """Whose sessions it opens, as a uid; the caller's own if not given."""
