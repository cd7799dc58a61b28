"""What is remembered of models, for how long, and of how many."""

from __future__ import annotations

from ruster.agent.ways import Way, Ways
from ruster.testing import ManualClock


def test_an_unknown_model_is_asked_with_its_own_tools() -> None:
    assert Ways().of("a/b") is Way.NATIVE


def test_a_way_is_remembered_for_a_while() -> None:
    clock = ManualClock()
    ways = Ways(clock, keep_s=10)
    ways.found("a/b", Way.JSON)
    clock.advance(9)
    assert (ways.of("a/b"), ways.of("a/c")) == (Way.JSON, Way.NATIVE)
    clock.advance(1)
    assert ways.of("a/b") is Way.NATIVE


def test_the_one_found_longest_ago_goes() -> None:
    ways = Ways(most=2)
    for model in ("a", "b", "a", "c"):
        ways.found(model, Way.NONE)

    assert [ways.of(model) for model in "abc"] == [Way.NONE, Way.NATIVE, Way.NONE]
