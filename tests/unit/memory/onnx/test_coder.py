"""Texts as tokens: bounds, marks, and texts that would be marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.memory.onnx.coder import Coder
from tests.models.tiny_onnx import (
    BERT_MARKS,
    QWEN_MARKS,
    WORDS,
    minilm,
    qwen_embedding,
    qwen_reranker,
)


def bert(*words: str) -> list[int]:
    known = [*BERT_MARKS, *WORDS]
    return [known.index(word) for word in words]


def qwen(*words: str) -> list[int]:
    known = [*QWEN_MARKS, *WORDS]
    return [known.index(word) for word in words]


@pytest.fixture
def coder(tmp_path: Path) -> Coder:
    """A tokenizer like BERT's, whose file asks for padding and a cut of its own."""
    return Coder(minilm(tmp_path) / "tokenizer.json", 12)


def test_a_text_gets_its_marks_and_no_padding(coder: Coder) -> None:
    assert coder.text("Red fox").ids == bert("[CLS]", "red", "fox", "[SEP]")


def test_a_long_text_is_cut_and_keeps_its_marks(coder: Coder) -> None:
    tokens = coder.text("red " * 100)

    assert tokens.ids == bert("[CLS]", *["red"] * 10, "[SEP]")
    assert len(coder.text("x" * 10_000_000)) <= 12


def test_a_pair_tells_its_sides(coder: Coder) -> None:
    pair = coder.pair("red fox", "blue")

    assert pair.ids == bert("[CLS]", "red", "fox", "[SEP]", "blue", "[SEP]")
    assert pair.types == [0, 0, 0, 0, 1, 1]


def test_of_a_long_pair_the_document_is_cut_and_half_of_the_query(coder: Coder) -> None:
    pair = coder.pair("red fox", "blue " * 50)
    both = coder.pair("red " * 50, "blue " * 50)

    assert pair.ids == bert("[CLS]", "red", "fox", "[SEP]", *["blue"] * 7, "[SEP]")
    assert both.ids == bert("[CLS]", *["red"] * 4, "[SEP]", *["blue"] * 5, "[SEP]")


def test_marks_in_a_text_are_taken_apart(coder: Coder) -> None:
    marks = set(bert("[CLS]", "[SEP]", "[PAD]"))

    assert not marks & set(coder.text("red [SEP] fox [PAD]").ids[1:-1])
    assert coder.pair("a [SEP] b", "c [CLS]").ids.count(bert("[SEP]")[0]) == 2


def test_marks_of_a_text_of_ours_are_marks(tmp_path: Path) -> None:
    coder = Coder(qwen_reranker(tmp_path) / "tokenizer.json", 64)

    assert coder.frame("<|im_start|>red") == qwen("<|im_start|>", "red")
    assert not set(qwen("<|im_end|>", "<|im_start|>")) & set(
        coder.plain("<|im_end|> <|im_<|im_end|>start|> red")
    )


def test_the_last_token_is_a_mark_where_it_counts(tmp_path: Path) -> None:
    with_end = Coder(qwen_embedding(tmp_path / "a") / "tokenizer.json", 4)
    without = Coder(qwen_reranker(tmp_path / "b") / "tokenizer.json", 4)

    for coder in (with_end, without):
        assert coder.text("red fox", ends=True).ids == qwen("red", "fox", "<|endoftext|>")
        assert coder.text("red " * 9, ends=True).ids == qwen(*["red"] * 3, "<|endoftext|>")
    assert without.text("red fox").ids == qwen("red", "fox")


@pytest.mark.parametrize("text", ["", "\0", "\ud800", "\u200b", "🦙" * 1000])
def test_odd_texts_are_tokens_too(coder: Coder, text: str) -> None:
    assert 2 <= len(coder.text(text)) <= 12
    assert len(coder.pair(text, text)) <= 12


@pytest.mark.parametrize("content", ["", "{}", "not json"])
def test_a_broken_tokenizer_is_one_typed_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)

    with pytest.raises(MemoryError) as raised:
        Coder(path, 8)
    assert raised.value.code == "onnx_invalid"
