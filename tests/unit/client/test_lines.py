"""Commands to bytes, bytes to lines."""

from __future__ import annotations

import pytest

from ruster.client.lines import Lines, encode_command
from ruster.core.errors import ProtocolError


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_come_out_whole_wherever_they_are_cut(size: int) -> None:
    data = '{"a":"ä🦀"}\n\n{"b":2}\n{"c"'.encode()
    lines = Lines()
    found = [line for n in range(0, len(data), size) for line in lines.feed(data[n : n + size])]
    assert found == ['{"a":"ä🦀"}'.encode(), b'{"b":2}']
    assert lines.feed(b":3}\n") == [b'{"c":3}']


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ruster.client.lines._MAX_LINE_BYTES", 10)
    lines = Lines()
    lines.feed(b"12345")
    with pytest.raises(ProtocolError):
        lines.feed(b"678901")


def test_fields_without_a_value_are_left_out() -> None:
    assert encode_command({"action": "create", "model": None}) == b'{"action": "create"}\n'


@pytest.mark.parametrize("value", ["\udc80", float("nan"), object()])
def test_what_json_cannot_carry_is_refused(value: object) -> None:
    with pytest.raises(ProtocolError):
        encode_command({"action": "send", "message": value})
