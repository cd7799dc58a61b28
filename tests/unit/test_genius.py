"""The library facade: names, messages, models, vectors; with the stub and with the real engine."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import ruster
from ruster.core.errors import ModelError, ProviderError
from ruster.core.inference import (
    Complete,
    Content,
    InferenceConfig,
    InferenceEvent,
    ProcessStart,
    Progress,
    Sampling,
    Thought,
    Usage,
)
from ruster.core.messages import Message, Role
from ruster.genius import Genius, Lifecycle
from ruster.testing import ScriptedProvider
from ruster.testing.daemon import environment_for
from tests.engine_support import NEEDS_ENGINE, Isolation
from tests.models import MODELS_DIR, build
from tests.models.scripts import DEFAULT, script

COLD = InferenceConfig(sampling=Sampling(temperature=0.0))


def _environment(folder: Path) -> dict[str, str]:
    return environment_for(folder)


async def _events(genius: Genius, *said: str, model: str | None = None) -> list[InferenceEvent]:
    return [event async for event in genius.chat(said, model=model)]


async def test_the_stub_says_and_thinks_what_it_always_does(tmp_path: Path) -> None:
    async with Genius("pinky/tiny-model", environment=_environment(tmp_path)) as genius:
        events = await _events(genius, "Hello")
        assert events[0] == ProcessStart("pinky/tiny-model")
        assert "".join(e.text for e in events if isinstance(e, Thought)) == "Narf!"
        assert "".join(e.text for e in events if isinstance(e, Content)) == "Pinky says: Hello"
        assert isinstance(events[-1], Complete)
        (vector,) = await genius.embed(["x"], model="pinky/tiny-model")
    assert len(vector) == 384
    assert math.isclose(sum(value**2 for value in vector), 1.0)
    assert math.isclose(vector[2] / vector[1], math.sin(0.02) / math.sin(0.01))


async def test_messages_in_every_form(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    said = Message(Role.ASSISTANT, "b")
    async with Genius(
        "mine/x", environment=_environment(tmp_path), providers={"mine": scripted}
    ) as genius:
        assert await genius.answer([{"role": "system", "content": "s"}, "a", said, "c"]) == "ok"
    (request,) = scripted.requests
    assert [(m.role, m.content) for m in request.messages] == [
        ("system", "s"),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
    ]
    assert request.model == "x"


async def test_a_name_without_a_providers_prefix_is_a_local_model(tmp_path: Path) -> None:
    async with Genius("org/none", environment=_environment(tmp_path)) as genius:
        with pytest.raises(ProviderError, match="llamacpp/org/none"):
            await genius.answer(["Hi"])
        with pytest.raises(ModelError):
            await genius.ensure_model("nonsense")
        with pytest.raises(ProviderError) as caught:
            await genius.embed(["x"], model="gemini/gemini-2.5-pro")
        assert caught.value.code == "not_an_embedder"
        with pytest.raises(ProviderError) as caught:
            await genius.rerank("x", ["y"], model="openai/gpt-4o")
        assert caught.value.code == "not_a_reranker"
        with pytest.raises(ProviderError, match="llamacpp") as caught:
            await genius.tokenize("x", model="openai/gpt-4o")
        assert caught.value.code == "not_supported"


def test_naming_ruster_imports_nothing_heavy() -> None:
    code = "import ruster, sys; print('ruster.genius' in sys.modules, ruster.__version__)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split()[0] == "False"
    assert ruster.Genius is Genius
    with pytest.raises(AttributeError):
        _ = ruster.nonsense


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize(
    "lifecycle", [Lifecycle.immediate(), Lifecycle.hibernate(), Lifecycle.keep_alive()]
)
class TestRealEngine:
    pytestmark = NEEDS_ENGINE

    async def test_several_answers_at_once(
        self, tmp_path: Path, lifecycle: Lifecycle, isolation: Isolation
    ) -> None:
        model = str(build("scripted", MODELS_DIR))
        entry = script("capital")
        async with Genius(
            model, environment=_environment(tmp_path), lifecycle=lifecycle, isolation=isolation
        ) as genius:
            answers = await asyncio.gather(
                *(genius.answer([text], config=COLD) for text in ("Hello!", entry.question))
            )
            assert answers == [DEFAULT.answer, entry.answer]
            assert await genius.ensure_model() == Path(model)
            events = await _events(genius, "Hello!")
            assert any(isinstance(event, Usage) for event in events)
            assert all(event.total for event in events if isinstance(event, Progress))
            (vector,) = await genius.embed(["x"], model=str(build("tiny-bert", MODELS_DIR)))
            assert math.isclose(sum(value**2 for value in vector), 1.0, rel_tol=1e-5)
            rated = str(build("tiny-rerank", MODELS_DIR))
            scores = await genius.rerank("a cat", ["a cat", "shares", "rain"], model=rated)
            assert len(set(scores)) == 3
            assert len(await genius.tokenize("a cat, a cat")) > len(await genius.tokenize("a cat"))
            threads = sum(thread.name == "engine" for thread in threading.enumerate())
            assert threads == (isolation == "thread")
            await genius.unload()
            assert await genius.answer(["Hello!"], config=COLD) == DEFAULT.answer
