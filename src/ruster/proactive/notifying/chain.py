"""Several ways to notify, taken together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ruster.core.notices import Notification, Notifier

__all__ = ["Notifiers"]


class Notifiers:
    """Implements ``core.notices.Notifier``: all of them show it, and none waits for another."""

    def __init__(self, notifiers: tuple[Notifier, ...]) -> None:
        self._notifiers = notifiers

    async def notify(
        self, notification: Notification, chosen: Callable[[str], None] | None = None
    ) -> bool:
        """Show it everywhere; return whether anybody could be shown it."""
        once = None if chosen is None else _Once(chosen)
        return any(await asyncio.gather(*(it.notify(notification, once) for it in self._notifiers)))

    async def withdraw(self, key: str) -> None:
        """Take it away everywhere."""
        await asyncio.gather(*(it.withdraw(key) for it in self._notifiers))

    async def can_ask(self) -> bool:
        """Whether any of them shows choices now."""
        return any(await asyncio.gather(*(it.can_ask() for it in self._notifiers)))


class _Once:
    """Lets the first answer through."""

    def __init__(self, chosen: Callable[[str], None]) -> None:
        self._chosen: Callable[[str], None] | None = chosen

    def __call__(self, choice: str) -> None:
        chosen, self._chosen = self._chosen, None
        if chosen is not None:
            chosen(choice)
