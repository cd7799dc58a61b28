"""What a person is shown before saying yes."""

from __future__ import annotations

from ruster.cli.question import is_cut, question_text
from ruster.protocol.events import ApprovalRequired


def _asked(arguments: dict[str, object], **fields: object) -> ApprovalRequired:
    known: dict[str, object] = {
        "session_id": "work",
        "approval_id": "pa-5f0c9a1be2d34c77",
        "tool": "shell",
        "arguments": arguments,
        "effects": ["executes"],
        "risk": "high",
        "reason": "no rule allows it",
        "scopes": ["once"],
        "sha256": "",
        "owner": 0,
        "surface": "socket",
        "created": "2026-01-31T09:30:00+01:00",
        "expires": "2026-01-31T09:32:00+01:00",
    }
    return ApprovalRequired.model_validate(known | fields)


def test_a_question_says_exactly_what_would_happen() -> None:
    asked = _asked({"command": "ls", "env": {"A": "ü"}}, target="ls")
    assert question_text(asked) == (
        "shell needs your approval: no rule allows it\n"
        "  command: ls\n"
        '  env: {"A": "ü"}\n'
        "  executes; risk high; until 09:32:00"
    )
    assert "acts on /srv" in question_text(_asked({}, target="/srv"))


def test_nothing_in_it_is_invisible_or_commands_the_terminal() -> None:
    hidden = "a\x1b[2K\r\nb\u200b\u202e\ud800\x9b"
    text = question_text(_asked({hidden: hidden}, tool=hidden, reason=hidden, target=hidden))
    assert all(char.isprintable() or char == "\n" for char in text)
    assert text.count("\n") == 2
    assert "a\\x1b[2K\\r\\nb\\u200b\\u202e\\ud800\\x9b" in text


def test_what_is_left_out_is_told_and_can_be_seen() -> None:
    asked = _asked({"command": "a" * 300 + "; rm -rf /;" + "b" * 300})
    assert is_cut(asked)
    assert "[… 211 characters left out …]" in question_text(asked)
    assert "rm -rf" not in question_text(asked)
    assert "rm -rf" in question_text(asked, full=True)
    assert not is_cut(_asked({"command": "a" * 400}))
