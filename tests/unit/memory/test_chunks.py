"""Texts are cut where they may be, and nothing of them is lost."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ruster.memory.index.chunks import CHUNK_WORDS, first_words, last_words, spans


def test_short_texts_are_one_chunk() -> None:
    assert spans("") == [(0, 0)]
    assert spans("one two") == [(0, 7)]


def test_chunks_end_with_a_paragraph_or_a_sentence() -> None:
    sentence = "one two three four five six seven eight nine ten. "
    text = sentence * 20
    parts = [text[start:stop] for start, stop in spans(text)]
    assert all(part.endswith("ten.") for part in parts)
    paragraphs = ("word " * 70 + "end\n\n") * 4
    parts = [paragraphs[start:stop] for start, stop in spans(paragraphs)]
    assert all(part.endswith("end") for part in parts)


def test_endless_words_are_cut() -> None:
    places = spans("x" * 10_000)
    assert len(places) >= 10
    assert all(stop - start <= 1000 for start, stop in places)


@given(st.text(alphabet=st.sampled_from("ab .\n\u4e16"), max_size=4000))
def test_nothing_is_lost_and_every_chunk_has_its_bound(text: str) -> None:
    places = spans(text)
    assert places
    kept = "".join(text[start:stop] for start, stop in places)
    assert "".join(kept.split()) == "".join(text.split()) or not text.split()
    assert all(stop - start <= 1000 for start, stop in places)
    assert all(len(text[start:stop].split()) <= CHUNK_WORDS for start, stop in places)
    assert all(a[1] <= b[0] for a, b in pairwise(places))


def test_what_stands_around() -> None:
    text = " ".join(map(str, range(100)))
    assert first_words(text, 3) == "0 1 2"
    assert last_words(text, 3) == "97 98 99"
    assert (first_words("", 3), last_words("", 3)) == ("", "")
    assert len(last_words("x" * 100_000)) < 2000
