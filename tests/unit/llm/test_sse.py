"""Server-sent events come out whole, wherever the bytes were cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.errors import ProviderError
from ruster.llm.sse import SseParser

STREAM = (
    b": comment\n\nid: 7\nevent: message\ndata: one\n\n"
    b"data: two\r\ndata:  lines\r\n\r\n"
    b"data:three\r\rretry: 5\r"
    b'{"error":"bare"}\n'
    b"data\n\ndata: [DONE]\n\n"
)
EVENTS = [b"one", b"two\n lines", b"three", b'{"error":"bare"}', b"[DONE]"]


def _read(pieces: list[bytes], limit: int = 1000) -> list[bytes]:
    parser = SseParser(limit)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.finish()


def test_a_stream_in_one_piece() -> None:
    assert _read([STREAM]) == EVENTS


def test_split_in_two_at_every_byte() -> None:
    for at in range(len(STREAM) + 1):
        assert _read([STREAM[:at], STREAM[at:]]) == EVENTS


def test_single_bytes() -> None:
    assert _read([STREAM[at : at + 1] for at in range(len(STREAM))]) == EVENTS


@pytest.mark.parametrize(
    ("rest", "events"),
    [
        (b'data: {"a":1}', [b'{"a":1}']),
        (b"data: [DONE]\r", [b"[DONE]"]),
        (b'data: {"a":', []),
        (b"data: [DO", []),
        (b"da", []),
    ],
)
def test_the_last_event_counts_without_its_blank_line_if_it_is_whole(
    rest: bytes, events: list[bytes]
) -> None:
    assert _read([rest]) == events


@pytest.mark.parametrize("pieces", [[b"data: " + b"x" * 20], [b"data: xxxxxxx\n"] * 2])
def test_an_event_beyond_the_limit_is_an_error(pieces: list[bytes]) -> None:
    with pytest.raises(ProviderError) as raised:
        _read(pieces, limit=10)

    assert raised.value.code == "provider_protocol"


@given(st.binary(max_size=300), st.integers(1, 20))
def test_any_bytes_read_the_same_in_pieces(data: bytes, size: int) -> None:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    assert _read(pieces, 10_000) == _read([data], 10_000)
