"""What a person sees of memories."""

from __future__ import annotations

from typing import Any

import pytest

from ruster.cli.memory.wording import counted, log_rows, memory_row, print_memories, print_memory
from ruster.protocol.events import MemoryLogEntry, MemorySummary


def _memory(**fields: Any) -> MemorySummary:
    plain: dict[str, Any] = {
        "memory_id": "m-1",
        "text": "My sister\nlives in Hanoi",
        "layer": "insights",
        "kind": "fact",
        "time": "2026-01-31T09:30:00+01:00",
        "within": "owner",
    }
    return MemorySummary(**(plain | fields))


def _entry(**fields: Any) -> MemoryLogEntry:
    plain: dict[str, Any] = {
        "number": 3,
        "time": "2026-01-31T09:30:00+01:00",
        "batch": 7,
        "what": "promoted",
        "rule": "told",
        "memory_id": "m-1",
        "from_layer": "interact",
        "to_layer": "insights",
    }
    return MemoryLogEntry(**(plain | fields))


def test_a_row_is_one_line_and_cut_where_it_says_so() -> None:
    row = memory_row(_memory(pinned=True))
    assert row == ("m-1", "2026-01-31T09:30", "insights*", "fact", "My sister lives in Hanoi")
    long = memory_row(_memory(text="x" * 500))[4]
    assert (len(long), long[-1]) == (300, "…")
    assert memory_row(_memory(), "the passage")[4] == "the passage"


def test_rows_of_the_log_tell_layers_only_where_they_change() -> None:
    assert log_rows([_entry()])[0][2:] == ("promoted", "told", "m-1", "interact > insights")
    gone = _entry(what="forgotten", from_layer=None, to_layer=None, undone="2026-02-01T00:00:00Z")
    assert log_rows([gone])[0][2:] == ("forgotten (undone)", "told", "m-1", "")
    expired = _entry(what="expired", to_layer=None)
    assert log_rows([expired])[0][5] == "interact > -"


def test_numbers_are_worded() -> None:
    assert [counted(n, "piece") for n in (0, 1, 2)] == ["0 pieces", "1 piece", "2 pieces"]
    assert counted(2, "memory", "memories") == "2 memories"


def test_what_others_wrote_cannot_command_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    hostile = _memory(text="\x1b[2Jwiped", origins=["web:\x1b]0;owned\x07"])
    print_memory(hostile)
    print_memories([hostile])
    out = capsys.readouterr().out
    assert "\x1b[2J" not in out
    assert "\x1b]0;" not in out
    assert "wiped" in out


def test_all_of_a_memory_is_told_without_what_is_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_memory(_memory(tags=["a", "b"], origins=["web:example.org"], uses=2, last_used="now"))
    assert capsys.readouterr().out == (
        "Memory: m-1\nLayer: insights\nKind: fact\nTags: a, b\n"
        "Said: 2026-01-31T09:30:00+01:00\nMay be the words of: web:example.org\n"
        "Used: 2 times, last now\n\nMy sister\nlives in Hanoi\n"
    )
