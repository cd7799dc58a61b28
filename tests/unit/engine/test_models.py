"""The scripts that make the test models: the same bytes each time, small, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models import NAMES, build
from tests.models.scripts import SCRIPTS, script


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_small_and_always_the_same(name: str, tmp_path: Path) -> None:
    one, other = build(name, tmp_path / "one"), build(name, tmp_path / "other")
    assert one.read_bytes() == other.read_bytes()
    assert one.stat().st_size < (11_000_000 if name.startswith("wide") else 4_000_000)
    built = one.stat().st_mtime_ns
    assert build(name, tmp_path / "one").stat().st_mtime_ns == built


def test_each_question_finds_its_own_script() -> None:
    for entry in SCRIPTS:
        found = next(other for other in SCRIPTS if other.trigger in entry.question.lower())
        assert found is entry
    assert len(script("count").cuts) >= 400
