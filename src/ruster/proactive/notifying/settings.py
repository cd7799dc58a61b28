"""Settings of notifications."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["NotifyEvent", "NotifySettings"]

NotifyEvent = Literal["approvals", "failures", "proactive"]
"""What can be notified of."""


class NotifySettings(BaseModel):
    """What the person at the machine is notified of, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    desktop: bool = True
    """Show notifications on the desktop, through D-Bus (extra `desktop`)."""
    command: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...], Field(max_length=64)
    ] = ()
    """A command that is run for each notification, as a list of words. The title and the text are
    its last two arguments, and come as JSON on its standard input; no shell reads them."""
    events: Annotated[tuple[NotifyEvent, ...], Field(max_length=8)] = (
        "approvals",
        "failures",
        "proactive",
    )
    """What is notified of: questions for approval, what failed, and what ruster says by itself."""
    only_unattended: bool = True
    """Notify only when no client is attached to the session."""
