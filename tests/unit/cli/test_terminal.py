"""What a model says must not command the terminal."""

from __future__ import annotations

import pytest

from ruster.cli.terminal import clean_argument, visible


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain\ttext\nand ünïcode 🦀", "plain\ttext\nand ünïcode 🦀"),
        ("\x1b]0;owned\x07", "␛]0;owned␇"),
        ("\x1b[2J\x1b[31mred", "␛[2J␛[31mred"),
        ("\x9b31mred", "<U+009B>31mred"),
        ("over\rwritten", "over␍written"),
        ("dos\r\nlines", "dos\nlines"),
        ("\x00\x7f\x08", "␀␡␈"),
        ("user\u202egpj.exe", "user<U+202E>gpj.exe"),
    ],
)
def test_control_characters_become_visible(said: str, shown: str) -> None:
    assert visible(said) == shown


def test_arguments_that_are_no_utf8_can_still_be_sent() -> None:
    assert clean_argument("caf\udce9") == "caf\ufffd"
    assert clean_argument("café 🦀") == "café 🦀"
