"""The quick look for hints never lets a secret pass that the full pattern would have masked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.telemetry.redact import _HINTS, _SHAPES, MASK, Redactor, _mask

_SECRETS = [
    "Authorization: Bearer abcdefgh12345",
    "basic QWxhZGRpbjpvcGVu",
    "sk-abcdefghij0123",
    "PK_abcdefghij0123",
    "rk-abcdefghij0123",
    "xai-abcdefghij0123",
    "gsk_abcdefghij0123",
    "hf_abcdefghij0123",
    "ghp_abcdefghij0123",
    "gho_abcdefghij0123",
    "ghs_abcdefghij0123",
    "ghu_abcdefghij0123",
    "glpat-abcdefghij0123",
    "xoxb-abcdefghij0123",
    "xoxa-abcdefghij0123",
    "xoxp-abcdefghij0123",
    "xoxr-abcdefghij0123",
    "xoxs-abcdefghij0123",
    "github_pat_abcdefghij0123456789",
    "AIza" + "b" * 32,
    "AKIA0123456789AB",
    "eyJhbGciOiJ9.eyJzdWIiOiIx.c2ln",
    "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----",
    "api_key=abcdefgh",
    "API-KEY: abcdefgh",
    '"apiKey":"abcdefgh"',
    "X_TOKEN=abcdefgh",
    "client-secret: abcdefgh",
    "passwd=abcdefgh",
    "password=abcdefgh",
    "https://user:abcdefgh@example.org/",
]


@pytest.mark.parametrize("secret", _SECRETS)
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "a line with {} in it",
        "ünïcode {}",
        '"prompt_tokens":12 {}',
        '{} "completion_tokens":3',
        '"tokens":"{}"',
    ],
)
def test_each_shape_is_masked(secret: str, around: str) -> None:
    redacted = Redactor()(around.format(secret))
    assert MASK in redacted
    assert redacted != around.format(secret)


@pytest.mark.parametrize("secret", ["\u017fk-abcdefghij0123", "to\u212aen=abcdefgh"])
def test_letters_that_only_match_without_case_are_seen(secret: str) -> None:
    assert MASK in Redactor()(secret)


def test_a_line_without_hints_is_left_alone() -> None:
    line = '{"action": "ping", "uid": 0, "event": "command", "logger": "ruster.server"}'
    assert Redactor()(line) == line


_PIECES = st.sampled_from(
    [
        *_HINTS,
        *('tokens":', "tokens", "token", "s", '":', '"', "=", ": ", " ", "_", "-", "12", "\n"),
        *("abcdefgh12345", "0123456789AB", "secre", "ecret", "bear", "er "),
    ]
)


@given(st.lists(_PIECES, max_size=12).map("".join))
def test_the_quick_look_changes_nothing(text: str) -> None:
    assert Redactor()(text) == _SHAPES.sub(_mask, text)
