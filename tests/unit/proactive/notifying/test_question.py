"""How a question for approval is worded: what is not seen whole is said to be cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ruster.core.notices import Urgency
from ruster.proactive.notifying.question import notification_of
from ruster.proactive.notifying.text import TEXT_CHARS, line_of, text_of
from ruster.trust.approval import Question


def _question(**fields: Any) -> Question:
    known: dict[str, Any] = {
        "id": "pa-0123456789abcdef",
        "tool": "shell",
        "arguments": {"command": "ls -l"},
        "sha256": "",
        "effects": ("executes",),
        "risk": "high",
        "reason": "no rule allows it",
        "target": "ls -l",
        "session_id": "work",
        "session_key": "1000/work",
        "owner": 1000,
        "surface": "proactive",
        "turn": "t-1",
        "created": 0.0,
        "expires": 120.0,
        "scopes": ("once",),
    }
    return Question(**known | fields)


def _choices(question: Question) -> list[str]:
    return [choice.id for choice in notification_of(question).choices]


def test_what_a_tool_would_do_is_told() -> None:
    note = notification_of(_question())
    assert note.title == "shell needs your approval"
    assert note.text.splitlines() == [
        'command="ls -l"',
        "high risk, session work",
        "asked because no rule allows it",
    ]
    assert (note.urgency, note.key) == (Urgency.CRITICAL, "pa-0123456789abcdef")
    assert [(it.id, it.label) for it in note.choices] == [
        ("approve", "Approve"),
        ("reject", "Reject"),
    ]


def test_a_target_of_its_own_is_told() -> None:
    note = notification_of(_question(arguments={"n": 1, "deep": [{"a": None}]}, target="/etc"))
    assert note.text.splitlines()[:2] == ['n=1, deep=[{"a": null}]', "on /etc"]


@pytest.mark.parametrize(
    ("risk", "choices"),
    [
        ("low", ["approve", "reject"]),
        ("medium", ["approve", "reject"]),
        ("high", ["reject"]),
        ("critical", ["reject"]),
    ],
)
def test_what_is_not_seen_whole_is_said_to_be_cut(risk: str, choices: list[str]) -> None:
    for fields in (
        {"arguments": {"command": "true #" + "x" * 1000 + "; rm -rf ~"}},
        {"arguments": {f"n{n}": n for n in range(13)}},
        {"target": "/" + "x" * 1000},
        {"arguments": {"a": "x" * 150, "b": "x" * 250}},
    ):
        question = _question(risk=risk, **fields)
        text = notification_of(question).text
        assert "cut: all of it is in rusterctl approvals list (pa-0123456789abcdef)" in text
        assert "…" in text or "and 1 more" in text
        assert _choices(question) == choices


def test_an_argument_hides_no_other() -> None:
    question = _question(arguments={"a": "x" * 5000, "b": "seen", "c": [1] * 5000})
    line = notification_of(question).text.splitlines()[0]
    assert line.startswith('a="xxx')
    assert ', b="seen", c=[1, 1' in line


def test_a_command_of_some_length_is_seen_whole() -> None:
    command = "x" * 380
    question = _question(arguments={"command": command}, target=command)
    assert command in notification_of(question).text
    assert _choices(question) == ["approve", "reject"]


def test_what_cannot_be_seen_is_written_as_an_escape() -> None:
    evil = 'ls\n\x1b[2K\u202e\u200b\ud800\xa0"'
    question = _question(arguments={"command": evil, 'x="1", y': 1}, target=evil + "!", tool=evil)
    note = notification_of(question)
    line, target = note.text.splitlines()[:2]
    assert line == (r'command="ls\n\u001b[2K\u202e\u200b\ud800\xa0\"", "x=\"1\", y"=1')
    assert target == 'on ls\\n\\x1b[2K\\u202e\\u200b\\ud800\\xa0"!'
    assert note.title.isprintable()


def test_the_longest_question_fits() -> None:
    question = _question(
        tool="t" * 500,
        arguments={f"name{n}" * 100: "v" * 5000 for n in range(100)},
        target="/" * 5000,
        reason="r" * 5000,
        session_id="s" * 64,
        risk="critical",
    )
    note = notification_of(question)
    assert len(note.text) <= TEXT_CHARS
    assert text_of(note) == note.text
    assert line_of(note.title) == note.title
    assert text_of(replace(note, text=note.text * 2)).endswith("…")
