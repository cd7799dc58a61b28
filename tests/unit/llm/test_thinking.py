"""The think machine: tags cut anywhere, never lost, never closed; any split gives the same."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.inference import Content, Thought, ThoughtPhase
from ruster.llm.thinking import THINK_TAGS, ThinkingParser, partial_suffix

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
        ("a<think>b</think>", [Content("a<think>b</think>")]),
        ("\n <think>b", [_START, _delta("b"), _STOP]),
        ("\n a", [Content("\n a")]),
        ("<think>", [_START, _STOP]),
        ("<think>a</thi", [_START, _delta("a</thi"), _STOP]),
        ("1 < 2 <th", [Content("1 < 2 <th")]),
        ("a</think>b", [Content("a</think>b")]),
        ("</think>\nb", [Content("b")]),
        ("<think>a<think>b</think>c", [_START, _delta("a<think>b"), _STOP, Content("c")]),
        (
            "<think>a</think>b<think>c</think> d",
            [_START, _delta("a"), _STOP, Content("b<think>c</think> d")],
        ),
        (
            "<think>a</think>\n<think>c</think> d",
            [_START, _delta("a"), _STOP, _START, _delta("c"), _STOP, Content("d")],
        ),
        (
            "<think>a</think><response>b</response>\n",
            [_START, _delta("a"), _STOP, Content("b\n")],
        ),
        ("<|START_RESPONSE|>b<|END_RESPONSE|>", [Content("b")]),
        (
            "<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b<|END_RESPONSE|>",
            [_START, _delta("a"), _STOP, Content("b")],
        ),
        ("say <response>", [Content("say <response>")]),
    ],
)
def test_events_of_whole_texts(text: str, expected: list[Thought | Content]) -> None:
    assert _run([text]) == expected
    assert _run(list(text)) == expected


def test_a_prompt_that_opens_the_thought() -> None:
    assert _run(["ab</th", "ink>c"], inside=True) == [_START, _delta("ab"), _STOP, Content("c")]
    assert _run([], inside=True) == [_START, _STOP]


@pytest.mark.parametrize(("opening", "closing"), THINK_TAGS)
def test_every_family_cut_anywhere(opening: str, closing: str) -> None:
    text = f"\n{opening}why {opening} not{closing}\n\nso: {opening}quoted{closing} text"
    thought = f"why {opening} not"
    expected: list[Thought | Content] = [
        _START,
        _delta(thought),
        _STOP,
        Content(f"so: {opening}quoted{closing} text"),
    ]
    _assert_at_every_cut(text, expected)
    inside = [_START, _delta("why"), _STOP, Content("so")]
    assert _run(list(f"why{closing} so"), inside=True) == inside


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<|channel|>final<|message|>hi<|return|>", [Content("hi")]),
        (
            "<|channel|>analysis<|message|>why<|end|><|start|>assistant<|channel|>final"
            "<|message|>so <b>",
            [_START, _delta("why"), _STOP, Content("so <b>")],
        ),
        (
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary"
            "<|message|>b<|end|><|start|>assistant<|channel|>commentary to=functions.t "
            "<|constrain|>json<|message|>{}<|call|>",
            [
                _START,
                _delta("a"),
                _STOP,
                Content("b<|channel|>commentary to=functions.t<|message|>{}<|call|>"),
            ],
        ),
        ("<|channel|>analysis<|message|>never ends", [_START, _delta("never ends"), _STOP]),
        ("<|channel|>anal", [Content("<|channel|>anal")]),
        ("<|channel|>final<|message|>a<|end|> b", [Content("a b")]),
        ("see <|channel|>analysis", [Content("see <|channel|>analysis")]),
        ("<|channel|>" + "x" * 600, [Content("<|channel|>" + "x" * 600)]),
    ],
)
def test_harmony_cut_anywhere(text: str, expected: list[Thought | Content]) -> None:
    _assert_at_every_cut(text, expected)


def _assert_at_every_cut(text: str, expected: list[Thought | Content]) -> None:
    assert _run(list(text)) == expected
    for cut in range(len(text) + 1):
        assert _run([text[:cut], text[cut:]]) == expected, cut


def test_text_is_not_held_longer_than_needed() -> None:
    parser = ThinkingParser()
    assert parser.feed("<") == []
    assert parser.feed("b") == [Content("<b")]
    assert parser.feed(" <think") == [Content(" <think")]


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
