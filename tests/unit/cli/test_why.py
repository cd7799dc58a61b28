"""How an answer came about, in words."""

from __future__ import annotations

from typing import Any

import pytest

from ruster.cli.why import print_why, prompt_rows, skill_rows, tool_rows, why_lines
from ruster.protocol.events import Why

_ACCOUNT: dict[str, Any] = {
    "steps": 2,
    "prompt_tokens": 1204,
    "cached_tokens": 900,
    "completion_tokens": 31,
    "total_ms": 2210,
    "prompt_bytes": {"system": 188, "tools": 1931},
    "offered": ["file_read", "shell"],
    "skills": [{"skill": "clock", "by": "model", "why": "ollama/phi3 chose it"}],
    "tools": [
        {"tool": "get_time", "ms": 31, "failed": False, "rule": "built in: confined",
         "skill": "clock"},
        {"tool": "web_fetch", "ms": 1999, "failed": True, "origin": "web:example.com"},
    ],
    "left_out_turns": 3,
    "more_tools": 2,
}  # fmt: skip


def _why(account: dict[str, Any], end: str = "done", origins: tuple[str, ...] = ()) -> Why:
    return Why(
        session_id="work",
        turn="t-1",
        end=end,
        model="ollama/phi3",
        ended="2026-01-31T09:30:00+01:00",
        account=account,
        origins=list(origins),
    )


def test_what_there_is_once_is_told_in_words() -> None:
    assert why_lines(_why(_ACCOUNT, origins=("web:example.com", "file:/a"))) == [
        "turn t-1, answered by ollama/phi3",
        "ended 2026-01-31 09:30:00, after 2.2 s",
        "1204 tokens read (900 of them known from before), 31 written, in 2 steps of the model",
        "3 older turns did not fit into the model's window",
        "2 more tool calls were not noted",
        "tools it could use: file_read, shell",
        "the answer may hold words of web:example.com, file:/a",
    ]


def test_what_there_was_none_of_is_not_told() -> None:
    assert why_lines(_why({}, end="expired")) == [
        "turn t-1, left unanswered, asked of ollama/phi3",
        "ended 2026-01-31 09:30:00",
        "no model was asked",
    ]
    one = why_lines(_why({"steps": 1, "skills_asked": "ollama/small"}, end="cancelled"))
    assert one[2:] == ["0 tokens read, 0 written, in 1 step of the model",
                       "ollama/small chose no skill"]  # fmt: skip
    assert (skill_rows({}), tool_rows({}), prompt_rows({})) == ([], [], [])


def test_skills_tools_and_parts_are_rows() -> None:
    assert skill_rows(_ACCOUNT) == [("clock", "model", "ollama/phi3 chose it")]
    assert tool_rows(_ACCOUNT) == [
        ("get_time", "31 ms", "done", "built in: confined", "clock", ""),
        ("web_fetch", "2.0 s", "failed", "", "", "web:example.com"),
    ]
    assert prompt_rows(_ACCOUNT) == [("system", "188"), ("tools", "1931"), ("all", "2119")]


def test_a_program_gets_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_why(_why(_ACCOUNT))
    lines = capsys.readouterr().out.splitlines()
    assert "clock\tmodel\tollama/phi3 chose it" in lines
    assert "system\t188" in lines
