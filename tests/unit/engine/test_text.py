"""From bytes to text: characters over several tokens, stop strings over several pieces."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ruster.engine.text import TextPacer, TextStream


def _run(pieces: list[bytes], stop: tuple[str, ...] = ()) -> tuple[str, bool]:
    stream = TextStream(stop)
    text = "".join([stream.feed(piece) for piece in pieces])
    return text + stream.finish(), stream.stopped


def test_a_character_is_held_back_until_whole() -> None:
    stream = TextStream()
    crab = "\N{CRAB}".encode()
    assert [stream.feed(crab[:1]), stream.feed(crab[1:3]), stream.feed(crab[3:])] == [
        "",
        "",
        "\N{CRAB}",
    ]
    assert _run([crab[:2]]) == ("\N{REPLACEMENT CHARACTER}", False)


def test_a_stop_string_over_pieces_ends_the_text() -> None:
    assert _run([b"one EN", b"D two"], ("END",)) == ("one ", True)
    assert _run([b"one EN"], ("END",)) == ("one EN", False)
    assert _run([b"one END", b"more"], ("END",)) == ("one ", True)
    assert _run([b"a b"], ("",)) == ("a b", False)


def test_only_what_may_become_a_stop_string_is_held() -> None:
    stream = TextStream(("END",))
    assert stream.feed(b"one E") == "one "
    assert stream.feed(b"x") == "Ex"


@given(data=st.binary(max_size=40), cuts=st.lists(st.integers(0, 40)))
def test_any_split_of_any_bytes_gives_the_same(data: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(edges)]
    assert _run(pieces) == (data.decode("utf-8", "replace"), False)


@given(
    text=st.text(alphabet="abé"),
    stop=st.text(alphabet="abé", min_size=1),
    cuts=st.lists(st.integers(0, 60)),
)
def test_any_split_stops_at_the_same_place(text: str, stop: str, cuts: list[int]) -> None:
    data = text.encode()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(edges)]
    assert _run(pieces, (stop,)) == (text.partition(stop)[0], stop in text)


def test_the_first_piece_goes_out_at_once_and_later_ones_joined() -> None:
    sent: list[str] = []
    now = 100.0
    pacer = TextPacer(sent.append, lambda: now)
    for piece in ("a", "b", "c"):
        pacer.add(piece)
    assert sent == ["a"]
    now += 0.021
    pacer.add("d")
    assert sent == ["a", "bcd"]
    pacer.add("e")
    pacer.flush()
    pacer.flush()
    assert sent == ["a", "bcd", "e"]


def test_a_slow_model_is_not_held_up() -> None:
    sent: list[str] = []
    now = 0.0
    pacer = TextPacer(sent.append, lambda: now)
    for piece in ("a", "b"):
        pacer.add(piece)
        now += 0.05
    assert sent == ["a", "b"]
