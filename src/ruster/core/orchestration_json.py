"""The JSON of ``core.orchestration``: externally tagged, as the seeds' wire form has it.

A variant with one value is ``{"Variant": value}``, with several ``{"Variant": {…}}``, with none the
bare string ``"Variant"``. Readers take every form that the writers here or the seeds produce and
raise ``ProtocolError`` for anything else.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from ruster.core.errors import ProtocolError
from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    FinishReason,
    InferenceConfig,
    Logprobs,
    Notice,
    ProcessStart,
    Progress,
    Sampling,
    Thought,
    ThoughtPhase,
    TokenLogprob,
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
    Forget,
    Heartbeat,
    Infer,
    ListModels,
    LoadModel,
    ModelEntry,
    ModelList,
    ModelReady,
    ModelState,
    ModelUnloaded,
    Rerank,
    Reset,
    Score,
    Stop,
    Tokenize,
    Tokens,
)

__all__ = ["dump_input", "dump_output", "parse_input", "parse_output"]

_T = TypeVar("_T")
_SAMPLING = frozenset(Sampling.__dataclass_fields__)
_BEHAVIOUR = frozenset(Behaviour.__dataclass_fields__)


def dump_input(message: EngineInput) -> bytes:
    """Write a command as one line, newline included."""
    return _line(message.id, "command", _command_to_json(message.command))


def dump_output(message: EngineOutput) -> bytes:
    """Write an output as one line, newline included."""
    return _line(message.id, "body", _body_to_json(message.body))


def parse_input(line: bytes | str) -> EngineInput:
    """Read one line; raises ProtocolError with a sentence that names what is wrong."""
    data, identifier = _frame(line)
    return EngineInput(_guard(_command_from_json, data.get("command"), "command"), identifier)


def parse_output(line: bytes | str) -> EngineOutput:
    """Read one line; raises ProtocolError with a sentence that names what is wrong."""
    data, identifier = _frame(line)
    return EngineOutput(_guard(_body_from_json, data.get("body"), "body"), identifier)


def _line(identifier: str | None, key: str, value: Any) -> bytes:
    frame = {key: value} if identifier is None else {"id": identifier, key: value}
    return json.dumps(frame, separators=(",", ":")).encode() + b"\n"


def _frame(line: bytes | str) -> tuple[dict[str, Any], str | None]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"an engine frame is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ProtocolError("an engine frame must be a JSON object")
    identifier = data.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise ProtocolError("the id of an engine frame must be a string")
    return data, identifier


def _guard(reader: Callable[[Any], _T], value: Any, what: str) -> _T:
    try:
        return reader(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"an engine frame's {what} cannot be read: {error!r}") from error


def _variant(value: Any) -> tuple[str, Any]:
    if isinstance(value, str):
        return value, None
    ((tag, content),) = value.items()
    return tag, content


def _command_to_json(command: EngineCommand) -> Any:
    match command:
        case LoadModel(model):
            return {"LoadModel": model}
        case Cancel(target):
            return {"Cancel": target}
        case Forget(session):
            return {"Forget": session}
        case Infer():
            return {"Infer": _infer_to_json(command)}
        case Embed():
            content = {"model": command.model, "input": list(command.input)}
            return {"Embed": {**content, "config": _config_to_json(command.config)}}
        case Rerank() | Tokenize():
            return {type(command).__name__: asdict(command)}
        case ListModels() | Reset() | Stop():
            return type(command).__name__


def _infer_to_json(command: Infer) -> dict[str, Any]:
    return {
        "model": command.model,
        "prompt": command.prompt,
        "config": _config_to_json(command.config),
        "messages": [_message_to_json(message) for message in command.messages],
        "tools": [asdict(tool) for tool in command.tools],
        "session": command.session,
    }


def _message_to_json(message: Message) -> dict[str, Any]:
    """Write a message; images, which few have, are left out or in base64."""
    fields = asdict(message)
    fields.pop("images")
    if message.images:
        fields["images"] = [
            {"data": b64encode(image.data).decode(), "media_type": image.media_type}
            for image in message.images
        ]
    return fields


def _config_to_json(config: InferenceConfig) -> dict[str, Any]:
    return {**asdict(config.behaviour), **asdict(config.sampling)}


def _command_from_json(value: Any) -> EngineCommand:
    tag, content = _variant(value)
    match tag:
        case "LoadModel":
            return LoadModel(_text(content))
        case "Cancel":
            return Cancel(_text(content))
        case "Forget":
            return Forget(_text(content))
        case "Infer":
            return _infer_from_json(content)
        case "Embed":
            texts = content["input"]
            texts = [texts] if isinstance(texts, str) else texts
            config = _config_from_json(content.get("config"))
            return Embed(tuple(_text(text) for text in texts), content.get("model"), config)
        case "Rerank":
            documents = tuple(_text(text) for text in content["documents"])
            return Rerank(_text(content["query"]), documents, content.get("model"))
        case "Tokenize":
            special = bool(content.get("special", False))
            return Tokenize(_text(content["text"]), content.get("model"), special)
    plain: dict[str, EngineCommand] = {
        "ListModels": ListModels(),
        "Reset": Reset(),
        "Stop": Stop(),
    }
    return plain[tag]


def _infer_from_json(content: dict[str, Any]) -> Infer:
    return Infer(
        prompt=_text(content.get("prompt", "")),
        model=content.get("model"),
        config=_config_from_json(content.get("config")),
        messages=tuple(_message_from_json(entry) for entry in content.get("messages", ())),
        tools=tuple(ToolSpec(**entry) for entry in content.get("tools", ())),
        session=content.get("session"),
    )


def _message_from_json(entry: dict[str, Any]) -> Message:
    calls = tuple(ToolCall(**call) for call in entry.get("tool_calls", ()))
    images = tuple(
        Image(b64decode(image["data"], validate=True), image["media_type"])
        for image in entry.get("images", ())
    )
    own = {"role": Role(entry["role"]), "origins": tuple(entry.get("origins", ()))}
    return Message(**{**entry, **own, "tool_calls": calls, "images": images})


def _config_from_json(content: dict[str, Any] | None) -> InferenceConfig:
    """Read the flat config of the seeds; null is the default, unknown keys are passed over."""
    given = {key: value for key, value in (content or {}).items() if value is not None}
    if "stop" in given:
        given["stop"] = tuple(_text(text) for text in given["stop"])
    return InferenceConfig(
        Behaviour(**{key: value for key, value in given.items() if key in _BEHAVIOUR}),
        Sampling(**{key: value for key, value in given.items() if key in _SAMPLING}),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def _body_to_json(body: EngineBody) -> Any:
    match body:
        case AssetStarted(name):
            return {"Asset": {"Started": name}}
        case AssetProgress(current, total):
            return {"Asset": {"Progress": [current, total]}}
        case AssetComplete(path):
            return {"Asset": {"Complete": path}}
        case AssetFailed(message):
            return {"Asset": {"Error": message}}
        case ModelList(models):
            return {"ModelList": [_entry_to_json(model) for model in models]}
        case ModelReady():
            return {"ModelReady": asdict(body)}
        case ModelUnloaded(path):
            return {"ModelUnloaded": path}
        case Heartbeat():
            return "Heartbeat"
        case EngineFailure():
            return {"Error": body.message if body.code is None else asdict(body)}
        case _:
            return {"Event": _event_to_json(body)}


def _entry_to_json(entry: ModelEntry) -> dict[str, Any]:
    """Write what the seeds know, and of our additions what says something."""
    plain = asdict(ModelEntry(entry.id, entry.purpose))
    own = {key: value for key, value in asdict(entry).items() if value != plain[key]}
    return {"id": entry.id, "purpose": entry.purpose, **own}


def _event_to_json(event: Any) -> Any:
    match event:
        case Content(text):
            return {"Content": text}
        case ProcessStart():
            return "ProcessStart"
        case Thought(ThoughtPhase.DELTA, text):
            return {"Thought": {"Delta": text}}
        case Thought(phase):
            return {"Thought": "Start" if phase is ThoughtPhase.START else "Stop"}
        case Complete(reason):
            return "Complete" if reason is FinishReason.STOP else {"Complete": reason.value}
        case Logprobs():
            return {"Logprobs": asdict(event)["tokens"]}
        case Embedding(numbers) | Tokens(numbers):
            return {type(event).__name__: list(numbers)}
        case Score(value):
            return {"Score": value}
        case ToolCallRequest(call):
            return {"ToolCall": asdict(call)}
        case _:  # Usage, Progress, Notice
            return {type(event).__name__: asdict(event)}


def _body_from_json(value: Any) -> EngineBody:
    tag, content = _variant(value)
    match tag:
        case "Event":
            return _event_from_json(content)
        case "Asset":
            return _asset_from_json(content)
        case "ModelList":
            return ModelList(tuple(_entry_from_json(entry) for entry in content))
        case "ModelReady":
            times = tuple((int(count), float(s)) for count, s in content.get("step_times", ()))
            return ModelReady(**{**content, "step_times": times})
        case "ModelUnloaded":
            return ModelUnloaded(_text(content))
        case "Heartbeat":
            return Heartbeat()
        case "Error":
            failure = {"message": content} if isinstance(content, str) else content
            return EngineFailure(**failure)
    raise ValueError(f"unknown body {tag!r}")


def _entry_from_json(entry: dict[str, Any]) -> ModelEntry:
    return ModelEntry(**{**entry, "state": ModelState(entry.get("state", "loaded"))})


def _asset_from_json(value: Any) -> EngineBody:
    tag, content = _variant(value)
    if tag == "Progress":
        current, total = content
        return AssetProgress(int(current), int(total))
    kinds: dict[str, Callable[[str], EngineBody]] = {
        "Started": AssetStarted,
        "Complete": AssetComplete,
        "Error": AssetFailed,
    }
    return kinds[tag](_text(content))


def _event_from_json(value: Any) -> EngineBody:
    tag, content = _variant(value)
    match tag:
        case "Content":
            return Content(_text(content))
        case "ProcessStart":
            return ProcessStart()
        case "Thought":
            phase, text = _variant(content)
            return Thought(ThoughtPhase(phase.lower()), text or "")
        case "Complete":
            return Complete(FinishReason(content or "stop"))
        case "Embedding":
            return Embedding(tuple(float(number) for number in content))
        case "Score":
            return Score(float(content))
        case "Tokens":
            return Tokens(tuple(int(token) for token in content))
        case "Logprobs":
            return Logprobs(tuple(_logprob_from_json(entry) for entry in content))
        case "ToolCall":
            return ToolCallRequest(ToolCall(**content))
    plain: dict[str, type[Usage | Progress | Notice]] = {
        "Usage": Usage,
        "Progress": Progress,
        "Notice": Notice,
    }
    return plain[tag](**content)


def _logprob_from_json(entry: dict[str, Any]) -> TokenLogprob:
    top = tuple((_text(token), float(logprob)) for token, logprob in entry.get("top", ()))
    return TokenLogprob(_text(entry["token"]), float(entry["logprob"]), top)
