"""The engine protocol's JSON: the seeds' forms exactly, and every variant there and back."""

from __future__ import annotations

import json

import pytest

from ruster.core.errors import ProtocolError
from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    FinishReason,
    InferenceConfig,
    ProcessStart,
    Sampling,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import Image, Message, Role, ToolCall, ToolSpec
from ruster.core.orchestration import (
    AssetComplete,
    AssetFailed,
    AssetProgress,
    AssetStarted,
    Cancel,
    Embed,
    Embedding,
    EngineBody,
    EngineCommand,
    EngineFailure,
    EngineInput,
    EngineOutput,
    Infer,
    ListModels,
    LoadModel,
    ModelEntry,
    ModelList,
    ModelReady,
    Rerank,
    Reset,
    Score,
    Stop,
    Tokenize,
    Tokens,
)
from ruster.core.orchestration_json import dump_input, dump_output, parse_input, parse_output

_CALL = ToolCall("c1", "get_time", {"zone": "UTC"})

COMMANDS: list[EngineCommand] = [
    LoadModel("tiny"),
    Infer("hi"),
    Infer(
        model="/m.gguf",
        config=InferenceConfig(Behaviour(max_tokens=3, stop=("a", "b")), Sampling(seed=1)),
        messages=(
            Message(Role.USER, "odd \ud800 text"),
            Message(Role.USER, "look", images=(Image(b"\x89PNG", "image/png"),)),
            Message(Role.ASSISTANT, "", tool_calls=(_CALL,)),
            Message(Role.TOOL, "12:00", tool_call_id="c1", name="get_time"),
        ),
        tools=(ToolSpec("get_time", "tells the time", {"type": "object"}),),
        session="s",
    ),
    Embed(("a", "b"), "/m.gguf"),
    Rerank("q", ("a", "b"), "/m.gguf"),
    Tokenize("a text", "/m.gguf", special=True),
    Tokenize("a text"),
    ListModels(),
    Reset(),
    Stop(),
    Cancel("r1"),
]

BODIES: list[EngineBody] = [
    ProcessStart(),
    Content("Hi\n"),
    Score(-1.5),
    Tokens((1, 7, 7)),
    Tokens(()),
    Thought(ThoughtPhase.START),
    Thought(ThoughtPhase.DELTA, "hm"),
    Thought(ThoughtPhase.STOP),
    ToolCallRequest(_CALL),
    Usage(3, 2, 1),
    Complete(),
    Complete(FinishReason.LENGTH),
    Embedding((0.5, -0.5)),
    AssetStarted("m"),
    AssetProgress(1, 2),
    AssetComplete("/m"),
    AssetFailed("no"),
    ModelList((ModelEntry("m", "Embedding"),)),
    ModelReady("/m", 8192, 32768, 10, 0.5),
    ModelReady("/m", 8192, 32768, 10, 0.5, 2, 4, ((1, 0.02), (2, 0.01))),
    EngineFailure("broken"),
    EngineFailure("broken", "model_damaged", True),
]


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_each_command_survives_the_wire(command: EngineCommand) -> None:
    message = EngineInput(command, "r1")
    line = dump_input(message)
    assert line.count(b"\n") == 1
    assert parse_input(line) == message


@pytest.mark.parametrize("body", BODIES, ids=repr)
def test_each_body_survives_the_wire(body: EngineBody) -> None:
    assert parse_output(dump_output(EngineOutput(body))) == EngineOutput(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (Content("Hi"), {"Event": {"Content": "Hi"}}),
        (ProcessStart(), {"Event": "ProcessStart"}),
        (Thought(ThoughtPhase.START), {"Event": {"Thought": "Start"}}),
        (Thought(ThoughtPhase.DELTA, "x"), {"Event": {"Thought": {"Delta": "x"}}}),
        (Complete(), {"Event": "Complete"}),
        (AssetProgress(1, 2), {"Asset": {"Progress": [1, 2]}}),
        (ModelList((ModelEntry("m"),)), {"ModelList": [{"id": "m", "purpose": "Inference"}]}),
        (EngineFailure("no"), {"Error": "no"}),
    ],
)
def test_bodies_are_written_as_the_seeds_write_them(body: EngineBody, expected: object) -> None:
    assert json.loads(dump_output(EngineOutput(body, "r1"))) == {"id": "r1", "body": expected}


def test_the_seeds_plain_commands_are_understood() -> None:
    seed = '{"id":"r1","command":{"Infer":{"model":null,"prompt":"hi","config":{"temperature":0.1,'
    seed += '"max_tokens":null,"context_size":2048,"unheard_of":1}}}}'
    command = parse_input(seed).command
    assert isinstance(command, Infer)
    assert command.prompt == "hi"
    assert command.config.sampling.temperature == 0.1
    assert command.config.behaviour == Behaviour(context_size=2048)
    assert parse_input('{"command":{"Embed":{"input":"one"}}}').command == Embed(("one",))
    assert parse_input('{"command":"ListModels"}') == EngineInput(ListModels())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"id":7,"command":"Stop"}',
        b'{"command":"Nonsense"}',
        b'{"command":{"Infer":[]}}',
        b'{"command":{"Infer":{"prompt":1}}}',
        b'{"command":{"Infer":{"messages":[{"role":"nobody","content":""}]}}}',
        b'{"command":{"LoadModel":null}}',
        b'{"command":{"A":1,"B":2}}',
        b"[" * 100_000,
    ],
)
def test_a_bad_frame_is_one_typed_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_input(line)
    with pytest.raises(ProtocolError):
        parse_output(line)
