"""Blocks packed into chunks: bounded, in order, nothing lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.memory.documents.packing import MAX_WORDS, Block, pack, weigh


def texts(*blocks: Block) -> list[str]:
    return [chunk.text for chunk in pack(blocks, "t")]


def letters(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_paragraphs_of_a_section_share_a_chunk_and_sections_do_not() -> None:
    blocks = [
        Block("one", ("A",)),
        Block("two", ("A",)),
        Block("three", ("A", "B")),
        Block("four", ()),
    ]
    chunks = list(pack(blocks, "guide.md"))

    assert [(chunk.header, chunk.text) for chunk in chunks] == [
        ("guide.md > A", "one\n\ntwo"),
        ("guide.md > A > B", "three"),
        ("guide.md", "four"),
    ]
    assert chunks[0].whole == "guide.md > A\none\n\ntwo"


def test_a_full_chunk_is_closed_before_the_next_paragraph() -> None:
    long = "word " * 60

    assert texts(Block(long), Block(long), Block("end")) == [
        long.strip(),
        f"{long.strip()}\n\nend",
    ]


def test_long_text_is_split_between_sentences() -> None:
    sentence = "This sentence has exactly ten words in it, I think. "
    found = texts(Block(sentence * 20))

    assert [weigh(text) for text in found] == [90, 90, 20]
    assert all(text.endswith("think.") for text in found)


def test_code_is_split_between_lines() -> None:
    code = "\n".join(f"    value_{at} = compute(a, b, c)" for at in range(60))
    found = texts(Block(code, by_lines=True))

    assert len(found) > 2
    assert "\n".join(found) == code


def test_chinese_is_split_too() -> None:
    found = texts(Block("今天我们讨论记忆系统的设计。" * 60))

    assert len(found) > 3
    assert all(text.endswith("。") for text in found)


@given(
    st.lists(
        st.builds(
            Block,
            st.text(st.sampled_from("ab .!?\n今\u200b"), max_size=900) | st.text(max_size=50),
            st.sampled_from([(), ("A",), ("A", "B")]),
            st.booleans(),
        ),
        max_size=6,
    )
)
def test_nothing_is_lost_and_no_chunk_is_too_long(blocks: list[Block]) -> None:
    chunks = list(pack(blocks, "t"))

    whole = "".join(letters(chunk.text) for chunk in chunks)
    assert whole == "".join(letters(block.text) for block in blocks)
    assert all(weigh(chunk.text) <= MAX_WORDS for chunk in chunks)
    assert all(chunk.text.strip() for chunk in chunks)


@pytest.mark.parametrize("text", ["x" * 100_000, "x" * 1500 + " y", "a " + "/" * 5000])
def test_what_is_no_word_is_cut(text: str) -> None:
    found = texts(Block(text))

    assert letters("".join(found)) == letters(text)
    assert all(weigh(it) <= MAX_WORDS for it in found)


def test_headers_are_short_and_of_one_line() -> None:
    path = ("", "t", "a\nb\0\u202e  c", "x" * 10_000, *("d",) * 50)
    (chunk,) = pack([Block("text", path)], "t")

    assert chunk.header == f"t > a b c > {'x' * 80} > d"
