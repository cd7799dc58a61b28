"""A model reads what no rule does: what it is asked, and what of its answer is taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.errors import JobError, ProviderError
from ruster.core.inference import Content
from ruster.llm.router import Models
from ruster.proactive.schedules.asking import ask_when
from ruster.proactive.schedules.form import FORM, schedule_from
from ruster.proactive.schedules.schedule import At, Cron, Every, Schedule, next_due
from ruster.testing import ScriptedProvider
from ruster.testing.scripted import Step
from tests.unit.proactive.schedules.support import moment, outcome

ZONE = "Europe/Berlin"
NOW = moment(ZONE, "2026-11-27T14:07:00")
EMPTY = {
    "kind": "none",
    "year": 0,
    "month": 0,
    "day": 0,
    "hour": 0,
    "minute": 0,
    "amount": 0,
    "unit": "minutes",
    "weekdays": [],
}


def form(kind: str, **fields: Any) -> dict[str, Any]:
    return EMPTY | {"kind": kind} | fields


def at(text: str, *, relative: bool = False) -> At:
    return At(moment(ZONE, text), relative)


TAKEN: list[tuple[dict[str, Any], Schedule]] = [
    (form("at", year=2026, month=12, day=24, hour=18), at("2026-12-24T18:00")),
    (form("at", year=2027, month=3, day=28, hour=2, minute=30), at("2027-03-28T03:00")),
    (form("after", amount=90), at("2026-11-27T15:37", relative=True)),
    (form("every", amount=2, unit="hours"), Every(7200, NOW)),
    (form("every", amount=1, unit="weeks"), Every(604_800, NOW)),
    (form("cron", hour=8, minute=30), Cron("30 8 * * *", ZONE)),
    (form("cron", hour=8, weekdays=["fri", "mon"]), Cron("0 8 * * mon,fri", ZONE)),
    (form("cron", hour=8, day=15), Cron("0 8 15 * *", ZONE)),
    (form("cron", hour=8, day=-1), Cron("0 8 L * *", ZONE)),
    (form("cron", hour=8, day=24, month=12), Cron("0 8 24 12 *", ZONE)),
]


@pytest.mark.parametrize(("filled", "expected"), TAKEN)
def test_a_form_becomes_a_schedule(filled: dict[str, Any], expected: Schedule) -> None:
    assert schedule_from(filled, NOW, ZONE) == expected


@pytest.mark.parametrize(
    ("filled", "code"),
    [
        ({}, "when_invalid"),
        (form("none"), "when_invalid"),
        (form("sometimes"), "when_invalid"),
        (form("at"), "when_invalid"),
        (form("at", year=2026, month=2, day=30), "when_invalid"),
        (form("at", year=2026, month=12, day=-1), "when_invalid"),
        (form("at", year=2026, month=12, day=24, hour=24), "when_invalid"),
        (form("at", year="2026", month=12, day=24), "when_invalid"),
        (form("at", year=2026, month=True, day=24), "when_invalid"),
        (form("at", year=10**30, month=12, day=24), "when_invalid"),
        (form("at", year=2026, month=11, day=27, hour=14, minute=7), "when_past"),
        (form("at", year=1, month=1, day=1), "when_past"),
        (form("after"), "when_invalid"),
        (form("after", amount=-5), "when_invalid"),
        (form("after", amount=5, unit="parsecs"), "when_invalid"),
        (form("after", amount=5, unit=[]), "when_invalid"),
        (form("after", amount=1_000_000, unit="weeks"), "when_invalid"),
        (form("every"), "when_invalid"),
        (form("every", amount=1.5), "when_invalid"),
        (form("every", amount=59, unit="seconds"), "job_limit"),
        (form("cron", hour=25), "when_invalid"),
        (form("cron", hour="*"), "when_invalid"),
        (form("cron", weekdays=["someday"]), "when_invalid"),
        (form("cron", weekdays=[["mon"]]), "when_invalid"),
        (form("cron", weekdays="mon"), "when_invalid"),
        (form("cron", weekdays=["mon"], day=5), "when_invalid"),
        (form("cron", month=5), "when_invalid"),
        (form("cron", day=30, month=2), "when_past"),
    ],
)
def test_a_form_that_does_not_hold_is_refused(filled: dict[str, Any], code: str) -> None:
    assert outcome(lambda: schedule_from(filled, NOW, ZONE)) == code


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.sampled_from(["mon", "sun", 5, None]), max_size=3)
)


@given(
    kind=st.sampled_from(["at", "after", "every", "cron", "none"]),
    fields=st.dictionaries(st.sampled_from(sorted(EMPTY)), VALUES | st.integers(-2, 60)),
)
def test_any_form_is_taken_or_refused(kind: str, fields: dict[str, Any]) -> None:
    found = outcome(lambda: schedule_from(fields | {"kind": kind}, NOW, ZONE))
    if isinstance(found, str):
        assert found in ("when_invalid", "when_past", "job_limit")
    else:
        assert next_due(found, NOW) is not None


def asked(*script: Step) -> tuple[ScriptedProvider, Models]:
    provider = ScriptedProvider(script)
    return provider, Models({"scripted": lambda: provider})


async def ask(*script: Step, text: str = "when the bells ring at christmas") -> Schedule:
    _, models = asked(*script)
    return await ask_when(models, "scripted/any", text, NOW, ZONE)


async def refusal(*script: Step, text: str = "at christmas") -> JobError:
    with pytest.raises(JobError) as caught:
        await ask(*script, text=text)
    return caught.value


async def test_the_model_is_held_to_the_form_and_told_the_day() -> None:
    answer = form("at", year=2026, month=12, day=24, hour=18)
    provider, models = asked(Content(json.dumps(answer)))
    found = await ask_when(models, "scripted/any", "at christmas", NOW, ZONE)
    assert found == at("2026-12-24T18:00")
    (request,) = provider.requests
    behaviour = request.config.behaviour
    assert behaviour.json_schema == FORM
    assert behaviour.max_tokens == 200
    assert request.config.sampling.temperature == 0
    assert "Friday, 2026-11-27 14:07" in request.messages[1].content
    assert '"at christmas"' in request.messages[1].content
    assert set(FORM["required"]) == set(FORM["properties"]) == set(EMPTY)


async def test_words_around_the_form_do_no_harm() -> None:
    filled = json.dumps(form("cron", hour=7))
    assert await ask(Content("Sure:\n```"), Content(filled), Content("```")) == Cron(
        "0 7 * * *", ZONE
    )


@pytest.mark.parametrize("answer", ["", "tomorrow", "[]", "{", "}{", '{"kind": ', "5", "{}"])
async def test_an_answer_that_is_no_form_is_refused(answer: str) -> None:
    assert (await refusal(Content(answer))).code == "when_invalid"


async def test_a_past_or_frequent_time_is_refused_whoever_says_it() -> None:
    over = json.dumps(form("at", year=2020, month=1, day=1))
    assert (await refusal(Content(over))).code == "when_past"
    often = json.dumps(form("every", amount=1, unit="seconds"))
    assert (await refusal(Content(often))).code == "job_limit"


async def test_an_endless_answer_is_cut_off() -> None:
    provider, models = asked(*[Content("{" * 500)] * 1000)
    with pytest.raises(JobError, match="at length"):
        await ask_when(models, "scripted/any", "at christmas", NOW, ZONE)
    assert provider.closed_early == 1


async def test_a_model_that_fails_or_stays_silent() -> None:
    failed = await refusal(ProviderError("it is on fire"))
    assert failed.code == "when_invalid"
    assert "it is on fire" in failed.message
    _, models = asked(30.0)
    with pytest.raises(JobError, match="no answer within"):
        await ask_when(models, "scripted/any", "at christmas", NOW, ZONE, timeout_s=0.01)


@pytest.mark.parametrize("text", ["", " ", "x" * 201, "at\0christmas", "at \x1b[0m"])
async def test_what_is_no_text_is_not_asked(text: str) -> None:
    provider, models = asked(Content(json.dumps(form("cron", hour=7))))
    with pytest.raises(JobError):
        await ask_when(models, "scripted/any", text, NOW, ZONE)
    assert provider.requests == []
