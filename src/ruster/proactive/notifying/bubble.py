"""A notification as a desktop is given it: harmless, bounded, with buttons if it has any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ruster.core.ids import new_id
from ruster.core.notices import Notification, Urgency
from ruster.proactive.notifying.text import escaped, line_of, text_of

__all__ = ["Bubble", "Server", "Shown"]

_URGENCIES = {Urgency.LOW: 0, Urgency.NORMAL: 1, Urgency.CRITICAL: 2}
_MAX_CHOICES = 4
_LABEL_CHARS = 40


@dataclass(frozen=True, slots=True)
class Server:
    """Who shows notifications: its unique name on the bus, and what it can do."""

    name: str
    abilities: frozenset[str]

    @property
    def has_buttons(self) -> bool:
        """Whether its notifications can be answered."""
        return "actions" in self.abilities


@dataclass(frozen=True, slots=True)
class Bubble:
    """What a server is given. ``replaces`` is a number it gave, or 0; ``urgency`` is 0 to 2.

    ``buttons`` are labels by names.
    """

    title: str
    text: str
    urgency: int
    buttons: Mapping[str, str]
    replaces: int = 0


@dataclass(slots=True, eq=False)
class Shown:
    """A notification of ours at a server, which has given it a number.

    ``buttons`` are choices by names that only that server is told: another program may have it show
    its own text in place of ours, but cannot have it press our buttons.
    """

    server: Server
    chosen: Callable[[str], None] | None
    buttons: dict[str, str] = field(default_factory=dict)
    number: int = 0
    unwanted: bool = False

    def bubble(self, notification: Notification, earlier: Shown | None) -> Bubble:
        """Return what to show, in place of an earlier one of the same server."""
        labels: dict[str, str] = {}
        if self.chosen is not None and self.server.has_buttons:
            for choice in notification.choices[:_MAX_CHOICES]:
                button = new_id("b")
                self.buttons[button] = choice.id
                labels[button] = line_of(choice.label, _LABEL_CHARS)
        replaces = 0
        if earlier is not None and earlier.server.name == self.server.name:
            replaces = earlier.number
        text = text_of(notification)
        return Bubble(
            title=line_of(notification.title),
            text=escaped(text) if "body-markup" in self.server.abilities else text,
            urgency=_URGENCIES[notification.urgency],
            buttons=labels,
            replaces=replaces,
        )
