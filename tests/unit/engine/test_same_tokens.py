"""At temperature 0 an answer is the same however its prompt came into the cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine_support import NEEDS_ENGINE

pytest.importorskip("llama_cpp")

from ruster.engine.model import LoadedModel
from ruster.engine.parking import SnapshotParking
from ruster.engine.snapshots import SnapshotFolder
from tests.unit.engine.desk import Asked, open_desk

pytestmark = NEEDS_ENGINE
_MOST = 32
_Way = Callable[[LoadedModel, list[int], Path], Asked]


def _alone(model: LoadedModel, prompt: list[int], _folder: Path) -> Asked:
    with open_desk(model, max_sequences=1) as desk:
        asked = desk.ask(prompt, most=_MOST)
        desk.run()
    return asked


def _in_a_batch(model: LoadedModel, prompt: list[int], _folder: Path) -> Asked:
    with open_desk(model, max_sequences=4, prefill_chunk=16) as desk:
        for number in range(3):
            desk.ask(model.tokenize(f"{number}. Tell me. " * 9, special=True), most=_MOST)
        asked = desk.ask(prompt, most=_MOST)
        desk.run()
        assert max(desk.sizes) > 3
    return asked


def _cached(model: LoadedModel, prompt: list[int], _folder: Path) -> Asked:
    with open_desk(model) as desk:
        desk.ask(prompt[:-20], session="a")
        desk.run()
        asked = desk.ask(prompt, most=_MOST, session="a")
        desk.run()
    assert asked.usage.cached >= len(prompt) - 20
    return asked


def _copied(model: LoadedModel, prompt: list[int], _folder: Path) -> Asked:
    with open_desk(model) as desk:
        desk.ask(prompt[:-20], session="a")
        desk.run()
        asked = desk.ask(prompt, most=_MOST, session="b")
        desk.run()
    assert asked.usage.cached >= len(prompt) - 20
    return asked


def _restored(model: LoadedModel, prompt: list[int], folder: Path) -> Asked:
    for tokens in (prompt[:-20], prompt):
        parking = SnapshotParking(SnapshotFolder(folder, 1 << 30, "0" * 24))
        with open_desk(model, parking=parking) as desk:
            asked = desk.ask(tokens, most=_MOST, session="a")
            desk.run()
    assert asked.usage.cached >= len(prompt) - 20
    return asked


@pytest.mark.parametrize("way", [_in_a_batch, _cached, _copied, _restored])
def test_an_answer_is_that_of_a_fresh_run(model: LoadedModel, tmp_path: Path, way: _Way) -> None:
    prompt = model.tokenize("Where was the file saved, and when was that? " * 6, special=True)
    expected = _alone(model, prompt, tmp_path).tokens
    assert way(model, prompt, tmp_path).tokens == expected
    # The comparison can fail: one token less is another prompt.
    assert _alone(model, prompt[:-1], tmp_path).tokens != expected
