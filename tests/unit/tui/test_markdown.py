"""Markdown of strangers: only text comes out, all of it, and nothing breaks the widgets."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll

from ruster.tui.markdown import Answer, parser

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_PIECES = st.sampled_from(
    ["# ", "> ", "- ", "1. ", "| a | b |\n|--|--|\n", "```py\n", "```", "\n", "\n\n", "*", "**",
     "`", "[x](http://a)", "![p](q)", "<b>", "&#x1b;[2J", "&#x202e;", "\x1b[31m", "[red]", "[/]",
     "[@click=app.bell]x[/]", "a", "\\", "~~", "    ", "---\n", "<http://e.com>", "é", "漢"]
)  # fmt: skip


class _Page(App[None]):
    def compose(self) -> ComposeResult:
        yield VerticalScroll()


def _all(tokens: list[Token]) -> str:
    return "".join(
        token.content
        + token.info
        + "".join(map(str, token.attrs.values()))
        + _all(token.children or [])
        for token in tokens
    )


@given(st.lists(_PIECES, max_size=40).map("".join))
def test_no_token_holds_what_commands_a_terminal(text: str) -> None:
    assert not _UNSAFE.search(_all(parser().parse(text)))


@pytest.mark.parametrize("text", ["&#x202e;", "`\x1b`", "![&#8238;](y)"])
def test_the_guard_is_needed(text: str) -> None:
    assert _UNSAFE.search(_all(MarkdownIt("commonmark").parse(text)))
    assert not _UNSAFE.search(_all(parser().parse(text)))


def test_links_tell_where_they_lead_and_cannot_be_followed() -> None:
    tokens = parser().parse("see [the bank](https://evil.example/x) or <https://good.example>")
    children = tokens[1].children or []
    assert "".join(child.content for child in children) == (
        "see the bank (https://evil.example/x) or https://good.example"
    )
    assert not any(child.attrs for child in children)
    assert "<script>" in _all(parser().parse("<script>alert(1)</script>"))


def test_what_is_too_intricate_is_shown_as_it_was_written() -> None:
    text = "| a |\n|---|\n" + "| x |\n" * 5000
    (token,) = parser().parse(text)
    assert (token.type, token.content) == ("fence", text)


@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(st.lists(_PIECES, max_size=8).map("".join), max_size=6))
async def test_any_stream_of_pieces_can_be_shown(pieces: list[str]) -> None:
    app = _Page()
    async with app.run_test(size=(60, 20)) as pilot:
        answer = Answer()
        await app.query_one(VerticalScroll).mount(answer)
        for piece in pieces:
            answer.add(piece)
            await answer.settle()
        await pilot.pause()
        lines = app.screen._compositor.render_strips(app.size)
        assert not _UNSAFE.search("".join(strip.text for strip in lines))
