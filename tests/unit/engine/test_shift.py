"""Answers beyond the window: what is dropped, what is moved, and whom it must not touch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ruster.core.inference import Behaviour, Complete, FinishReason
from ruster.core.messages import Message, Role
from ruster.engine import native
from ruster.engine.host import EngineHost
from ruster.engine.model import LoadedModel
from ruster.engine.parking import SnapshotParking
from ruster.engine.settings import EngineSettings
from ruster.engine.snapshots import SnapshotFolder
from tests.engine_support import NEEDS_ENGINE, Isolation, ask, read
from tests.models.llama import write_tiny_f32
from tests.models.scripts import ENDLESS
from tests.unit.engine.desk import Asked, Desk, open_desk

pytestmark = NEEDS_ENGINE

_WINDOW = 64
_KEPT = 4


@pytest.fixture(scope="module")
def shallow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedModel]:
    """A model of one layer: its cells depend on their own token alone, so moved is as read."""
    path = tmp_path_factory.mktemp("shallow") / "one-layer.gguf"
    write_tiny_f32(path, layers=1)
    native.start()
    model = LoadedModel(path, EngineSettings(threads=1), lambda _: True)
    yield model
    model.close()


def _prompt(model: LoadedModel, text: str = "What is the time in this place? ") -> list[int]:
    return model.tokenize(text * 9, special=False)[:40]


def _answer(
    model: LoadedModel, *, can_shift: bool, most: int = 100
) -> tuple[Asked, list[int], Desk]:
    with open_desk(model, cells=256) as desk:
        desk.context.can_shift = can_shift
        asked = desk.ask(_prompt(model), most=most, window=_WINDOW)
        desk.run()
        return asked, desk.sizes, desk


def _replayed(model: LoadedModel, prompt: list[int], said: list[int]) -> list[np.ndarray]:
    """Return the logits of an answer's tokens, each from a prompt that is read from nothing."""
    target = list(prompt)
    logits = []
    with open_desk(model, cells=256, max_sequences=1) as desk:
        for token in said:
            if len(target) > _WINDOW:
                del target[_KEPT : _KEPT + (len(target) - _KEPT) // 2]
            asked = desk.ask(target, most=1)
            desk.run()
            logits.append(asked.logits[0])
            desk.scheduler.table.clear(desk.scheduler.table.slots[0])
            target.append(token)
    return logits


@pytest.mark.parametrize("can_shift", [True, False])
def test_it_goes_on_as_if_the_rest_had_been_read_alone(
    shallow: LoadedModel, can_shift: bool
) -> None:
    asked, sizes, _ = _answer(shallow, can_shift=can_shift)
    assert asked.error is None
    assert asked.outputs[-1] == Complete(FinishReason.LENGTH)
    assert len(asked.tokens) == 100
    expected = _replayed(shallow, _prompt(shallow), asked.tokens)
    for one, other in zip(asked.logits, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-2)
    was_read_again = sum(sizes) > len(_prompt(shallow)) + 110
    assert was_read_again is not can_shift


def test_what_is_read_again_is_right_for_deep_models_too(model: LoadedModel) -> None:
    asked, _, _ = _answer(model, can_shift=False)
    expected = _replayed(model, _prompt(model), asked.tokens)
    for one, other in zip(asked.logits, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-2)


def test_without_it_the_answer_ends_at_the_window(model: LoadedModel) -> None:
    with open_desk(model, cells=_WINDOW) as desk:
        asked = desk.ask(_prompt(model), most=100)
        desk.run()
    assert asked.usage.completion == _WINDOW - 40


@pytest.mark.parametrize("shares", [40, 20])
def test_a_sequence_that_shares_cells_is_not_touched(model: LoadedModel, shares: int) -> None:
    """One shares all of the prompt, so that cells that would move are its own too."""
    prompt = _prompt(model)
    other_prompt = prompt[:shares] + _prompt(model, "Where was the file saved? ")[: 50 - shares]
    with open_desk(model, cells=512) as desk:
        alone = desk.ask(other_prompt, most=60)
        desk.run()
        for slot in desk.scheduler.table.slots:
            desk.scheduler.table.clear(slot)
        assert desk.scheduler.table.used == 0
        shifting = desk.ask(prompt, most=100, window=_WINDOW)
        beside = desk.ask(other_prompt, most=60)
        desk.run(beside)
        again = desk.ask(other_prompt, most=60, session="later")
        desk.run()
        assert shifting.usage.completion == 100
        assert beside.usage.cached >= shares
        for other in (beside, again):
            assert other.tokens == alone.tokens
            for one, two in zip(other.logits, alone.logits, strict=True):
                np.testing.assert_allclose(one, two, atol=2e-2)
        _assert_counts(desk)


def _assert_counts(desk: Desk) -> None:
    table = desk.scheduler.table
    assert table.used == len({cell for slot in table.slots for cell in slot.cells})
    for slot in table.slots:
        assert len(slot.tokens) == len(slot.cells)
        assert len(slot.tokens) <= desk.context.cells
        table.clear(slot)
    assert table.used == 0


def test_cells_that_have_yet_to_move_are_not_kept(model: LoadedModel, tmp_path: Path) -> None:
    folder = SnapshotFolder(tmp_path / "kv", 1 << 30, "0" * 24)
    parking = SnapshotParking(folder)
    with open_desk(model, cells=256, parking=parking) as desk:
        desk.ask(_prompt(model), most=4, session="work")
        desk.run()
        slot = next(slot for slot in desk.scheduler.table.slots if slot.tokens)
        desk.scheduler.table.shift(slot, _KEPT, 20)
        parking.park(desk.scheduler.table, slot)
        assert folder.find("work") is None
        desk.ask([*slot.tokens, 5], most=1, session="work")
        desk.run()
        parking.park(desk.scheduler.table, slot)
        assert folder.find("work") is not None


async def test_an_endless_answer_goes_on_to_its_bound(scripted: Path, isolation: Isolation) -> None:
    host = EngineHost(
        EngineSettings(threads=1, context_size=128, context_shift=True, isolation=isolation)
    )
    system = (Message(Role.SYSTEM, "Be brief."),)
    try:
        bounded = Behaviour(max_tokens=300)
        answer = await read(
            host.infer(scripted, ask(ENDLESS.question, before=system, behaviour=bounded))
        )
        assert (answer.reason, answer.usage.completion) == ("length", 300)
        assert answer.text == ENDLESS.text * 150
        answer = await read(host.infer(scripted, ask(ENDLESS.question)))
        assert (answer.reason, answer.usage.completion) == ("length", 4 * 128)
    finally:
        await host.aclose()
