"""Whether a call may happen: the policy decides, a person may be asked."""

from __future__ import annotations

from ruster.core.tools import Action, ActionKind, Approver, Policy, TurnScope

__all__ = ["Gate"]


class Gate:
    """Every call passes here, right before it is run."""

    def __init__(self, policy: Policy, approver: Approver) -> None:
        self._policy = policy
        self._approver = approver

    async def refusal(self, action: Action, scope: TurnScope) -> str | None:
        """Return why an action may not happen, or None if it may."""
        decision = self._policy.decide(action, scope)
        if decision.kind is ActionKind.ASK:
            verdict = await self._approver.ask(action, decision, scope)
            if not verdict.approved:
                return f"not approved ({verdict.by}): {decision.reason}"
            decision = self._policy.decide(action, scope)  # the answer may have taken hours
        if decision.kind is ActionKind.DENY:
            return f"denied by {decision.rule}: {decision.reason}"
        return None
