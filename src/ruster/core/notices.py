"""Telling the person at the machine something, wherever they look, and asking them with buttons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["Choice", "Notification", "Notifier", "Urgency"]


class Urgency(StrEnum):
    """How much it may disturb."""

    LOW = "low"
    NORMAL = "normal"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Choice:
    """A button: ``id`` is what is told when it is pressed, ``label`` what stands on it."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Notification:
    """What is shown, in plain text; whoever shows it cuts it and makes it harmless.

    One with the same ``key`` takes the place of the earlier one; an empty key is nobody's.
    """

    title: str
    text: str
    urgency: Urgency = Urgency.NORMAL
    key: str = ""
    choices: tuple[Choice, ...] = ()


class Notifier(Protocol):
    """Where notifications are shown. Nothing here raises; what goes wrong is logged."""

    async def notify(
        self, notification: Notification, chosen: Callable[[str], None] | None = None
    ) -> bool:
        """Show it; return whether somebody could be shown it, in a bounded time.

        ``chosen`` is called at most once, with the id of a choice.
        """
        ...

    async def withdraw(self, key: str) -> None:
        """Take it away again; its choices count no longer."""
        ...

    async def can_ask(self) -> bool:
        """Whether choices can really be shown now, and be taken."""
        ...
