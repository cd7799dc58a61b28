"""Texts told from paths, and imports in commands of a bounded size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ruster.cli.memory.adding import batches, content


def test_one_word_that_names_something_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").write_text("x")
    assert content(["notes"], as_text=False) == {"path": str(tmp_path / "notes")}
    assert content(["notes"], as_text=True) == {"text": "notes"}
    assert content(["note"], as_text=False) == {"text": "note"}
    assert content(["notes", "are"], as_text=False) == {"text": "notes are"}
    assert content(["../x"], as_text=False) == {"path": str(tmp_path.parent / "x")}
    assert content(["./a/../b"], as_text=False) == {"path": str(tmp_path / "b")}
    assert content(["HTTPS://example.org/"], as_text=False) == {"url": "HTTPS://example.org/"}
    assert content(["https://example.org/"], as_text=True) == {"text": "https://example.org/"}
    assert content(["see", "https://example.org/"], as_text=False) == {
        "text": "see https://example.org/"
    }


def test_batches_hold_everything_and_stay_small() -> None:
    items = [{"text": "x" * size} for size in (10, 200_000, 100_000, 400_000, *([1] * 500))]
    made = list(batches(iter(items)))
    assert [it for batch in made for it in batch] == items
    for batch in made:
        assert len(batch) <= 200
        assert len(batch) == 1 or len(json.dumps(batch)) < (1 << 18) + 4096
    assert list(batches(iter([]))) == []
