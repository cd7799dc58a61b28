"""What no rule and no grant can loosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ruster.core.tools import ActionKind, Decision, Effect, Risk
from ruster.trust.facts import Facts

__all__ = ["FLOOR", "hold_floors", "is_floor"]

FLOOR = "floor: "
"""How the rule of a decision begins that no rule can change."""
_LEAVES = frozenset({Effect.NETWORK, Effect.SPENDS, Effect.EXECUTES})
_MAX_ORIGINS = 3


def hold_floors(decision: Decision, facts: Facts, protected: Sequence[Path]) -> Decision:
    """Return the decision, or a stricter one.

    ``protected`` are ruster's own folders, in which nothing but the session's own may be touched
    without asking.
    """
    if not facts.scope.privileged:
        return _for_stranger(decision, facts)
    if decision.kind is ActionKind.DENY:
        return decision
    for name, reason in (
        ("tainted", _taint(facts)),
        ("critical", _critical(facts)),
        ("ruster's own files", _own_files(facts, protected)),
    ):
        if reason:
            return Decision(ActionKind.ASK, FLOOR + name, reason)
    return decision


def is_floor(decision: Decision) -> bool:
    """Whether a floor decided; a grant would change nothing then."""
    return decision.rule.startswith(FLOOR)


def _for_stranger(decision: Decision, facts: Facts) -> Decision:
    if not facts.action.effects and decision.kind is ActionKind.ALLOW:
        return decision
    return Decision(
        ActionKind.DENY,
        f"{FLOOR}stranger",
        "only sessions of the daemon's own user and root may use this tool",
    )


def _taint(facts: Facts) -> str:
    scope, effects = facts.scope, facts.action.effects
    if not scope.taint:
        return ""
    writes_elsewhere = Effect.WRITES in effects and not facts.inside(scope.folder)
    if not effects & _LEAVES and not writes_elsewhere:
        return ""
    origins = sorted(scope.taint.origins)
    more = f" and {len(origins) - _MAX_ORIGINS} more" if len(origins) > _MAX_ORIGINS else ""
    return f"the conversation holds text from {', '.join(origins[:_MAX_ORIGINS])}{more}"


def _critical(facts: Facts) -> str:
    return "its risk is critical" if facts.action.risk is Risk.CRITICAL else ""


def _own_files(facts: Facts, protected: Sequence[Path]) -> str:
    if facts.inside(facts.scope.folder):
        return ""
    own = any(facts.inside(folder) for folder in protected)
    return "it is among ruster's own files" if own else ""
