"""What jobs say as notifications: for who is attached to no session."""

from __future__ import annotations

import asyncio

import structlog

from ruster.core.notices import Notification, Notifier, Urgency
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.proactive.notifying.settings import NotifySettings

__all__ = ["SpokenNotices"]

_log = structlog.stdlib.get_logger("ruster.notifying")
_MAX_WAITING = 64


class SpokenNotices:
    """Implements ``proactive.telling.Notices``; nobody waits for a notification."""

    def __init__(self, notifier: Notifier, settings: NotifySettings) -> None:
        self._notifier = notifier
        self._settings = settings
        self._tasks: set[asyncio.Task[bool]] = set()

    def said(self, title: str, text: str, key: str, *, failed: bool, attended: bool) -> None:
        """Show what was said, if it is to be; beyond a bound it is only logged."""
        kind = "failures" if failed else "proactive"
        if kind not in self._settings.events or (attended and self._settings.only_unattended):
            return
        if len(self._tasks) >= _MAX_WAITING:
            _log.warning("not_notified", title=title, why="too many notifications wait")
            return
        urgency = Urgency.CRITICAL if failed else Urgency.NORMAL
        notification = Notification(title, text, urgency, key)
        task = spawn(self._notifier.notify(notification), name="notice of a job")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Show no more."""
        await cancel_and_wait(*self._tasks)
