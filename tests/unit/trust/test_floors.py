"""No set of rules and grants lets a stranger or a tainted turn through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from ruster.core.tools import Action, ActionKind, Decision, Effect, Risk, Taint, TurnScope
from ruster.trust import policy as policies
from ruster.trust.facts import Facts
from ruster.trust.floors import hold_floors
from ruster.trust.policy import RulePolicy
from ruster.trust.rules import Rule
from ruster.trust.sources import RuleList

_TARGETS = ("/srv/a", "/home/x/session/a", "/home/x/config/p", "ls -l", "a.org", "*", "", "~", None)
_NAMES = st.sampled_from(("*", "shell", "fetch", "f*", "s?ell", "ls", "ls -l"))
_EFFECTS = st.frozensets(st.sampled_from(Effect))


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


_RULES = st.builds(
    Rule,
    subject_kind=st.sampled_from(("tool", "command")),
    subject_name=_NAMES,
    action=st.sampled_from(ActionKind),
    owner=_maybe(st.sampled_from((0, 1000))),
    effects=_maybe(_EFFECTS),
    max_risk=_maybe(st.sampled_from(Risk)),
    tainted=_maybe(st.booleans()),
    folder=_maybe(st.sampled_from(("/", "/**", "/srv", "/home/x/**", "~/**"))),
    host=_maybe(st.sampled_from(("a.org", "*.org"))),
)
_ACTIONS = st.builds(
    Action,
    tool=st.sampled_from(("shell", "fetch", "file")),
    arguments=st.just({"a": 1}),
    effects=_EFFECTS,
    risk=st.sampled_from(Risk),
    target=st.sampled_from(_TARGETS),
)
_SCOPES = st.builds(
    TurnScope,
    session_id=st.just("s"),
    session_key=st.just("1000/s"),
    turn=st.just("t"),
    owner=st.sampled_from((0, 1000)),
    privileged=st.booleans(),
    folder=st.just(Path("/home/x/session")),
    surface=st.sampled_from(("socket", "proactive")),
    presence=st.sampled_from((lambda: True, lambda: False)),
    taint=st.builds(Taint, st.sets(st.sampled_from(("web:a.org", "file:/b")))),
)
_CASES = st.tuples(st.lists(_RULES, max_size=6), st.booleans(), _ACTIONS, _SCOPES)
_Case = tuple[list[Rule], bool, Action, TurnScope]


class _Grants:
    """Everything is granted, or nothing."""

    def __init__(self, everything: bool) -> None:
        self._everything = everything

    def find(self, facts: Facts) -> str | None:
        return "granted" if self._everything else None


def _decide(case: _Case) -> Decision:
    rules, granted, action, scope = case
    policy = RulePolicy(
        [RuleList("rules", tuple(rules))], _Grants(granted), protected=[Path("/home/x/config")]
    )
    return policy.decide(action, scope)


def _breaks(case: _Case) -> bool:
    """Whether a call got through that no rule may let through."""
    decided = _decide(case).kind
    _, _, action, scope = case
    if not scope.privileged:
        return bool(action.effects) and decided is not ActionKind.DENY
    leaves = action.effects & {Effect.NETWORK, Effect.EXECUTES, Effect.SPENDS}
    inside = action.target == "/home/x/session/a"
    writes_elsewhere = Effect.WRITES in action.effects and not inside
    held = scope.taint and (leaves or writes_elsewhere)
    critical = action.risk is Risk.CRITICAL
    return bool(held or critical) and decided is ActionKind.ALLOW


@settings(max_examples=400, deadline=None, derandomize=True)
@given(_CASES)
def test_no_rules_and_no_grants_loosen_a_floor(case: _Case) -> None:
    assert not _breaks(case)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(_CASES)
def test_a_floor_only_ever_tightens(case: _Case) -> None:
    order = (ActionKind.ALLOW, ActionKind.ASK, ActionKind.DENY)
    _, _, action, scope = case
    for kind in order:
        said = Decision(kind, "a rule", "because")
        held = hold_floors(said, Facts.of(action, scope), [Path("/home/x/config")])
        assert order.index(held.kind) >= order.index(kind)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(_CASES)
def test_the_same_call_gets_the_same_answer(case: _Case) -> None:
    assert _decide(case) == _decide(case)


def test_without_the_floors_the_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "hold_floors", lambda decision, facts, protected: decision)
    assert _breaks(find(_CASES, _breaks))
