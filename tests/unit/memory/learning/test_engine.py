"""The learner with a real model under a grammar: answers have the form, nothing is made up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from ruster.core.answering import Asked
from ruster.core.memory import Record
from ruster.core.messages import Message, Role
from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings
from ruster.llm.llamacpp import LlamaCppProvider
from ruster.llm.router import Models
from ruster.memory.learning.asking import suggestions
from ruster.memory.learning.choice import learner_for
from ruster.memory.settings import MemorySettings
from tests.engine_support import NEEDS_ENGINE, local_files
from tests.models import MODELS_DIR, build
from tests.unit.memory.learning.test_rules import SCOPE

pytestmark = NEEDS_ENGINE
_MODEL = "llamacpp/trained"


@pytest.fixture
async def models() -> AsyncIterator[Models]:
    build("trained")
    made = Models(
        {
            "llamacpp": lambda: LlamaCppProvider(
                EngineHost(EngineSettings(threads=1)), local_files(MODELS_DIR)
            )
        }
    )
    yield made
    await made.aclose()


async def near(owner: int, text: str, limit: int) -> Sequence[Record]:
    return [Record("The user's dog is called Rex.", id="r-1")]


async def test_the_answer_has_the_form_that_was_asked_for(models: Models) -> None:
    asked = Asked(_MODEL, 60, 128, may_load=True)
    found = await suggestions(models, asked, "my cup is blue.", ["The user's dog is called Rex."])
    assert {it.kind for it in found} <= {"fact", "preference", "decision", "promise"}


async def test_only_what_was_said_is_kept(models: Models) -> None:
    own = MemorySettings(learn_model=_MODEL, learn_tokens=128, learn_timeout_s=60)
    learner = learner_for(own, models, near)
    assert learner is not None
    said = "My cat is called Milo. Nuts make me ill every time."
    learned = await learner.learn(SCOPE, "pinky/echo", [Message(Role.USER, said)])
    assert learned[0].record.text == "The user's cat is called Milo."
    for one in learned[1:]:
        assert "ill" in one.record.text
