"""Tool calls in streamed text: any split, several calls, and what only looks like a call."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.inference import Content, ToolCallRequest
from ruster.core.messages import ToolCall
from ruster.llm.toolcalls import MAX_CALL_CHARS, ToolCallParser


def _run(pieces: Iterable[str]) -> list[Content | ToolCallRequest]:
    count = iter(range(1_000_000))
    parser = ToolCallParser(lambda: f"c{next(count)}")
    events = [event for piece in pieces for event in parser.feed(piece)]
    merged: list[Content | ToolCallRequest] = []
    for event in [*events, *parser.finish()]:
        last = merged[-1] if merged else None
        if isinstance(event, Content) and isinstance(last, Content):
            merged[-1] = Content(last.text + event.text)
        else:
            merged.append(event)
    return merged


def _call(number: int, name: str, **arguments: Any) -> ToolCallRequest:
    return ToolCallRequest(ToolCall(f"c{number}", name, arguments))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain \n", [Content("plain \n")]),
        ('<tool_call>{"name":"t","arguments":{"a":1}}</tool_call>', [_call(0, "t", a=1)]),
        ('<tool_call>\n{"name":"t"}\n</tool_call>', [_call(0, "t")]),
        ('<tool_call>{"name":"t","arguments":"{\\"a\\":1}"}</tool_call>', [_call(0, "t", a=1)]),
        ('<tool_call>{"name":"t","parameters":{"a":1}}', [_call(0, "t", a=1)]),
        (
            'x\n<tool_call>{"name":"t"}</tool_call>\n<tool_call>{"name":"u"}</tool_call>\n',
            [Content("x"), _call(0, "t"), _call(1, "u")],
        ),
        (
            '<tool_call>{"name":"t"}</tool_call>\n\nafter',
            [_call(0, "t"), Content("after")],
        ),
        (
            '<tool_call>{"name":"t","arguments":{"a":"\\"</tool_call>"}}</tool_call>!',
            [_call(0, "t", a='"</tool_call>'), Content("!")],
        ),
        ("<tool_call>oops</tool_call>", [Content("<tool_call>oops</tool_call>")]),
        ('<tool_call>{"name":7}</tool_call>', [Content('<tool_call>{"name":7}</tool_call>')]),
        ("<tool_call>[]</tool_call> z", [Content("<tool_call>[]</tool_call> z")]),
        ('<tool_call>{"na', [Content('<tool_call>{"na')]),
        ("a <tool_", [Content("a <tool_")]),
    ],
)
def test_events_of_whole_texts(text: str, expected: list[Content | ToolCallRequest]) -> None:
    assert _run([text]) == expected
    assert _run(list(text)) == expected


def test_text_flows_on_at_once() -> None:
    parser = ToolCallParser()
    assert parser.feed("Hello <") == [Content("Hello")]
    assert parser.feed("b> you") == [Content(" <b> you")]


def test_an_endless_call_is_let_through_as_text() -> None:
    text = "<tool_call>" + "x" * (MAX_CALL_CHARS + 1)
    assert _run([text, "yz"]) == [Content(text + "yz")]


_TEXT = st.lists(
    st.sampled_from(
        ["<tool_call>", "</tool_call>", '{"name":"t"}', "<", "<tool", "_call>", " ", "\n", "a"]
    )
    | st.text(max_size=4)
).map("".join)


@given(text=_TEXT, cuts=st.lists(st.integers(0, 200)))
def test_any_split_gives_the_same_events(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    assert _run(text[start:end] for start, end in pairwise(edges)) == _run([text])


@given(before=st.text(alphabet="ab \n"), arguments=st.dictionaries(st.text(), st.text()))
def test_a_call_is_found_wherever_it_stands(before: str, arguments: dict[str, str]) -> None:
    body = json.dumps({"name": "t", "arguments": arguments})
    events = _run(list(f"{before}<tool_call>{body}</tool_call>"))
    assert events[-1] == ToolCallRequest(ToolCall("c0", "t", arguments))
    said = "".join(event.text for event in events if isinstance(event, Content))
    assert said == before.rstrip()


@given(text=_TEXT.filter(lambda text: '"name"' not in text))
def test_without_a_call_nothing_is_changed(text: str) -> None:
    assert "".join(event.text for event in _run(list(text)) if isinstance(event, Content)) == text
