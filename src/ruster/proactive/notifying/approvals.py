"""Questions for approval as notifications with buttons.

A press answers the very question that anybody else could answer; the first answer counts, and the
notification is taken away with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Protocol

import structlog

from ruster.core.errors import RusterError
from ruster.core.notices import Notification, Notifier
from ruster.core.tasks import spawn
from ruster.proactive.notifying.question import APPROVE, AskedQuestion, notification_of
from ruster.proactive.notifying.settings import NotifySettings

__all__ = ["ApprovalNotices", "AskedApproval", "Questions", "Respond"]

_BY = "desktop notification"
_log = structlog.stdlib.get_logger("ruster.notifying")

Respond = Callable[[str, bool, str], Awaitable[object]]
"""Answers a question: its id, whether it is approved, and who says so. Raises RusterError."""


class AskedApproval(Protocol):
    """A question on its way, as ``trust`` has it."""

    @property
    def question(self) -> AskedQuestion: ...
    @property
    def answer(self) -> object | None: ...


class Questions(Protocol):
    """Who tells of questions and of answers."""

    def watch(
        self,
        watcher: Callable[[AskedApproval], None],
        present: Callable[[], Awaitable[bool]] | None = None,
    ) -> Callable[[], None]:
        """Tell ``watcher`` of them; ``present`` says whether somebody could be asked there."""
        ...


class ApprovalNotices:
    """Shows questions as long as they wait. ``attended`` says whether a session has a client."""

    def __init__(
        self,
        questions: Questions,
        respond: Respond,
        notifier: Notifier,
        settings: NotifySettings,
        attended: Callable[[str], bool],
    ) -> None:
        self._respond = respond
        self._notifier = notifier
        self._settings = settings
        self._attended = attended
        self._closed: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop: Callable[[], None] | None = None
        if "approvals" in settings.events:
            self._stop = questions.watch(self._take, notifier.can_ask)

    async def aclose(self) -> None:
        """Show no more, and take away what is shown."""
        if self._stop is not None:
            self._stop()
        for closed in self._closed.values():
            closed.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, approval: AskedApproval) -> None:
        """Take note of a question, or that it has its answer."""
        question = approval.question
        if approval.answer is not None:
            if (closed := self._closed.get(question.id)) is not None:
                closed.set()
        elif not (self._settings.only_unattended and self._attended(question.session_key)):
            closed = self._closed[question.id] = asyncio.Event()
            self._spawn(self._show(question, closed))

    async def _show(self, question: AskedQuestion, closed: asyncio.Event) -> None:
        try:
            notification = notification_of(question)
            pressed = partial(self._press, question.id)
            if await self._notifier.notify(notification, pressed):
                await closed.wait()
                await self._notifier.withdraw(question.id)
            else:
                _log.warning("approval_not_notified", approval=question.id)
        finally:
            del self._closed[question.id]

    def _press(self, approval_id: str, choice: str) -> None:
        self._spawn(self._answer(approval_id, choice == APPROVE))

    async def _answer(self, approval_id: str, approve: bool) -> None:
        try:
            await self._respond(approval_id, approve, _BY)
        except RusterError as error:
            _log.warning("approval_press_lost", approval=approval_id, error=error.message)
            await self._notifier.notify(
                Notification("Your answer did not count", error.message, key=f"{approval_id}/lost")
            )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = spawn(work, name="approval notice")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
