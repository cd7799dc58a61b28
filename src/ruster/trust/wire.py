"""Approvals as events of the protocol."""

from __future__ import annotations

from typing import Any

from ruster.core.clock import rfc3339
from ruster.protocol.events import ApprovalRequired, ApprovalResolved, ApprovalSummary
from ruster.trust.approval import Answer, Approval, Question, State

__all__ = ["approval_event", "closing_event", "summary"]


def approval_event(approval: Approval) -> ApprovalRequired | ApprovalResolved:
    """Return the event that shows a question, or what became of it."""
    if approval.answer is None:
        return ApprovalRequired(**_fields(approval.question))
    return closing_event(approval.question, approval.answer)


def closing_event(question: Question, answer: Answer) -> ApprovalResolved:
    """Return the event that tells what became of a question."""
    approved = answer.state is State.APPROVED
    return ApprovalResolved(
        session_id=question.session_id,
        approval_id=question.id,
        state=answer.state.value,
        by=answer.by,
        scope=answer.scope.value if approved else None,
        reason=answer.reason,
    )


def summary(approval: Approval) -> ApprovalSummary:
    """Return a question as a list shows it."""
    return ApprovalSummary(**_fields(approval.question), turn=approval.question.turn)


def _fields(question: Question) -> dict[str, Any]:
    return {
        "session_id": question.session_id,
        "approval_id": question.id,
        "tool": question.tool,
        "arguments": dict(question.arguments),
        "target": question.target,
        "effects": list(question.effects),
        "risk": question.risk,
        "reason": question.reason,
        "scopes": list(question.scopes),
        "sha256": question.sha256,
        "owner": question.owner,
        "surface": question.surface,
        "created": rfc3339(question.created),
        "expires": rfc3339(question.expires),
    }
