"""Rows of like length together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ruster.memory.onnx.batches import batches


@given(st.lists(st.integers(1, 600), max_size=60), st.integers(1, 2000))
def test_every_row_once_and_no_group_too_large(lengths: list[int], most: int) -> None:
    groups = list(batches(lengths, most))

    assert sorted(at for group in groups for at in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[at] for at in group) <= most


def test_rows_of_like_length_are_together() -> None:
    assert list(batches([9, 2, 9, 2], 18)) == [[1, 3], [0, 2]]
