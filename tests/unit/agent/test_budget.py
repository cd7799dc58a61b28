"""Budgets: what is reserved cannot be spent twice, and a day ends at midnight."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.agent.budget import DayBudget, TurnBudget
from ruster.agent.metering import MeteredModels
from ruster.core.errors import ProviderError
from ruster.core.inference import Behaviour, Content, InferenceConfig, InferenceRequest, Usage
from ruster.core.messages import Message, Role
from ruster.llm.router import Models
from ruster.testing import ManualClock, ScriptedProvider

DAY_S = 86_400.0


def test_a_step_that_may_take_too_much_is_not_asked() -> None:
    day = DayBudget(None, 100, ManualClock())
    with day.reserve(60) as first:
        first.spend(60)
    with pytest.raises(ProviderError) as refused, day.reserve(41):
        pass
    assert refused.value.code == "budget_exhausted"
    assert "100 a day" in refused.value.message
    with day.reserve(40):
        pass


def test_turns_side_by_side_cannot_spend_the_same_tokens() -> None:
    day = DayBudget(None, 100, ManualClock())
    with day.reserve(60), pytest.raises(ProviderError), day.reserve(60):
        pass
    with day.reserve(60):  # nothing was spent: it is free again
        pass


def test_what_was_spent_counts_at_once() -> None:
    day = DayBudget(None, 100, ManualClock())
    with day.reserve(50) as step:
        step.spend(30)
        assert day.spent_today == 30


def test_the_count_survives_a_restart_and_ends_with_the_day(tmp_path: Path) -> None:
    clock, path = ManualClock(), tmp_path / "budget.json"
    with DayBudget(path, 0, clock).reserve(10) as step:
        step.spend(10)
    again = DayBudget(path, 0, clock)
    assert again.spent_today == 10
    clock.advance(DAY_S)
    assert again.spent_today == 0
    assert DayBudget(path, 0, clock).spent_today == 0


@pytest.mark.parametrize(
    "content", ["", "no json", "[]", "{}", '{"day": 1}', '{"day":"2027-01-15","tokens":"x"}', "\0"]
)
def test_a_damaged_count_begins_at_zero(tmp_path: Path, content: str) -> None:
    path = tmp_path / "budget.json"
    path.write_text(content)
    assert DayBudget(path, 0, ManualClock()).spent_today == 0


@pytest.mark.parametrize("content", ["", "no json", '{"day":"2027-01-15","tokens":' + "9" * 500])
def test_a_damaged_count_is_written_anew(tmp_path: Path, content: str) -> None:
    path = tmp_path / "budget.json"
    path.write_text(content)
    with DayBudget(path, 0, ManualClock()).reserve(10) as step:
        step.spend(7)
        step.spend(3)
    assert DayBudget(path, 0, ManualClock()).spent_today == 10


def test_a_disk_that_refuses_does_not_stop_anything(tmp_path: Path) -> None:
    day = DayBudget(tmp_path / "no" / "such" / "budget.json", 0, ManualClock())
    with day.reserve(1) as step:
        step.spend(5)
    assert day.spent_today == 5


def test_a_turn_has_its_own_limit() -> None:
    turn = TurnBudget(100)
    turn.check(80)
    turn.spend(70)
    with pytest.raises(ProviderError, match=r"agent\.turn_tokens allows 100"):
        turn.check(31)
    turn.check(30)
    TurnBudget(0).check(10**9)


def request(max_tokens: int | None = None) -> InferenceRequest:
    config = InferenceConfig(Behaviour(max_tokens=max_tokens))
    return InferenceRequest("x", (Message(Role.USER, "hello"),), config)


async def test_what_models_take_is_counted_whoever_asks() -> None:
    day, provider = DayBudget(None, 200, ManualClock()), ScriptedProvider((Usage(80, 20),))
    metered = MeteredModels(Models({"scripted": lambda: provider}), day)
    assert [event async for event in metered.stream("scripted/any", request(50))]
    assert day.spent_today == 100
    with pytest.raises(ProviderError) as refused:
        await anext(metered.stream("scripted/any", request(100)))
    assert refused.value.code == "budget_exhausted"
    assert len(provider.requests) == 1  # nothing was asked


async def test_a_stream_that_is_closed_gives_back_what_it_put_aside() -> None:
    day = DayBudget(None, 200, ManualClock())
    provider = ScriptedProvider((Content("a"), 60.0))
    metered = MeteredModels(Models({"scripted": lambda: provider}), day)
    stream = metered.stream("scripted/any", request(100))
    assert [await anext(stream) for _ in range(2)][-1] == Content("a")
    await stream.aclose()
    assert provider.closed_early == 1
    with day.reserve(200):
        pass
