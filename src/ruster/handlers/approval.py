"""Approvals: approval_list, approve, reject. For the daemon's own user and root."""

from __future__ import annotations

from functools import partial

from ruster.handlers.caller import Caller, require_privilege
from ruster.protocol.codec import encode_event
from ruster.protocol.commands import ApprovalList, Approve, CommandBase, Reject
from ruster.protocol.events import ApprovalAnswered, ApprovalListing
from ruster.trust.approval import Answer, Approval, State
from ruster.trust.approvals import Approvals
from ruster.trust.wire import approval_event, summary

__all__ = ["ApprovalHandlers"]

_WATCH = "approvals"


class ApprovalHandlers:
    """The commands about approvals."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals

    async def list(self, caller: Caller, command: ApprovalList) -> None:
        """Tell what waits for an answer, and with ``watch`` what will."""
        require_privilege(caller, "see approvals")
        if command.watch:
            self._watch(caller)
        waiting = [summary(approval) for approval in self._approvals.pending()]
        caller.reply(ApprovalListing(approvals=waiting, watching=command.watch), command)

    async def approve(self, caller: Caller, command: Approve) -> None:
        """Let a tool do what was shown."""
        require_privilege(caller, "approve")
        answer = Answer(State.APPROVED, f"uid {caller.uid}", command.scope)
        await self._answer(caller, command, command.approval_id, answer)

    async def reject(self, caller: Caller, command: Reject) -> None:
        """Keep a tool from doing what was shown."""
        require_privilege(caller, "reject")
        answer = Answer(State.DENIED, f"uid {caller.uid}", reason=command.reason)
        await self._answer(caller, command, command.approval_id, answer)

    async def _answer(
        self, caller: Caller, command: CommandBase, approval_id: str, answer: Answer
    ) -> None:
        await self._approvals.answer(approval_id, answer)
        approved = answer.state is State.APPROVED
        reply = ApprovalAnswered(
            approval_id=approval_id,
            state="approved" if approved else "denied",
            scope=answer.scope.value if approved else None,
        )
        caller.reply(reply, command)

    def _watch(self, caller: Caller) -> None:
        if caller.closed or (caller.on_close is not None and _WATCH in caller.on_close):
            return
        if caller.on_close is None:
            caller.on_close = {}
        caller.on_close[_WATCH] = self._approvals.watch(partial(_show, caller))
        caller.stays_open = True


def _show(caller: Caller, approval: Approval) -> None:
    caller.deliver(encode_event(approval_event(approval), turn=approval.question.turn))
