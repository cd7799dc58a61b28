"""What is typed about jobs and cycles, as the daemon is told it."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from ruster.cli.job_words import action_of, job_row, moment, reminder_of, watch_of
from ruster.cli.ooda import observed
from ruster.protocol.events import JobSummary


def _action(**given: str) -> dict[str, Any]:
    nothing: dict[str, str | None] = dict.fromkeys(("say", "prompt", "log", "tool", "args"))
    return action_of(**nothing | given)


@pytest.mark.parametrize(
    ("given", "action"),
    [
        ({"say": "hi"}, {"say": {"message": "hi"}}),
        ({"prompt": "hi"}, {"prompt": {"message": "hi"}}),
        ({"log": "hi"}, {"emit_log": {"message": "hi"}}),
        ({"tool": "t"}, {"tool": {"tool": "t", "arguments": {}}}),
        ({"tool": "t", "args": '{"a": 1}'}, {"tool": {"tool": "t", "arguments": {"a": 1}}}),
    ],
)
def test_one_action_is_typed(given: dict[str, str], action: dict[str, Any]) -> None:
    assert _action(**given) == action


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"say": "a", "log": "b"},
        {"say": "a", "args": "{}"},
        {"tool": "t", "args": "[]"},
        {"tool": "t", "args": "{"},
    ],
)
def test_what_is_no_action_is_wrong_usage(given: dict[str, str]) -> None:
    with pytest.raises(typer.BadParameter):
        _action(**given)


def test_a_watch() -> None:
    assert watch_of(None, 0) is None
    assert watch_of("file_exists=/a=b", 0) == {"kind": "file_exists", "path": "/a=b"}
    assert watch_of("file_older=/a", 60) == {"kind": "file_older", "path": "/a", "amount": 60}
    for wrong in ("file_exists", "=/a", "file_exists="):
        with pytest.raises(typer.BadParameter):
            watch_of(wrong, 0)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["in 5 minutes", "cake"], {"when": "in 5 minutes", "do": {"say": {"message": "cake"}}}),
        (["remind me in 5 minutes to x"], {"reminder": "remind me in 5 minutes to x"}),
        (["me", "in", "5", "minutes", "to", "x"], {"reminder": "remind me in 5 minutes to x"}),
        (["in 5 minutes to x"], {"reminder": "remind me in 5 minutes to x"}),
        (["Please remind me at 9 to x"], {"reminder": "Please remind me at 9 to x"}),
        (["Erinnere mich um 9 an x"], {"reminder": "Erinnere mich um 9 an x"}),
        (["me", "tomorrow"], {"reminder": "remind me tomorrow"}),
    ],
)
def test_a_reminder(words: list[str], fields: dict[str, Any]) -> None:
    assert reminder_of(words) == fields


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cron:disk=91%", {"source": "cron", "key": "disk", "value": "91%"}),
        (
            "cron:disk=91%:warning",
            {"source": "cron", "key": "disk", "value": "91%", "severity": "warning"},
        ),
        ("a:b=c:d", {"source": "a", "key": "b", "value": "c:d"}),
        ("a:b=10:30:ERROR", {"source": "a", "key": "b", "value": "10:30", "severity": "error"}),
        ("a:b=error", {"source": "a", "key": "b", "value": "error"}),
        ("a:b=x=y", {"source": "a", "key": "b", "value": "x=y"}),
        ("a:b=", {"source": "a", "key": "b", "value": ""}),
    ],
)
def test_an_observation(text: str, wanted: dict[str, str]) -> None:
    assert observed(text) == wanted


@pytest.mark.parametrize("text", ["", "a", "a=b", ":b=c", "a:=c", "a:b"])
def test_what_is_no_observation_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        observed(text)


def test_times_and_rows() -> None:
    assert moment(None) == ""
    assert moment("soon") == "soon"
    assert len(moment("2026-01-01T00:00:00+00:00")) == 19
    job = JobSummary(
        job_id="j", owner=1, title="", when="every 5 minutes", schedule={}, enabled=False,
        do={"say": {"message": "x\n" + "y" * 100}}, running=False, due="2026-01-01T00:00:00Z",
        runs=0, failures=0, misfire="once", overlap="skip", tell="failures", jitter_s=0,
        max_tokens=0, timeout_s=0, made_by="person", created="",
    )  # fmt: skip
    assert job_row(job) == ("j", "off", "every 5 minutes", "", f"say: x {'y' * 58}…", "")
