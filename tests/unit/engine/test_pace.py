"""How much of a prompt goes into a step beside running answers."""

from __future__ import annotations

from ruster.engine.pace import STRETCH, PrefillPace, split_budget
from ruster.engine.prefix import common_prefix


def test_the_pace_keeps_a_step_within_its_stretch() -> None:
    pace = PrefillPace(256)
    first = pace.budget()
    assert 0 < first < 256
    for _ in range(50):
        pace.note(0.010, 1, 0)
        pace.note(0.010 + 0.001 * pace.budget(), 1, pace.budget())
    assert pace.budget() == int((STRETCH - 1) * 10)


def test_the_pace_stays_within_its_bounds() -> None:
    cheap, dear = PrefillPace(64), PrefillPace(64)
    for _ in range(50):
        for pace, token_s in ((cheap, 0.0), (dear, 1.0)):
            pace.note(0.010, 2, 0)
            pace.note(0.010 + token_s * pace.budget(), 2, pace.budget())
    assert cheap.budget() == 64
    assert 0 < dear.budget() <= 8
    assert PrefillPace(1).budget() == 1


def test_the_first_step_beside_an_answer_is_no_longer_than_the_others() -> None:
    unknown = PrefillPace(256)
    assert unknown.budget() <= 4
    pace = PrefillPace(256)
    pace.note(256 * 0.002, 0, 256)  # its own prompt was read before
    pace.note(0.010, 1, 0)
    assert pace.budget() == int((STRETCH - 1) * 5)


def test_steps_without_answers_are_only_a_first_guess() -> None:
    pace = PrefillPace(128)
    pace.note(0.010, 1, 0)
    pace.note(0.020, 1, 10)
    known = pace.budget()
    pace.note(9.0, 0, 128)
    assert pace.budget() == known


def test_a_budget_is_split_evenly_and_used_up() -> None:
    assert split_budget(100, [1000, 1000]) == [50, 50]
    assert split_budget(100, [1000, 10, 1000]) == [45, 10, 45]
    assert split_budget(100, [10, 20]) == [10, 20]
    assert sum(split_budget(7, [9] * 5)) == 7
    assert split_budget(5, []) == []


def test_how_far_lists_agree() -> None:
    tokens = list(range(2000))
    assert common_prefix(tokens, tokens) == 2000
    for at in (0, 1, 511, 512, 513, 1999):
        assert common_prefix(tokens, [*tokens[:at], -1, *tokens[at + 1 :]]) == at
    assert common_prefix(tokens, tokens[:700]) == 700
    assert common_prefix([], tokens) == 0
