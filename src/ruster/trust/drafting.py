"""Turning a call into a question: its arguments are copied as they are when they are hashed."""

from __future__ import annotations

import asyncio
import json

from ruster.core.clock import Clock
from ruster.core.errors import ToolError
from ruster.core.ids import new_id
from ruster.core.tools import Action, Decision, TurnScope
from ruster.protocol.commands import ApprovalScope
from ruster.trust.approval import Approval, Question
from ruster.trust.digest import canonical, fingerprint
from ruster.trust.facts import Facts
from ruster.trust.floors import is_floor
from ruster.trust.grants import narrow_rule

__all__ = ["draft"]

_MAX_SHOWN_BYTES = 256 * 1024


def draft(
    action: Action, decision: Decision, scope: TurnScope, clock: Clock, timeout_s: float
) -> Approval:
    """Make a question that waits ``timeout_s`` for its answer; what a floor asks, it asks anew.

    Raises ToolError (``approval_impossible``) when the arguments cannot be shown to a person.
    """
    text = canonical(dict(action.arguments))
    if len(text) > _MAX_SHOWN_BYTES:
        raise ToolError(
            f"the arguments are larger than {_MAX_SHOWN_BYTES} bytes, too large to be shown to a "
            "person; do it in smaller steps",
            code="approval_impossible",
        )
    copied = json.loads(text)
    if copied != dict(action.arguments):  # such as names that are no text
        raise ToolError("the arguments are no JSON object", code="approval_impossible")
    once_only = is_floor(decision)
    now = clock.now()
    question = Question(
        id=new_id("pa"),
        tool=action.tool,
        arguments=copied,
        sha256=fingerprint(action.tool, copied),
        effects=tuple(sorted(effect.value for effect in action.effects)),
        risk=action.risk.value,
        reason=decision.reason,
        target=action.target,
        session_id=scope.session_id,
        session_key=scope.session_key,
        owner=scope.owner,
        surface=scope.surface,
        turn=scope.turn,
        created=now,
        expires=now + timeout_s,
        scopes=(ApprovalScope.ONCE,) if once_only else tuple(ApprovalScope),
    )
    return Approval(
        question=question,
        deadline=clock.monotonic() + timeout_s,
        rule=None if once_only else narrow_rule(Facts.of(action, scope)),
        closed=asyncio.get_running_loop().create_future(),
    )
