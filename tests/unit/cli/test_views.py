"""What a person sees of a turn."""

from __future__ import annotations

from typing import Any

import pytest

from ruster.cli.views import AnswerView, TurnView, View
from ruster.protocol import events
from ruster.protocol.codec import encode_event
from ruster.protocol.parsed import decode_event

_DIM, _RED, _OFF, _CLEAR = "\x1b[2m", "\x1b[31m", "\x1b[0m", "\r\x1b[K"


def _say(delta: str) -> events.Response:
    return events.Response(session_id="work", delta=delta)


_THINKING = events.Response(session_id="work", delta="Thinking...", phase="thinking")
_RESTARTED = events.NoticeEvent(session_id="work", code="turn_restarted", message="anew")


def _show(view: View, *shown: events.Event) -> None:
    for event in shown:
        view.show(decode_event(encode_event(event, turn="t-1", seq=1)))
    view.close()


def _call(**fields: Any) -> events.ToolCallEvent:
    return events.ToolCallEvent(
        session_id="work", tool="clock", arguments={"a": 1}, call_id="x", **fields
    )


def test_a_turn_is_shown_as_it_happens(capsys: pytest.CaptureFixture[str]) -> None:
    _show(
        TurnView("AI > ", think=True),
        _THINKING,
        events.ThoughtEvent(session_id="work", phase="start"),
        events.ThoughtEvent(session_id="work", phase="delta", delta="Narf!"),
        _say("one "),
        _call(phase="start"),
        _call(phase="end", result_preview="noon", failed=False),
        _say("two\x1b[2J"),
        events.ErrorEvent(session_id="work", code="tool_failed", error="broken"),
    )
    assert capsys.readouterr().out == (
        f"AI > {_DIM}Thinking...{_OFF}{_CLEAR}{_DIM}Narf!{_OFF}\n"
        "AI > one \n"
        f"{_DIM}⋯ clock 1{_OFF}{_CLEAR}{_DIM}✓ clock 1 → noon{_OFF}\n"
        "AI > two␛[2J\n"
        f"{_RED}broken (tool_failed){_OFF}\n"
    )


def _other(**fields: Any) -> events.ToolCallEvent:
    return _call(**fields).model_copy(update={"tool": "shell", "call_id": "y"})


def test_calls_that_run_side_by_side_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    _show(
        TurnView("AI > ", think=True),
        _call(phase="start"),
        _other(phase="start"),
        _call(phase="end", result_preview="noon", failed=False),
        _other(phase="end", result_preview="error: no", failed=True),
    )
    assert capsys.readouterr().out == (
        f"{_DIM}⋯ clock 1{_OFF}{_CLEAR}{_DIM}⋯ clock 1; shell 1{_OFF}{_CLEAR}"
        f"{_DIM}✓ clock 1 → noon{_OFF}\n{_RED}✗ shell 1 → no{_OFF}\n"
    )


def test_a_call_that_something_followed_has_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    between = events.NoticeEvent(session_id="work", code="x", message="wait")
    thought = events.ThoughtEvent(session_id="work", phase="delta", delta="hm\n")
    for told, line in (
        (between, f"{_DIM}[wait]{_OFF}\n"),
        (_say("so\n"), "AI > so\n"),
        (thought, f"{_DIM}hm\n{_OFF}"),
    ):
        _show(
            TurnView("AI > ", think=True),
            _call(phase="start"),
            told,
            _call(phase="end", result_preview="noon", failed=False),
        )
        assert capsys.readouterr().out == (
            f"{_DIM}⋯ clock 1{_OFF}\n{line}{_DIM}✓ clock 1 → noon{_OFF}\n"
        )


def test_a_turn_that_ends_within_a_call_leaves_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    _show(TurnView("AI > ", think=True), _call(phase="start"), events.Cancelled(session_id="work"))
    assert capsys.readouterr().out == f"{_DIM}⋯ clock 1{_OFF}\n{_DIM}[cancelled]{_OFF}\n"


def test_a_question_takes_the_place_of_its_call(capsys: pytest.CaptureFixture[str]) -> None:
    asked = events.Question(session_id="work", question="Which\x1b[2J?")
    for ended, line in (
        (_call(phase="end", result_preview="[the next]", failed=False), ""),
        (_call(phase="end", result_preview="error: late", failed=True),
         f"{_RED}✗ clock 1 → late{_OFF}\n"),
    ):  # fmt: skip
        _show(TurnView("AI > ", think=True), _say("well"), _call(phase="start"), asked, ended)
        assert capsys.readouterr().out == (
            f"AI > well\n{_DIM}⋯ clock 1{_OFF}{_CLEAR}AI > Which␛[2J?\n{line}"
        )


def test_what_a_skills_tool_brought_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    _show(
        TurnView("AI > ", think=True),
        _call(phase="end", result_preview="noon", failed=False),
        events.SkillUsed(session_id="work", skill="time", result="noon"),
        events.SkillUsed(session_id="work", skill="notes", result="injected"),
    )
    assert capsys.readouterr().out == (
        f"{_DIM}✓ clock 1 → noon{_OFF}\n{_DIM}[skill notes: injected]{_OFF}\n"
    )


def test_a_question_of_ask_is_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    _show(AnswerView(), events.Question(session_id="work", question="Which\x1b?"), _say("ok"))
    assert capsys.readouterr() == (
        "ok\n",
        "the agent asks: Which␛?\nanswer with: rusterctl send -s work ANSWER\n",
    )


def test_thoughts_can_be_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    thought = events.ThoughtEvent(session_id="work", phase="delta", delta="secret")
    _show(TurnView("AI > ", think=False), thought, _say("open"), _say(""))
    assert capsys.readouterr().out == "AI > open\n"


def test_a_cancelled_turn_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    _show(TurnView("AI > ", think=True), _say("half"), events.Cancelled(session_id="work"))
    assert capsys.readouterr().out == f"AI > half\n{_DIM}[cancelled]{_OFF}\n"


def test_progress_is_replaced_by_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    loading = events.ProgressEvent(session_id="work", what="load", current=1, total=4)
    _show(TurnView("AI > ", think=True), loading, _say("ready"))
    assert capsys.readouterr().out == f"AI > {_DIM}load 25 %{_OFF}{_CLEAR}AI > ready\n"


def test_only_the_answer_goes_into_a_pipe_and_only_its_last_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _show(AnswerView(), _THINKING, _say("lost"), _RESTARTED, _THINKING, _say("\x1b[1mkept"))
    assert capsys.readouterr() == ("\x1b[1mkept\n", "")


def test_a_terminal_gets_the_answer_as_it_comes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ruster.cli.views.is_terminal", lambda: True)
    _show(AnswerView(), _THINKING, _say("lost"), _RESTARTED, _say("\x1b[1mkept"))
    shown = capsys.readouterr()
    assert shown.out == "lost␛[1mkept\n"
    assert "begins anew" in shown.err
