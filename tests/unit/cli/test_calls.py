"""How tool calls are worded."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from ruster.cli.calls import call_row, result_line
from ruster.cli.terminal import fit
from ruster.protocol.events import ToolCallEvent

_DIM, _RED, _OFF = "\x1b[2m", "\x1b[31m", "\x1b[0m"


def _call(tool: str = "file_read", /, **fields: Any) -> ToolCallEvent:
    known = {"session_id": "work", "arguments": {}, "call_id": "c", "phase": "end", "failed": False}
    return ToolCallEvent.model_validate(known | {"tool": tool} | fields)


def _plain(line: str) -> str:
    for sign in (_DIM, _RED, _OFF):
        line = line.replace(sign, "")
    return line


def test_one_argument_is_told_without_its_name() -> None:
    assert _plain(call_row([_call(arguments={"path": "a b"})], 80)) == "⋯ file_read a b"
    two = _call(arguments={"path": "a", "limit": 5})
    assert _plain(call_row([two], 80)) == "⋯ file_read path=a limit=5"
    assert _plain(call_row([_call("time_now"), two], 80)) == (
        "⋯ time_now; file_read path=a limit=5"
    )


@pytest.mark.parametrize("text", ["x" * 500, "漢" * 500, "a\nb" * 300])
@pytest.mark.parametrize("columns", [20, 80])
def test_a_row_is_one_row_of_the_terminal(text: str, columns: int) -> None:
    call = _call(arguments={"content": text, "path": text}, result_preview=text)
    for row in (call_row([call, call], columns), result_line(call, columns)):
        assert "\n" not in row
        assert cell_len(_plain(row)) < columns
        assert _plain(row).endswith("…")


def test_a_failure_is_red_and_told_in_whole() -> None:
    why = "no such file; " * 12
    call = _call(arguments={"path": "p" * 300}, result_preview=f"error: {why}", failed=True)
    line = result_line(call, 80)
    assert line.startswith(f"{_RED}✗ file_read ppp")
    assert why.strip() in line
    assert "error:" not in line
    named = _call(result_preview="error: file_read: no path", failed=True)
    assert _plain(result_line(named, 80)) == "✗ file_read → no path"


def test_what_was_brought_is_dim_and_what_it_says_is_untouched() -> None:
    line = result_line(_call(result_preview="error: this is in the file"), 80)
    assert line == f"{_DIM}✓ file_read → error: this is in the file{_OFF}"


def test_nothing_in_it_commands_the_terminal() -> None:
    hidden = "a\x1b[2K\r\u202e\x9b"
    call = _call(hidden, arguments={hidden: hidden, "b": [hidden]}, result_preview=hidden)
    for row in (call_row([call], 200), result_line(call, 200)):
        assert _plain(row).isprintable()


@pytest.mark.parametrize(
    ("text", "columns", "fitted"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("漢字", 4, "漢字"),
        ("漢字か", 4, "漢…"),
        ("ab", 0, "…"),
    ],
)
def test_texts_are_fitted_by_their_width(text: str, columns: int, fitted: str) -> None:
    assert fit(text, columns) == fitted
