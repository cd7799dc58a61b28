"""The think machine: tags cut anywhere, never lost, never closed; any split gives the same."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.inference import Content, Thought, ThoughtPhase
from ruster.llm.thinking import ThinkingParser, partial_suffix

_START, _STOP = Thought(ThoughtPhase.START), Thought(ThoughtPhase.STOP)


def _delta(text: str) -> Thought:
    return Thought(ThoughtPhase.DELTA, text)


def _joined(events: Iterable[Thought | Content]) -> list[Thought | Content]:
    """Merge neighbours of one kind, as a reader of the stream would."""
    merged: list[Thought | Content] = []
    for event in events:
        last = merged[-1] if merged else None
        if isinstance(event, Content) and isinstance(last, Content):
            merged[-1] = Content(last.text + event.text)
        elif (
            isinstance(event, Thought)
            and isinstance(last, Thought)
            and event.phase is ThoughtPhase.DELTA
            and last.phase is ThoughtPhase.DELTA
        ):
            merged[-1] = _delta(last.text + event.text)
        else:
            merged.append(event)
    return merged


def _run(pieces: Iterable[str], *, inside: bool = False) -> list[Thought | Content]:
    parser = ThinkingParser(inside=inside)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return _joined([*events, *parser.finish()])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", [Content("plain")]),
        ("", []),
        ("<think>a</think>\n\nb", [_START, _delta("a"), _STOP, Content("b")]),
        ("<thinking>a</thinking>b", [_START, _delta("a"), _STOP, Content("b")]),
        ("<think></think>b", [_START, _STOP, Content("b")]),
        ("a<think>b", [Content("a"), _START, _delta("b"), _STOP]),
        ("<think>", [_START, _STOP]),
        ("<think>a</thi", [_START, _delta("a</thi"), _STOP]),
        ("1 < 2 <th", [Content("1 < 2 <th")]),
        ("a</think>b", [Content("ab")]),
        ("<think>a<think>b</think>c", [_START, _delta("a<think>b"), _STOP, Content("c")]),
        (
            "<think>a</think>b<think>c</think> d",
            [_START, _delta("a"), _STOP, Content("b"), _START, _delta("c"), _STOP, Content("d")],
        ),
    ],
)
def test_events_of_whole_texts(text: str, expected: list[Thought | Content]) -> None:
    assert _run([text]) == expected
    assert _run(list(text)) == expected


def test_a_prompt_that_opens_the_thought() -> None:
    assert _run(["ab</th", "ink>c"], inside=True) == [_START, _delta("ab"), _STOP, Content("c")]
    assert _run([], inside=True) == [_START, _STOP]


def test_text_is_not_held_longer_than_needed() -> None:
    parser = ThinkingParser()
    assert parser.feed("Hello <") == [Content("Hello ")]
    assert parser.feed("b") == [Content("<b")]
    assert parser.feed("<think>x") == [_START, _delta("x")]


def test_own_tags() -> None:
    parser = ThinkingParser([("[[", "]]")])
    assert parser.feed("[") == []
    assert _joined([*parser.feed("[a]]b"), *parser.finish()]) == [
        _START,
        _delta("a"),
        _STOP,
        Content("b"),
    ]


_TEXT = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "<", "<th", "ink>", "</", ">", "a", " ", "\n", "<thinking>", "é"]
    )
    | st.text(max_size=4)
).map("".join)


@given(text=_TEXT, cuts=st.lists(st.integers(0, 200)), inside=st.booleans())
def test_any_split_gives_the_same_events(text: str, cuts: list[int], inside: bool) -> None:
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in pairwise(edges)]
    assert _run(pieces, inside=inside) == _run([text], inside=inside)


@given(text=_TEXT, inside=st.booleans())
def test_nothing_is_lost_and_thoughts_are_balanced(text: str, inside: bool) -> None:
    events = _run(list(text), inside=inside)
    said = "".join(event.text for event in events)
    for tag in ("<think>", "</think>", "<thinking>", "</thinking>"):
        text, said = text.replace(tag, ""), said.replace(tag, "")
    assert "".join(said.split()) == "".join(text.split()) or "<" in text
    phases = [event.phase for event in events if isinstance(event, Thought)]
    edges = [phase for phase in phases if phase is not ThoughtPhase.DELTA]
    assert edges == [ThoughtPhase.START, ThoughtPhase.STOP] * (len(edges) // 2)


@given(text=st.text(alphabet="<think>/ab"), tag=st.sampled_from(["<think>", "</think>"]))
def test_partial_suffix_is_a_true_and_longest_prefix(text: str, tag: str) -> None:
    size = partial_suffix(text, (tag,))
    assert size < len(tag)
    assert size == 0 or tag.startswith(text[-size:])
    for longer in range(size + 1, min(len(tag), len(text) + 1)):
        assert not tag.startswith(text[-longer:])
