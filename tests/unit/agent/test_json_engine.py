"""Tool calls in JSON from real models in llama.cpp, which know nothing of tools or of JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from ruster.agent.asking import Asking
from ruster.agent.call_schema import call_schema
from ruster.agent.json_calls import with_json_calls
from ruster.agent.ways import Way, Ways
from ruster.core.errors import ProviderError
from ruster.core.inference import (
    Behaviour,
    Content,
    InferenceConfig,
    InferenceEvent,
    InferenceRequest,
    Sampling,
    ToolCallRequest,
)
from ruster.core.messages import Message, Role, ToolCall, ToolSpec
from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings
from ruster.llm.llamacpp import LlamaCppProvider
from ruster.llm.router import Models
from tests.engine_support import NEEDS_ENGINE, Answer, local_files, read
from tests.models import MODELS_DIR, build
from tests.unit.agent.conversations import CLOCK

pytestmark = NEEDS_ENGINE
LAMP = ToolSpec(
    "lamp",
    "Switch a lamp.",
    {
        "type": "object",
        "properties": {"room": {"enum": ["hall", "attic"]}, "on": {"type": "boolean"}},
        "required": ["room", "on"],
    },
)


@pytest.fixture
async def models() -> AsyncIterator[Models]:
    """The models of the embedded engine."""
    for name in ("tiny-f32", "scripted"):
        build(name)
    provider = LlamaCppProvider(EngineHost(EngineSettings(threads=1)), local_files(MODELS_DIR))
    models = Models({"llamacpp": lambda: provider})
    yield models
    await models.aclose()


def request_of(model: str, seed: int) -> InferenceRequest:
    sampling = Sampling(temperature=1.5, seed=seed, top_k=0, top_p=1.0, repetition_penalty=1.0)
    return InferenceRequest(
        f"llamacpp/{model}",
        (Message(Role.USER, "Switch the lamp on."),),
        InferenceConfig(Behaviour(max_tokens=100), sampling),
        (CLOCK, LAMP),
    )


REQUESTS = [request_of(model, seed) for model in ("tiny-f32", "scripted") for seed in range(16)]


def is_of_the_form(text: str) -> bool:
    value: dict[str, Any] = json.loads(text)
    if list(value) == ["answer"]:
        return isinstance(value["answer"], str)
    if list(value) != ["tool", "arguments"]:
        return False
    if value["tool"] == "clock":
        return bool(value["arguments"] == {})
    arguments = value["arguments"]
    return (
        value["tool"] == "lamp"
        and list(arguments) == ["room", "on"]
        and arguments["room"] in ("hall", "attic")
        and isinstance(arguments["on"], bool)
    )


async def asked(models: Models, request: InferenceRequest) -> Answer:
    ways = Ways()
    ways.found(request.model, Way.JSON)
    return await read(Asking(models, lambda: pytest.fail("without tools"), ways).stream(request))


async def test_the_grammar_holds(models: Models) -> None:
    whole, cut = list[str](), list[str]()
    for request in REQUESTS:
        raw = await _raw(models, request)
        (whole if raw.reason == "stop" else cut).append(raw.text)

    assert any('"tool"' in text for text in whole)
    assert all(map(is_of_the_form, whole))
    assert all(text.startswith("{") for text in cut)


async def test_what_is_read_is_what_was_said(models: Models) -> None:
    kinds: set[str] = set()
    for request in REQUESTS:
        raw = await _raw(models, request)
        answer = await asked(models, request)
        if answer.calls:
            (call,) = answer.calls
            assert json.loads(raw.text) == {"tool": call.name, "arguments": call.arguments}
            assert (answer.text, answer.reason) == ("", "tool_calls")
            kinds.add("call")
        else:
            assert answer.reason == raw.reason
            if raw.reason == "stop":
                assert json.loads(raw.text) == {"answer": answer.text}
            kinds.add("answer")
    assert kinds == {"call", "answer"}


async def test_tools_with_definitions_of_their_own(models: Models) -> None:
    node = {
        "type": "object",
        "properties": {"on": {"type": "boolean"}, "next": {"$ref": "#/$defs/Node"}},
        "required": ["on"],
    }
    parameters = {"$defs": {"Node": node}, "$ref": "#/$defs/Node"}
    tools = tuple(ToolSpec(name, "Walk.", parameters) for name in ("up", "down"))
    calls: list[ToolCall] = []
    for request in REQUESTS:
        with suppress(ProviderError):  # a walk without an end
            calls += (await asked(models, replace(request, tools=tools))).calls
    assert calls
    for call in calls:
        assert call.name in ("up", "down")
        walked = call.arguments
        while "next" in walked:
            assert isinstance(walked["on"], bool)
            walked = walked["next"]
        assert list(walked) == ["on"]


async def test_a_call_cut_off_is_one_error(models: Models) -> None:
    codes: set[str] = set()
    for request in REQUESTS:
        config = replace(request.config, behaviour=Behaviour(max_tokens=14))
        try:
            await asked(models, replace(request, config=config))
        except ProviderError as error:
            codes.add(error.code)
    assert codes == {"answer_too_large"}


async def test_a_schema_without_a_grammar_leaves_tools_out(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's refusal of a schema leads on, as those of other providers do."""
    monkeypatch.setattr("ruster.agent.json_calls.call_schema", lambda _: {"type": "nonsense"})
    ways, told = Ways(), list[bool]()
    request = request_of("scripted", 1)
    ways.found(request.model, Way.JSON)
    answer = await read(Asking(models, lambda: told.append(True), ways).stream(request))

    assert answer.text
    assert (told, ways.of(request.model)) == ([True], Way.NONE)


async def _raw(models: Models, request: InferenceRequest) -> Answer:
    held = with_json_calls(request)
    assert held.config.behaviour.json_schema == call_schema(request.tools)
    events: list[InferenceEvent] = [it async for it in models.stream(held.model, held)]
    assert not any(isinstance(it, ToolCallRequest) for it in events)
    assert any(isinstance(it, Content) for it in events)
    return Answer(events)
