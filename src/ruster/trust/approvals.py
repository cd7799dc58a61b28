"""Asking people: a question is on the disk before it is shown, and the first answer stands.

Who may answer are the daemon's own user and root, wherever they are. Silence means no.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog

from ruster.core.clock import Clock
from ruster.core.errors import RusterError, SessionError, StorageError, ToolError
from ruster.core.tools import Action, Decision, TurnScope, Verdict
from ruster.protocol.commands import ApprovalScope
from ruster.trust.approval import Answer, Approval, State
from ruster.trust.drafting import draft
from ruster.trust.grants import Grants
from ruster.trust.register import Register
from ruster.trust.settings import TrustSettings

__all__ = ["Approvals", "Presence", "Put", "Shown"]

_REMEMBERED = 256
_log = structlog.stdlib.get_logger("ruster.trust")


Presence = Callable[[], Awaitable[bool]]
"""Whether somebody could be asked there now; must not take long, nor raise."""


class Shown(Protocol):
    """Where questions are shown. Whatever it raises when one is asked takes the question back."""

    def __call__(self, approval: Approval) -> None:
        """Show a question, or, when it has an answer, what became of it. Must not block."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Watcher:
    tell: Callable[[Approval], None]
    present: Presence | None


class Approvals:
    """Implements ``core.tools.Approver`` and ``core.tools.Questions``."""

    def __init__(
        self,
        register: Register,
        grants: Grants,
        settings: TrustSettings,
        clock: Clock,
        show: Shown,
    ) -> None:
        self._register = register
        self._grants = grants
        self._settings = settings
        self._clock = clock
        self._show = show
        self._watchers: list[_Watcher] = []
        self._open: dict[str, Approval] = {}
        self._ended: OrderedDict[str, Answer] = OrderedDict()

    # For those who want something done

    async def ask(self, action: Action, decision: Decision, scope: TurnScope) -> Verdict:
        """Ask a person and wait for the answer; without anybody to ask the answer is no.

        Cancelling takes the question back. Raises StorageError if it cannot be written down.
        """
        try:
            asked = await self.put(action, decision, scope)
        except ToolError as error:
            return Verdict(approved=False, by=error.message)
        return await asked.verdict()

    async def put(self, action: Action, decision: Decision, scope: TurnScope) -> Put:
        """Ask a person without waiting; see ``core.tools.Questions``."""
        if (refusal := await self._refusal(scope)) is not None:
            _log.info("approval_refused", tool=action.tool, session=scope.session_id, why=refusal)
            raise ToolError(refusal, code="approval_impossible")
        approval = draft(action, decision, scope, self._clock, self._settings.approval_timeout_s)
        self._open[approval.question.id] = approval
        try:
            await self._register.compact()
            await self._register.asked(approval.question)
            self._show(approval)
            approval.shown = True
            self._tell_watchers(approval)
        except BaseException:
            self.take_back(approval)
            raise
        return Put(approval, action, self)

    async def wait(self, approval: Approval) -> None:
        """Return when the question is closed, closing it when its time is over."""
        while not approval.closed.done():
            left: float | None = None
            if approval.state is State.PENDING:
                left = approval.deadline - self._clock.monotonic()
                if left <= 0:
                    self._expire_due()
                    continue
            await asyncio.wait({approval.closed}, timeout=left)

    def take_back(self, approval: Approval) -> None:
        """Withdraw a question that has no answer yet."""
        if approval.state is State.PENDING:
            self._settle(approval, Answer(State.WITHDRAWN, "the turn has ended"))

    # For those who answer

    def pending(self) -> tuple[Approval, ...]:
        """Return the questions that wait, the oldest first."""
        self._expire_due()
        return tuple(it for it in self._open.values() if it.shown and it.state is State.PENDING)

    async def answer(self, approval_id: str, answer: Answer) -> Approval:
        """Take a person's answer; return when it is on the disk.

        The caller has made sure that the person may answer. Raises SessionError
        (``approval_not_found``, ``approval_closed``, ``approval_scope``), or StorageError: the
        answer is no then, unless the message says that only the grant could not be kept.
        """
        self._expire_due()
        approval = self._find(approval_id)
        if answer.scope.value not in approval.question.scopes:
            raise SessionError(
                f"{approval_id} can only be approved for: {', '.join(approval.question.scopes)}",
                code="approval_scope",
            )
        self._settle(approval, answer)
        await asyncio.shield(approval.closed)
        if approval.failure is not None:
            raise approval.failure
        if answer.scope is ApprovalScope.ALWAYS and approval.rule is not None:
            try:
                await self._grants.allow_always(approval.rule)
            except RusterError as error:
                raise StorageError(
                    f"approved for this time only: {error.message}", code=error.code
                ) from error
        return approval

    def watch(
        self, watcher: Callable[[Approval], None], present: Presence | None = None
    ) -> Callable[[], None]:
        """Tell of every question and every answer from now on; return how to stop that.

        Who watches counts as somebody to ask; with ``present`` only when that says so.
        """
        added = _Watcher(watcher, present)
        self._watchers.append(added)

        def stop() -> None:
            with contextlib.suppress(ValueError):
                self._watchers.remove(added)

        return stop

    async def forget(self, session_key: str) -> None:
        """Drop what a session was granted and what is written of it; raises StorageError."""
        self._grants.forget(session_key)
        await self._register.forget(session_key)

    def close(self) -> None:
        """Take back what still waits."""
        self._close_all(self._open.values(), Answer(State.WITHDRAWN, "the daemon is stopping"))

    # Inside

    async def _refusal(self, scope: TurnScope) -> str | None:
        """Say why nobody can be asked."""
        if not scope.privileged:
            return "only sessions of the daemon's own user and root may ask for approval"
        if not scope.attended and not await self._is_watched():
            return (
                "it needs approval and nobody is there to give it; allow it with a rule of the "
                "policy, or do it in a session with somebody at hand"
            )
        if len(self._open) >= self._settings.max_pending:
            return f"{len(self._open)} questions wait for an answer already"
        return None

    async def _is_watched(self) -> bool:
        """Whether anybody watches who could be asked now."""
        watchers = tuple(self._watchers)
        if any(it.present is None for it in watchers):
            return True
        for watcher in watchers:
            if watcher.present is not None and await watcher.present():
                return True
        return False

    def _expire_due(self) -> None:
        now = self._clock.monotonic()
        due = [it for it in self._open.values() if it.deadline <= now]
        self._close_all(due, Answer(State.EXPIRED, "nobody answered in time"))

    def _close_all(self, approvals: Iterable[Approval], answer: Answer) -> None:
        for approval in tuple(approvals):
            if approval.state is State.PENDING:
                self._settle(approval, answer)

    def _find(self, approval_id: str) -> Approval:
        approval = self._open.get(approval_id)
        answer = approval.answer if approval is not None else self._ended.get(approval_id)
        if answer is not None:
            raise SessionError(
                f"{approval_id} is closed already: {answer.state.value} ({answer.by})",
                code="approval_closed",
            )
        if approval is None or not approval.shown:
            raise SessionError(
                f"nothing asks for approval {approval_id}", code="approval_not_found"
            )
        return approval

    def _settle(self, approval: Approval, answer: Answer) -> None:
        """Close a pending question: from here on no other answer counts."""
        approval.answer = answer
        try:
            commit = self._register.answered(approval, answer)
        except StorageError as error:
            self._finish(approval, error)
            return
        if answer.state is State.APPROVED:
            commit.add_done_callback(lambda done: self._finish(approval, _failure(done)))
        else:  # nothing depends on it: after a restart nothing is pending, and nothing approved
            commit.add_done_callback(_ignore)
            self._finish(approval, None)

    def _finish(self, approval: Approval, failure: BaseException | None) -> None:
        """Let go of a question whose answer is on the disk, or could not be brought there."""
        question, answer = approval.question, approval.answer
        assert answer is not None
        if failure is not None:
            approval.failure = _as_storage_error(failure)
            if answer.state is State.APPROVED:
                answer = Answer(State.DENIED, "the approval could not be written down")
                approval.answer = answer
        if answer.scope is ApprovalScope.SESSION and approval.rule is not None:
            self._grants.allow_in_session(question.session_key, approval.rule)
        self._open.pop(question.id, None)
        self._ended[question.id] = answer
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)
        if not approval.closed.done():
            approval.closed.set_result(None)
        _log.info(
            "approval",
            approval=question.id,
            tool=question.tool,
            session=question.session_id,
            state=answer.state.value,
            scope=answer.scope.value,
            by=answer.by,
        )
        if approval.shown:
            self._tell(approval)

    def _tell(self, approval: Approval) -> None:
        try:
            self._show(approval)
        except RusterError as error:  # the answer counts all the same
            _log.warning("approval_untold", approval=approval.question.id, error=error.message)
        self._tell_watchers(approval)

    def _tell_watchers(self, approval: Approval) -> None:
        for watcher in tuple(self._watchers):
            watcher.tell(approval)


@dataclass(frozen=True, slots=True)
class Put:
    """Implements ``core.tools.Asked``."""

    _approval: Approval
    _action: Action
    _approvals: Approvals

    @property
    def id(self) -> str:
        """The question's id."""
        return self._approval.question.id

    async def verdict(self) -> Verdict:
        """Wait for the answer; see ``core.tools.Asked``."""
        try:
            await self._approvals.wait(self._approval)
        finally:
            self.withdraw()
        return _verdict(self._approval, self._action)

    def withdraw(self) -> None:
        """Take the question back; see ``core.tools.Asked``."""
        self._approvals.take_back(self._approval)


def _verdict(approval: Approval, action: Action) -> Verdict:
    answer = approval.answer
    assert answer is not None
    by = answer.by if answer.reason is None else f"{answer.by}: {answer.reason}"
    if answer.state is not State.APPROVED:
        unanswered = answer.state in (State.EXPIRED, State.WITHDRAWN)
        return Verdict(approved=False, by=by, unanswered=unanswered)
    try:
        approval.use(action)
    except ToolError as error:
        return Verdict(approved=False, by=error.message)
    return Verdict(approved=True, by=by)


def _as_storage_error(failure: BaseException) -> StorageError:
    if isinstance(failure, StorageError):
        return failure
    return StorageError(f"the answer could not be written down: {failure}")


def _failure(commit: asyncio.Future[None]) -> BaseException | None:
    if commit.cancelled():
        return StorageError("the answer could not be written down")
    return commit.exception()


def _ignore(commit: asyncio.Future[None]) -> None:
    """Take note of a failure that nothing depends on."""
    if (error := _failure(commit)) is not None:
        _log.warning("approval_not_kept", error=str(error))
