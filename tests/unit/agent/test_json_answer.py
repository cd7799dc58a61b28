"""Reading answers in JSON: texts as they come, calls whole, and everything else as it was."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.agent.json_answer import MAX_CALL_CHARS, AnswerReader, read_calls
from ruster.agent.json_text import decode
from ruster.core.errors import ProviderError
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    Notice,
    ProcessStart,
    Progress,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import ToolCall

TEXT = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
SPACE = st.text(" \n\t\r", max_size=3)
CALL = '{"tool": "clock", "arguments": {"zone": "UTC"}}'


def whole(text: str, *, cut: bool = False) -> list[Content | ToolCallRequest]:
    return read([text], cut=cut)


def read(pieces: Sequence[str], *, cut: bool = False) -> list[Content | ToolCallRequest]:
    reader = AnswerReader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    return events + reader.finish(cut=cut)


def said(events: Sequence[InferenceEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Content))


def called(events: Sequence[InferenceEvent]) -> list[tuple[str, object]]:
    calls = [event.call for event in events if isinstance(event, ToolCallRequest)]
    return [(call.name, call.arguments) for call in calls]


@st.composite
def cuts(draw: st.DrawFn, text: str) -> list[str]:
    """Cut a text anywhere, empty pieces and single characters among them."""
    if draw(st.booleans()):
        return list(text)
    places = draw(st.lists(st.integers(0, len(text)), max_size=12).map(sorted))
    bounds = [0, *places, len(text)]
    return [text[a:b] for a, b in pairwise(bounds)]


@st.composite
def spaced(draw: st.DrawFn, *parts: str) -> str:
    """Join parts with white space around each."""
    return draw(SPACE) + "".join(part + draw(SPACE) for part in parts)


@given(st.data(), TEXT, st.booleans())
def test_the_text_of_an_answer_in_any_pieces(data: st.DataObject, text: str, plain: bool) -> None:
    source = data.draw(spaced("{", '"answer"', ":", json.dumps(text, ensure_ascii=plain), "}"))
    events = read(data.draw(cuts(source)))

    assert said(events) == text
    assert not called(events)


@given(st.data(), TEXT.filter(bool), st.dictionaries(TEXT, VALUES, max_size=4), st.booleans())
def test_a_call_in_any_pieces(
    data: st.DataObject, name: str, arguments: dict[str, object], reverse: bool
) -> None:
    pairs = [
        spaced('"tool"', ":", json.dumps(name)),
        spaced('"arguments"', ":", json.dumps(arguments)),
    ]
    inner = ",".join(data.draw(pair) for pair in (reversed(pairs) if reverse else pairs))
    events = read(data.draw(cuts(data.draw(spaced("{", inner, "}")))))

    assert called(events) == [(name, arguments)]
    assert said(events) == ""


@given(st.data(), st.text('{}[]:," \\ntaolrguswe`js1\u00e4', max_size=40))
def test_other_text_is_lost_nowhere(data: st.DataObject, text: str) -> None:
    events = read(data.draw(cuts(text)))

    assert not called(events)
    if '"answer"' not in text:
        assert said(events) == text
    assert said(events) == said(whole(text))


@pytest.mark.parametrize(
    "text",
    [
        "It is noon.",
        "",
        "  \n",
        "{}",
        "[]",
        "42",
        '"answer"',
        '{"answer": 42}',
        '{"answer": {"answer": "x"}}',
        '{"answers": "x"}',
        '{"ans wer": "x"}',
        '{"tool": "clock", "arguments": []}',
        '{"tool": 1, "arguments": {}}',
        '{"tool": "", "arguments": {}}',
        '{"tool": "clock", "arguments": {}, "why": "because"}',
        '{"arguments": {}}',
        '{"tool": "clock", "arguments": {"x": NaN}}',
        '{"tool": "clock", "arguments": {"x": 1e999}}',
        '{"tool": "clock", "arguments": oops}',
        '{"tool": "clock" {"a": 1}}',
        '```json\n{"tool": "clock", "arguments": oops}\n```',
        '```python\nprint("x")\n```',
        '{"tool": "clock", "arguments": {"x": ' + "[" * 100_000 + "]" * 100_000 + "}}",
        'Well: {"answer": "x"}',
        " " * 1000 + '{"answer": "x"}',
    ],
    ids=lambda text: text[:40],
)
def test_what_is_not_of_the_form_is_the_answer(text: str) -> None:
    assert said(whole(text)) == text
    assert not called(whole(text))
    assert said(read(list(text[:2000]))) == said(whole(text[:2000]))


@pytest.mark.parametrize(
    ("text", "shown", "calls"),
    [
        ('{"answer": "hi"}\n', "hi", 0),
        ('```json\n{"answer": "hi"}\n```', "hi", 0),
        ('```\n{"answer": "hi"}```\n', "hi", 0),
        (f"```json\n{CALL}\n```\n", "", 1),
        (f"{CALL}\n{CALL}", "", 2),
        (f'{{"answer": "One moment."}}\n{CALL}', "One moment.", 1),
        (f"{CALL}\nIt is noon.", "\nIt is noon.", 1),
        ('{"answer": "hi"} and more', "hi and more", 0),
        ('{"answer": "hi", "mood": "glad"}', 'hi, "mood": "glad"}', 0),
        ('{"tool": "clock"}', "", 1),
        (r'{"answer": "a\x \q \u12g4 b"}', r"a\x \q \u12g4 b", 0),
        ('{"answer": "two\nlines"}', "two\nlines", 0),
    ],
)
def test_models_that_nobody_holds_to_the_form(text: str, shown: str, calls: int) -> None:
    for pieces in ([text], list(text)):
        events = read(pieces)
        assert (said(events), len(called(events))) == (shown, calls)


def test_a_text_is_shown_while_it_comes() -> None:
    reader = AnswerReader()
    shown = [
        said(reader.feed(piece)) for piece in ('{"answer": "It ', "is", " no\\u006", 'fn."', "}")
    ]

    assert shown == ["It ", "is", " no", "on.", ""]
    assert reader.finish(cut=False) == []


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"\ud83e\udd80", "\N{CRAB}"),
        (r"\uD83E\uDD80", "\N{CRAB}"),
        (r"\ud83ex", "\N{REPLACEMENT CHARACTER}x"),
        (r"\udd80", "\N{REPLACEMENT CHARACTER}"),
        (r"\ud83e\ud83e\udd80", "\N{REPLACEMENT CHARACTER}\N{CRAB}"),
        (r"\ud83e\n", "\N{REPLACEMENT CHARACTER}\n"),
        (r"\ud83e\u0041", "\N{REPLACEMENT CHARACTER}A"),
        (r"\"\\\/\b\f\n\r\t", '"\\/\b\f\n\r\t'),
    ],
)
def test_escapes_in_single_characters(source: str, text: str) -> None:
    assert said(read(list(f'{{"answer": "{source}"}}'))) == text
    assert decode(source + '"') == (text, len(source) + 1, True)


def test_half_a_pair_in_an_argument_becomes_writable() -> None:
    ((_, arguments),) = called(whole(r'{"tool": "f", "arguments": {"x": "a\ud83e"}}'))

    assert json.dumps(arguments, ensure_ascii=False).encode() == b'{"x": "a?"}'


@given(st.data(), TEXT)
def test_a_cut_off_text_keeps_what_came(data: st.DataObject, text: str) -> None:
    start = '{"answer": "'
    source = start + json.dumps(text)[1:-1]
    source = source[: data.draw(st.integers(len(start), len(source)))]
    shown = said(read(data.draw(cuts(source)), cut=True))

    assert text.startswith(shown)
    assert len(text) - len(shown) <= len(text) - (len(source) - len(start)) // 12


@given(st.integers(len('{"tool":'), len(CALL) - 1))
def test_a_cut_off_call_is_an_error(length: int) -> None:
    with pytest.raises(ProviderError) as raised:
        whole(CALL[:length], cut=True)

    assert raised.value.code == "answer_too_large"


@given(st.integers(0, len(CALL) - 1))
def test_a_call_that_the_model_left_unfinished_is_text(length: int) -> None:
    assert said(whole(CALL[:length])) == CALL[:length]


def test_a_call_without_an_end_is_not_held_for_ever() -> None:
    text = '{"tool": "f", "arguments": {"x": "' + "y" * (MAX_CALL_CHARS + 1)
    reader = AnswerReader()

    assert said(reader.feed(text)) == text
    assert not reader.holds
    assert said(reader.feed("z")) == "z"


def test_ids_of_calls_differ() -> None:
    events = whole(CALL * 2)
    ids = [event.call.id for event in events if isinstance(event, ToolCallRequest)]

    assert len(set(ids)) == 2
    assert all(name.startswith("call-") for name in ids)


# The stream around it


async def _stream(
    *events: InferenceEvent, error: ProviderError | None = None
) -> AsyncGenerator[InferenceEvent, None]:
    for event in events:
        yield event
    if error is not None:
        raise error


async def heard(*events: InferenceEvent) -> list[InferenceEvent]:
    return [event async for event in read_calls(_stream(*events))]


async def test_all_other_events_pass() -> None:
    before: list[InferenceEvent] = [
        ProcessStart("m"),
        Progress("model", 1, 2),
        Notice("c", "m"),
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "hm"),
        Thought(ThoughtPhase.STOP),
    ]
    events = await heard(*before, Content('{"answer": "x"}'), Usage(1, 2), Complete())

    assert events == [*before, Content("x"), Usage(1, 2), Complete()]


async def test_a_call_is_the_reason_of_the_end() -> None:
    events = await heard(Content(CALL[:9]), Content(CALL[9:]), Usage(1, 2), Complete())

    assert [type(event) for event in events] == [ToolCallRequest, Usage, Complete]
    assert events[-1] == Complete(FinishReason.TOOL_CALLS)


async def test_a_native_call_passes_and_counts() -> None:
    native = ToolCallRequest(ToolCall("c", "clock", {}))

    assert await heard(native, Complete()) == [native, Complete(FinishReason.TOOL_CALLS)]


async def test_what_was_held_comes_before_the_usage() -> None:
    events = await heard(Content('{"to'), Usage(1, 2), Complete())

    assert events == [Content('{"to'), Usage(1, 2), Complete()]


async def test_the_length_of_an_answer_stays_the_reason() -> None:
    length = Complete(FinishReason.LENGTH)

    assert await heard(Content('{"answer": "a b\\'), Usage(1, 2), length) == [
        Content("a b"),
        Usage(1, 2),
        length,
    ]


async def test_a_cut_off_call_has_still_cost_its_tokens() -> None:
    length = Complete(FinishReason.LENGTH)
    events = read_calls(_stream(Content(CALL[:30]), Usage(1, 2), length))

    assert await anext(events) == Usage(1, 2)
    with pytest.raises(ProviderError) as raised:
        await anext(events)
    assert raised.value.code == "answer_too_large"


async def test_errors_pass_and_the_source_is_closed() -> None:
    failure = ProviderError("gone", code="provider_stream_cut")
    events = read_calls(_stream(Content('{"answer": "a'), error=failure))

    assert await anext(events) == Content("a")
    with pytest.raises(ProviderError) as raised:
        await anext(events)
    assert raised.value is failure

    open_source = _stream(Content('{"answer": "a'), Content("b"))
    reading = read_calls(open_source)
    assert await anext(reading) == Content("a")
    await reading.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(open_source)
