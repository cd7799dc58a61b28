"""Lines come out whole, wherever the stream is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.errors import ProviderError
from ruster.llm.lines import LineSplitter


def _split(pieces: list[bytes], limit_bytes: int = 10_000) -> list[bytes]:
    splitter = LineSplitter(limit_bytes)
    lines = [line for piece in pieces for line in splitter.feed(piece)]
    return [*lines, splitter.rest()] if splitter.rest() else lines


@given(st.binary(), st.lists(st.integers(0, 200)))
def test_where_the_stream_is_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in pairwise(edges)]

    assert _split(pieces) == _split([data])


@given(st.lists(st.binary(min_size=1).filter(lambda line: not set(line) & set(b"\r\n"))))
def test_lines_come_back_with_either_line_end(lines: list[bytes]) -> None:
    assert _split([b"\n".join([*lines, b""])]) == lines
    assert _split([b"\r\n".join([*lines, b""])]) == lines


def test_blank_lines_are_dropped_and_the_last_needs_no_end() -> None:
    assert _split([b"\n\r\na\n\n", b"b"]) == [b"a", b"b"]


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 6, b"x" * 5], [b"x" * 11 + b"\n"]])
def test_a_line_over_the_limit_is_one_typed_error(pieces: list[bytes]) -> None:
    with pytest.raises(ProviderError) as raised:
        _split(pieces, limit_bytes=10)

    assert raised.value.code == "provider_protocol"


def test_a_line_at_the_limit_passes() -> None:
    assert _split([b"x" * 10 + b"\n" + b"y" * 10], limit_bytes=10) == [b"x" * 10, b"y" * 10]
