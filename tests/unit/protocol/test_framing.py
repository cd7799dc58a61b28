"""Bytes to lines, however they arrive, with a bound on what is kept."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ruster.protocol.framing import TOO_LONG, LineBuffer, TooLong

LIMIT = 16
DATA = st.lists(
    st.sampled_from([b"\n", b" ", b"\r\n", b"a", b"x" * 7, b"y" * 16, b"z" * 17, b"\0", b"\xff"])
    | st.binary(max_size=40)
).map(b"".join)


def reference(data: bytes) -> list[bytes | TooLong]:
    """Split the whole at once."""
    *lines, rest = data.split(b"\n")
    found: list[bytes | TooLong] = []
    for line in lines:
        if len(line) > LIMIT:
            found.append(TOO_LONG)
        elif line.strip():
            found.append(line)
    if len(rest) > LIMIT:
        found.append(TOO_LONG)
    elif rest.strip():
        found.append(rest)
    return found


def taken(buffer: LineBuffer) -> list[bytes | TooLong]:
    lines = []
    while (line := buffer.pop()) is not None:
        lines.append(line)
    return lines


@given(DATA, st.lists(st.integers(0, 200)))
@settings(deadline=None, max_examples=500)
def test_lines_do_not_depend_on_how_the_bytes_arrive(data: bytes, cuts: list[int]) -> None:
    buffer = LineBuffer(LIMIT)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    lines: list[bytes | TooLong] = []
    for begin, end in pairwise(edges):
        buffer.feed(data[begin:end])
        lines += taken(buffer)
        assert len(buffer) <= LIMIT
    last = buffer.finish()
    assert [*lines, *([] if last is None else [last])] == reference(data)
    assert len(buffer) == 0


@given(DATA)
@settings(deadline=None, max_examples=200)
def test_bytes_one_by_one(data: bytes) -> None:
    buffer = LineBuffer(LIMIT)
    lines: list[bytes | TooLong] = []
    for byte in data:
        buffer.feed(bytes([byte]))
        lines += taken(buffer)
    last = buffer.finish()
    assert [*lines, *([] if last is None else [last])] == reference(data)


def test_a_line_without_end_takes_no_memory() -> None:
    buffer = LineBuffer(1000)
    found = []
    for _ in range(1000):
        buffer.feed(b"x" * 999)
        found += taken(buffer)
        assert len(buffer) <= 1000
    assert found == [TOO_LONG]
    buffer.feed(b"\nnext\n")
    assert taken(buffer) == [b"next"]
