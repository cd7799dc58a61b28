"""The questions for approval that wait, in all sessions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from ruster.core.errors import SessionError
from ruster.protocol import events
from ruster.tui.approvals import session_of
from ruster.tui.desk import Desk

__all__ = ["Asked"]


class Asked:
    """``changed`` is told after each change, with a question that has just come in our session."""

    def __init__(
        self, desk: Desk, changed: Callable[[events.ApprovalQuestion | None], None]
    ) -> None:
        self.waiting: dict[str, events.ApprovalQuestion] = {}
        self._desk = desk
        self._changed = changed
        self._watching = False
        """Whether we are told of all sessions, and need not listen to what one replays."""

    def waits(self, asked: events.ApprovalQuestion) -> bool:
        """Whether a question still has no answer."""
        return asked.approval_id in self.waiting

    def first_of(self, session_id: str) -> events.ApprovalQuestion | None:
        """Return the question of a session that waits longest, if one does."""
        found = (it for it in self.waiting.values() if session_of(it) == session_id)
        return next(found, None)

    def hear(self, event: events.Event) -> None:
        """Take note of what the open session tells, where nothing else tells it."""
        if not self._watching:
            self.take(event)

    async def listen(self) -> None:
        """Follow what is asked and answered; only the daemon's own user and root may."""
        try:
            async with contextlib.aclosing(self._desk.client.watch_approvals()) as told:
                async for event in told:
                    self.take(event)
        except SessionError as error:
            if error.code != "not_permitted":
                raise

    def take(self, event: events.Event) -> None:
        """Take note of what waits, of a question, or of its answer."""
        match event:
            case events.ApprovalListing(approvals=approvals):
                self._watching = True
                self.waiting = {it.approval_id: it for it in approvals}
                self._changed(self.first_of(self._desk.session_id))
            case events.ApprovalRequired(approval_id=name) if name not in self.waiting:
                self.waiting[name] = event
                self._changed(event if event.session_id == self._desk.session_id else None)
            case events.ApprovalResolved(approval_id=name) if name in self.waiting:
                del self.waiting[name]
                self._changed(None)
