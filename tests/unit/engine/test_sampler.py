"""Drawing tokens: the short ways give what the long way gives."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine_support import NEEDS_ENGINE

pytest.importorskip("llama_cpp")

from ruster.core.inference import Sampling
from ruster.engine.model import LoadedModel
from ruster.engine.sampler import Sampler
from tests.unit.engine.desk import Asked, open_desk

pytestmark = NEEDS_ENGINE


def _drawn(model: LoadedModel, sampling: Sampling) -> Asked:
    with open_desk(model) as desk:
        asked = desk.ask(model.tokenize("Where was it?", special=True), most=80, sampling=sampling)
        desk.run()
    return asked


def test_greedy_takes_the_likeliest(model: LoadedModel) -> None:
    asked = _drawn(model, Sampling(temperature=0, repetition_penalty=1.0))
    assert len(asked.tokens) > 8
    assert asked.tokens == [int(np.argmax(logits)) for logits in asked.logits]


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(seed=7, temperature=1.5, repetition_penalty=1.3),
        Sampling(seed=7, temperature=1.5, repetition_penalty=3.0, top_k=5, top_p=1.0),
        Sampling(temperature=0, repetition_penalty=1.5),
        Sampling(seed=7, temperature=1.5, repetition_penalty=0.7),
        Sampling(seed=7, temperature=1.5, top_k=0),
    ],
)
def test_what_a_penalty_cannot_raise_may_be_dropped_before_it(
    model: LoadedModel, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = _drawn(model, sampling)
    monkeypatch.setattr(Sampler, "_narrow", lambda *_: None)
    wide = _drawn(model, sampling)
    assert narrow.tokens == wide.tokens
    assert len(narrow.tokens) > 8


def test_a_penalty_changes_what_is_drawn(model: LoadedModel) -> None:
    """The control of the test above: its penalties matter."""
    free = _drawn(model, Sampling(temperature=0, repetition_penalty=1.0))
    assert free.tokens != _drawn(model, Sampling(temperature=0, repetition_penalty=1.5)).tokens
