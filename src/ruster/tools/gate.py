"""Whether a call may happen: the policy decides, a person may be asked."""

from __future__ import annotations

from dataclasses import dataclass

from ruster.core.tools import Action, ActionKind, Approver, Policy, TurnScope

__all__ = ["Gate", "Passage"]


@dataclass(frozen=True, slots=True)
class Passage:
    """Whether a call may pass: ``refusal`` says why not, ``rule`` what decided."""

    rule: str
    refusal: str | None = None


class Gate:
    """Every call passes here, right before it is run."""

    def __init__(self, policy: Policy, approver: Approver) -> None:
        self._policy = policy
        self._approver = approver

    async def passage(self, action: Action, scope: TurnScope) -> Passage:
        """Decide about an action, asking a person where the policy says so."""
        decision = self._policy.decide(action, scope)
        rule = decision.rule
        if decision.kind is ActionKind.ASK:
            verdict = await self._approver.ask(action, decision, scope)
            if not verdict.approved:
                return Passage(rule, f"not approved ({verdict.by}): {decision.reason}")
            rule = f"approved by {verdict.by}"
            decision = self._policy.decide(action, scope)  # the answer may have taken hours
        if decision.kind is ActionKind.DENY:
            return Passage(decision.rule, f"denied by {decision.rule}: {decision.reason}")
        return Passage(rule)
