"""Tool calls in streamed text: any split, several calls, and what only looks like a call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.inference import Content, ToolCallRequest
from ruster.core.messages import ToolCall, ToolSpec
from ruster.engine.markers import KEPT_TAGS
from ruster.llm.call_forms import FORMS
from ruster.llm.harmony import HARMONY_CALL
from ruster.llm.thinking import RESPONSE_TAGS, THINK_TAGS
from ruster.llm.toolcalls import MAX_CALL_CHARS, ToolCallParser


def _run(pieces: Iterable[str], tools: Sequence[ToolSpec] = ()) -> list[Content | ToolCallRequest]:
    count = iter(range(1_000_000))
    parser = ToolCallParser(lambda: f"c{next(count)}", tools)
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


_CITY = {"type": "object", "properties": {"city": {"type": "string"}, "days": {}}}
_TOOLS = [ToolSpec("t", "", _CITY)]
_QWEN = (
    '<function=t>\n<parameter=city>\n12 "x\ny\n</parameter>\n<parameter=days>\n3\n</parameter>\n'
    "</function>"
)
_GLM = (
    "<tool_call>t\n<arg_key>city</arg_key>\n<arg_value>5</arg_value>\n<arg_key>days</arg_key>\n"
    "<arg_value>[1]</arg_value>\n</tool_call>"
)
_DEEPSEEK = "<｜tool▁calls▁begin｜>{}<｜tool▁calls▁end｜>"
_DEEPSEEK_CALL = "<｜tool▁call▁begin｜>{}<｜tool▁call▁end｜>"
_V3 = _DEEPSEEK_CALL.format('function<｜tool▁sep｜>t\n```json\n{"a": "`}"}\n```')
_V31 = _DEEPSEEK_CALL.format('u<｜tool▁sep｜>{"a": 1}')
_FAMILIES: dict[str, tuple[str, list[tuple[str, dict[str, Any]]]]] = {
    "qwen coder": (f"<tool_call>\n{_QWEN}\n</tool_call>", [("t", {"city": '12 "x\ny', "days": 3})]),
    "qwen coder, bare": (_QWEN, [("t", {"city": '12 "x\ny', "days": 3})]),
    "seed": (f"<seed:tool_call>{_QWEN}</seed:tool_call>", [("t", {"city": '12 "x\ny', "days": 3})]),
    "glm": (_GLM, [("t", {"city": "5", "days": [1]})]),
    "glm, no arguments": ("<tool_call>t\n</tool_call>", [("t", {})]),
    "llama 3": ('{"name": "t", "parameters": {"a": "}"}}', [("t", {"a": "}"})]),
    "llama 3, typed": ('{"type": "function", "name": "t", "parameters": {}}', [("t", {})]),
    "python tag": ('<|python_tag|>{"name": "t", "parameters": {"a": 1}}', [("t", {"a": 1})]),
    "built-in": ('<|python_tag|>b.call(query="a, b", n=2)', [("b", {"query": "a, b", "n": 2})]),
    "mistral": (
        '[TOOL_CALLS][{"name": "t", "arguments": {"a": "]"}}, {"name": "u", "arguments": {}}]',
        [("t", {"a": "]"}), ("u", {})],
    ),
    "mistral, args": (
        '[TOOL_CALLS]t[ARGS]{"a": 1}[TOOL_CALLS]u[CALL_ID]x1[ARGS]{}',
        [("t", {"a": 1}), ("u", {})],
    ),
    "functionary": (
        '<function=t>{"a": "</function>"}</function><function=u>{}</function>',
        [("t", {"a": "</function>"}), ("u", {})],
    ),
    "deepseek": (_DEEPSEEK.format(_V3 + "\n" + _V31), [("t", {"a": "`}"}), ("u", {"a": 1})]),
    "command r": (
        '<|START_ACTION|>[\n{"tool_call_id": "0", "tool_name": "t", "parameters": {"a": 1}}\n]'
        "<|END_ACTION|>",
        [("t", {"a": 1})],
    ),
    "harmony": (
        '<|channel|>commentary to=functions.t<|message|>{"a": "<|call|>"}<|call|>',
        [("t", {"a": "<|call|>"})],
    ),
    "granite": ('<|tool_call|>[{"name": "t", "arguments": "{\\"a\\": 1}"}]', [("t", {"a": 1})]),
}


@pytest.mark.parametrize("family", _FAMILIES)
def test_every_family_cut_anywhere(family: str) -> None:
    text, calls = _FAMILIES[family]
    expected = [_call(number, name, **given) for number, (name, given) in enumerate(calls)]
    assert _run(list(text), _TOOLS) == expected
    for cut in range(len(text) + 1):
        assert _run([text[:cut], text[cut:]], _TOOLS) == expected, cut


@pytest.mark.parametrize("family", _FAMILIES)
def test_half_a_call_is_text_or_the_whole_call(family: str) -> None:
    text, calls = _FAMILIES[family]
    for cut in range(len(text)):
        events = _run([text[:cut]], _TOOLS)
        called = [event.call for event in events if isinstance(event, ToolCallRequest)]
        said = "".join(event.text for event in events if isinstance(event, Content))
        assert [(call.name, call.arguments) for call in called] == calls[: len(called)]
        assert called or said == text[:cut], cut


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "unknown", "parameters": {}}',
        '{"name": "t", "parameters": {}',
        '{"answer": 1}',
        'It is {"name": "t", "parameters": {}}',
        "<function=t>oops</function>",
        "[TOOL_CALLS] is what Mistral writes",
        "<|python_tag|>print(1)",
        "<|START_ACTION|>[]<|END_ACTION|>",
        "<｜tool▁calls▁begin｜>oops<｜tool▁calls▁end｜>",
        "<tool_call>t<arg_key>a</arg_key></tool_call>",
        "<tool_call>" * 2_000,
    ],
)
def test_what_is_no_call_stays_text(text: str) -> None:
    assert _run([text], _TOOLS) == [Content(text)]
    assert _run(list(text), _TOOLS) == [Content(text)]


def test_a_call_without_a_marker_takes_offered_tools() -> None:
    text = '{"name": "t", "parameters": {}}'
    assert _run([text]) == [Content(text)]
    assert _run([text], _TOOLS) == [_call(0, "t")]


def test_a_call_after_a_quoted_marker_counts() -> None:
    text = 'Write <tool_call> like so: <tool_call>{"name":"t"}</tool_call>'
    assert _run(list(text)) == [Content("Write <tool_call> like so:"), _call(0, "t")]


def test_every_marker_reaches_the_parsers() -> None:
    markers = {form.opening for form in FORMS} | {form.closing for form in FORMS if form.closing}
    markers |= {tag.rstrip() for pair in (*THINK_TAGS, *RESPONSE_TAGS) for tag in pair}
    assert markers - KEPT_TAGS - {HARMONY_CALL} == set()


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
