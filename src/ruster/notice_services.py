"""Notifications, built from the settings: on the desktop, by a command, with buttons to approve."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from ruster.proactive.notifying.settings import NotifySettings
from ruster.protocol.commands import ApprovalScope
from ruster.trust.approval import Answer, State
from ruster.trust.approvals import Approvals

if TYPE_CHECKING:
    from ruster.proactive.notifying.saying import SpokenNotices

__all__ = ["NoticeServices"]


class NoticeServices:
    """``spoken`` shows what jobs say, once it is ``open``; None when nothing is to be shown."""

    def __init__(
        self,
        settings: NotifySettings,
        environment: Mapping[str, str],
        approvals: Approvals,
        attended: Callable[[str], bool],
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._approvals = approvals
        self._attended = attended
        self._stack = AsyncExitStack()
        self.spoken: SpokenNotices | None = None

    def open(self) -> None:
        """Show from now on what is to be shown; needs a running event loop."""
        own = self._settings
        if self.spoken is not None or not (own.desktop or own.command):
            return
        # Imported when first needed, not at every start.
        from ruster.core.notices import Notifier
        from ruster.proactive.notifying.approvals import ApprovalNotices
        from ruster.proactive.notifying.chain import Notifiers
        from ruster.proactive.notifying.command import NotifyCommand
        from ruster.proactive.notifying.desktop import Desktop, bus_address
        from ruster.proactive.notifying.saying import SpokenNotices

        ways: list[Notifier] = []
        if own.desktop:
            desktop = Desktop(bus_address(self._environment, os.getuid()))
            self._stack.push_async_callback(desktop.aclose)
            ways.append(desktop)
        if own.command:
            ways.append(NotifyCommand(own.command))
        notifier = Notifiers(tuple(ways))
        self.spoken = SpokenNotices(notifier, own)
        self._stack.push_async_callback(self.spoken.aclose)
        asked = ApprovalNotices(self._approvals, self._respond, notifier, own, self._attended)
        self._stack.push_async_callback(asked.aclose)

    async def aclose(self) -> None:
        """Take away what is shown."""
        await self._stack.aclose()

    async def _respond(self, approval_id: str, approve: bool, by: str) -> object:
        state = State.APPROVED if approve else State.DENIED
        return await self._approvals.answer(approval_id, Answer(state, by, ApprovalScope.ONCE))
