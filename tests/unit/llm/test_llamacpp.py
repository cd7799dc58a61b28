"""The llamacpp provider: finding files, splitting raw text, and the real engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from ruster.core.errors import ModelError, ProviderUnreachable
from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    InferenceConfig,
    InferenceEvent,
    InferenceRequest,
    ProcessStart,
    Progress,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import Message, Role, ToolCall, ToolSpec
from ruster.core.ports import Embedder, ModelInfo, Provider, Reranker, Tokenizer
from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings
from ruster.llm.llamacpp import LlamaCppProvider
from tests.engine_support import NEEDS_ENGINE, Answer, ask, local_files, read
from tests.models import MODELS_DIR, build
from tests.models.scripts import DEFAULT, SCRIPTS, TOOL_RESULT, script


class _SaidEngine:
    """An engine that says what it was given, and notes what happens to it."""

    missing: str | None = None

    def __init__(self, *events: InferenceEvent, error: ModelError | None = None) -> None:
        self._events = events
        self._error = error
        self.asked: list[Path] = []
        self.released = False
        self.closed = False

    async def infer(self, model: Path, _request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        self.asked.append(model)
        try:
            for event in self._events:
                yield event
            if self._error is not None:
                raise self._error
        finally:
            self.released = True

    async def embed(self, model: Path, texts: Sequence[str]) -> list[list[float]]:
        self.asked.append(model)
        return [[1.0] for _ in texts]

    async def rerank(self, model: Path, query: str, documents: Sequence[str]) -> list[float]:
        self.asked.append(model)
        return [float(query in document) for document in documents]

    async def tokenize(self, model: Path, text: str, *, special: bool = False) -> list[int]:
        self.asked.append(model)
        return [int(special), *map(ord, text)]

    async def forget(self, session: str) -> None:
        raise AssertionError(session)

    async def context_size(self, _model: Path) -> int | None:
        return 64

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    (folder / "org").mkdir(parents=True)
    for name in ("a.gguf", "org/b.gguf", "c-00001-of-00002.gguf", "c-00002-of-00002.gguf"):
        (folder / name).write_bytes(b"GGUF")
    (folder / "mmproj-a.gguf").write_bytes(b"GGUF")
    (tmp_path / "outside.gguf").write_bytes(b"GGUF")
    return folder


async def test_vectors_and_scores_come_from_the_models_file(models_dir: Path) -> None:
    engine = _SaidEngine()
    provider = LlamaCppProvider(engine, local_files(models_dir))
    assert isinstance(provider, Embedder)
    assert isinstance(provider, Reranker)
    assert isinstance(provider, Tokenizer)
    assert await provider.embed("a", ["x", "y"]) == [[1.0], [1.0]]
    assert await provider.rerank("org/b", "x", ["box", "y"]) == [1.0, 0.0]
    assert await provider.tokenize("a", "b", special=True) == [1, ord("b")]
    here = models_dir / "a.gguf"
    assert engine.asked == [here, models_dir / "org/b.gguf", here]
    with pytest.raises(ProviderUnreachable):
        await provider.rerank("none/at-all", "x", ["y"])


async def test_a_model_is_found_by_name_file_and_path(models_dir: Path) -> None:
    engine = _SaidEngine(Complete())
    provider: Provider = LlamaCppProvider(engine, local_files(models_dir))
    names = ["a", "a.gguf", "org/b", str(models_dir / "a.gguf")]
    for name in names:
        await read(provider.stream(ask("Hi", model=name)))
    assert [path.name for path in engine.asked] == ["a.gguf", "a.gguf", "b.gguf", "a.gguf"]


@pytest.mark.parametrize(
    "name",
    ["none", "", "/nowhere/x.gguf", "../outside", "../models/../outside.gguf", "a\0b", "~?/x"],
)
async def test_a_missing_model_is_not_there(models_dir: Path, name: str) -> None:
    provider = LlamaCppProvider(_SaidEngine(), local_files(models_dir))
    with pytest.raises(ProviderUnreachable, match=r"no model file|not found") as caught:
        await read(provider.stream(ask("Hi", model=name)))
    assert caught.value.code == "model_not_found"
    assert await provider.context_size(name) is None


async def test_the_default_is_what_came_last_and_makes_no_vectors(models_dir: Path) -> None:
    engine = _SaidEngine(Complete())
    provider = LlamaCppProvider(engine, local_files(models_dir))
    os.utime(models_dir / "org" / "b.gguf", (2e9, 2e9))
    (models_dir / "nomic-embed.gguf").write_bytes(b"GGUF")
    os.utime(models_dir / "nomic-embed.gguf", (3e9, 3e9))

    await read(provider.stream(ask("Hi", model="default")))

    assert [path.name for path in engine.asked] == ["b.gguf"]


async def test_a_hub_out_of_reach_leads_to_the_next_model(tmp_path: Path) -> None:
    provider = LlamaCppProvider(_SaidEngine(), local_files(tmp_path / "models"))
    with pytest.raises(ProviderUnreachable) as caught:
        await read(provider.stream(ask("Hi", model="default")))
    assert caught.value.code in ("hub_unreachable", "hub_missing")
    assert await provider.context_size("default") is None


async def test_nothing_is_downloaded_for_an_engine_that_is_not_installed(tmp_path: Path) -> None:
    engine = _SaidEngine()
    engine.missing = "the engine is not installed: install it"
    provider = LlamaCppProvider(engine, local_files(tmp_path / "models"))
    with pytest.raises(ProviderUnreachable, match="install it") as caught:
        await read(provider.stream(ask("Hi", model="default")))
    assert caught.value.code == "engine_missing"


async def test_the_models_of_the_folder(models_dir: Path, tmp_path: Path) -> None:
    provider = LlamaCppProvider(_SaidEngine(), local_files(models_dir))
    assert await provider.models() == [
        ModelInfo("llamacpp/a", 64, 4),
        ModelInfo("llamacpp/c-00001-of-00002", 64, 8),
        ModelInfo("llamacpp/org/b", 64, 4),
    ]
    assert (
        await LlamaCppProvider(_SaidEngine(), local_files(tmp_path / "none" / "models")).models()
        == []
    )
    assert await provider.context_size("a") == 64


async def _say(
    models_dir: Path, *events: InferenceEvent, show: bool = True
) -> list[InferenceEvent]:
    provider = LlamaCppProvider(_SaidEngine(*events), local_files(models_dir))
    request = ask("Hi", model="a", behaviour=Behaviour(show_thinking=show))
    return (await read(provider.stream(request))).events


async def test_raw_text_becomes_thoughts_answer_and_calls(models_dir: Path) -> None:
    text = '<think>hm</think>\nSo.\n<tool_call>{"name":"t","arguments":{"a":1}}</tool_call>'
    said = [Content(text[start : start + 3]) for start in range(0, len(text), 3)]
    raw: list[InferenceEvent] = [ProcessStart(), *said, Usage(3, 2, 1), Complete()]
    answer = Answer(await _say(models_dir, *raw))
    assert answer.events[0] == ProcessStart()
    assert answer.thought == "hm"
    assert answer.text == "So."
    assert [(call.name, call.arguments) for call in answer.calls] == [("t", {"a": 1})]
    assert answer.usage == Usage(3, 2, 1)
    assert answer.reason == "tool_calls"
    hidden = Answer(await _say(models_dir, *raw, show=False))
    assert (hidden.thought, hidden.text) == ("", "So.")
    assert not any(isinstance(event, Thought) for event in hidden.events)


async def test_a_thought_opened_by_the_prompt(models_dir: Path) -> None:
    opened = Thought(ThoughtPhase.START)
    events = await _say(models_dir, opened, Content("hm</think>So."), Complete())
    assert events == [
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "hm"),
        Thought(ThoughtPhase.STOP),
        Content("So."),
        Complete(),
    ]


async def test_closing_the_stream_closes_the_engines(models_dir: Path) -> None:
    engine = _SaidEngine(ProcessStart(), Content("a"), Content("b"), Complete())
    provider = LlamaCppProvider(engine, local_files(models_dir))
    stream = provider.stream(ask("Hi", model="a"))
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert engine.released
    await provider.aclose()
    assert engine.closed


async def test_errors_of_the_engine(models_dir: Path) -> None:
    missing = ModelError("install it", code="engine_missing")
    with pytest.raises(ProviderUnreachable, match="install it") as caught:
        await read(
            LlamaCppProvider(_SaidEngine(error=missing), local_files(models_dir)).stream(
                ask("Hi", model="a")
            )
        )
    assert caught.value.code == "engine_missing"
    damaged = ModelError("damaged", code="model_damaged")
    with pytest.raises(ModelError, match="damaged"):
        await read(
            LlamaCppProvider(_SaidEngine(error=damaged), local_files(models_dir)).stream(
                ask("Hi", model="a")
            )
        )
    late = _SaidEngine(Content("x"), error=missing)
    with pytest.raises(ModelError):
        await read(LlamaCppProvider(late, local_files(models_dir)).stream(ask("Hi", model="a")))


class TestRealEngine:
    """The scripted model through the provider, as the daemon uses it."""

    pytestmark = NEEDS_ENGINE

    @pytest.fixture
    async def provider(self) -> AsyncIterator[LlamaCppProvider]:
        build("scripted")
        build("tiny-bert")
        provider = LlamaCppProvider(EngineHost(EngineSettings(threads=1)), local_files(MODELS_DIR))
        yield provider
        await provider.aclose()

    async def test_each_script_is_understood(self, provider: LlamaCppProvider) -> None:
        for entry in (*SCRIPTS, DEFAULT):
            if entry.endless:
                continue
            answer = await read(provider.stream(ask(entry.question, model="scripted")))
            assert answer.text == entry.answer, entry.name
            assert answer.thought == (entry.thought or ""), entry.name
            assert answer.reason == ("tool_calls" if entry.tool else "stop")
            if entry.tool is not None:
                assert (answer.calls[0].name, answer.calls[0].arguments) == entry.tool
            phases = [event.phase for event in answer.events if isinstance(event, Thought)]
            if entry.thought is not None:
                assert (phases[0], phases[-1]) == (ThoughtPhase.START, ThoughtPhase.STOP)

    async def test_a_tool_turn(self, provider: LlamaCppProvider) -> None:
        tools = (ToolSpec("get_time", "tells the time", {"type": "object"}),)
        question = Message(Role.USER, script("tool").question)
        config = InferenceConfig()
        first = await read(
            provider.stream(InferenceRequest("scripted", (question,), config, tools))
        )
        (call,) = first.calls
        talk = (
            question,
            Message(Role.ASSISTANT, first.text, tool_calls=(call,)),
            Message(Role.TOOL, "12:00", tool_call_id=call.id, name=call.name),
        )
        second = await read(provider.stream(InferenceRequest("scripted", talk, config, tools)))
        assert second.text == TOOL_RESULT.text
        assert second.usage.cached > 0
        answer = [event for event in first.events if not isinstance(event, Progress)]
        assert isinstance(answer[1], ToolCallRequest)
        assert isinstance(call, ToolCall)

    async def test_a_cancelled_task_leaves_the_engine_usable(
        self, provider: LlamaCppProvider
    ) -> None:
        request = ask(script("endless").question, model="scripted")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await read(provider.stream(request))
        answer = await read(provider.stream(ask("Hello!", model="scripted")))
        assert answer.text == DEFAULT.text

    async def test_embeddings(self, provider: LlamaCppProvider) -> None:
        one, two = await provider.embed("tiny-bert", ["tea and bread", "tea and bread"])
        assert one == pytest.approx(two, abs=1e-5)
        assert await provider.context_size("tiny-bert") == 512
