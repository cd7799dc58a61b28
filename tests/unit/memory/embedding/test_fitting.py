"""Vectors and texts brought to the memory's form."""

from __future__ import annotations

import math

import pytest

from ruster.core.errors import MemoryError
from ruster.memory.embedding.fitting import fitted, valid


def test_longer_vectors_are_cut_and_of_length_one_again() -> None:
    vector = fitted([[3.0] * 384 + [100.0] * 640], 1, "m")[0]

    assert len(vector) == 384
    assert math.hypot(*vector) == pytest.approx(1)
    assert vector[0] == pytest.approx(1 / math.sqrt(384))


@pytest.mark.parametrize("length", [1e-30, 1e150])
def test_any_length_can_be_brought_to_one(length: float) -> None:
    assert math.hypot(*fitted([[length] * 384], 1, "m")[0]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        ([1.0] * 383, "383 numbers"),
        ([], "0 numbers"),
        ([0.0] * 384, "nowhere"),
        ([math.nan] + [1.0] * 383, "nowhere"),
        ([math.inf] + [1.0] * 383, "nowhere"),
    ],
)
def test_what_is_no_vector_is_refused(vector: list[float], why: str) -> None:
    with pytest.raises(MemoryError, match=why) as raised:
        fitted([vector], 1, "m")
    assert raised.value.code == "embedder_failed"


def test_a_wrong_count_is_refused() -> None:
    with pytest.raises(MemoryError, match="1 vectors for 2 texts"):
        fitted([[1.0] * 384], 2, "m")


@pytest.mark.parametrize(
    ("text", "taken"),
    [("", "."), (" \n", "."), ("\0", "."), ("a\0b", "a b"), ("\ud800x", "?x"), ("é", "é")],
)
def test_odd_texts_become_ones_that_models_take(text: str, taken: str) -> None:
    assert valid(text) == taken


def test_a_huge_text_counts_by_its_beginning() -> None:
    assert len(valid("word " * 2_000_000)) == 6000
