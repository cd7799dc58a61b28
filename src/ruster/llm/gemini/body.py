"""The body of ``streamGenerateContent``. No I/O."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

from ruster.core.inference import InferenceConfig, InferenceRequest
from ruster.core.messages import Message, Role, ToolCall, ToolSpec
from ruster.llm.gemini.schema import to_gemini

__all__ = ["chat_body", "thinks"]

_WITHOUT_THOUGHTS = re.compile(r"gemini-(1|2\.0)|gemma|learnlm")
_ROLES = {Role.USER: "user", Role.ASSISTANT: "model", Role.TOOL: "function"}
_UNSIGNED = "skip_thought_signature_validator"


def thinks(model: str) -> bool:
    """Tell by its name whether a model may be asked for its thoughts."""
    return _WITHOUT_THOUGHTS.search(model) is None


def chat_body(request: InferenceRequest, *, thoughts: bool) -> dict[str, Any]:
    """Return the body; ``thoughts`` says whether the model may be asked for them."""
    system = [{"text": m.content} for m in request.messages if m.role is Role.SYSTEM and m.content]
    body: dict[str, Any] = {
        "contents": _contents(request),
        "generationConfig": _generation(request.config, thoughts=thoughts),
    }
    if system:
        body["systemInstruction"] = {"parts": system}
    if request.tools:
        body["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in request.tools]}]
    return body


def _generation(config: InferenceConfig, *, thoughts: bool) -> dict[str, Any]:
    sampling, behaviour = config.sampling, config.behaviour
    fields: dict[str, Any] = {
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
    }
    if sampling.seed is not None:
        fields["seed"] = sampling.seed
    if behaviour.max_tokens is not None:
        fields["maxOutputTokens"] = behaviour.max_tokens
    if behaviour.stop:
        fields["stopSequences"] = list(behaviour.stop)
    if behaviour.json_schema is not None:
        fields["responseMimeType"] = "application/json"
        fields["responseSchema"] = to_gemini(behaviour.json_schema)
    if thoughts and behaviour.show_thinking:
        fields["thinkingConfig"] = {"includeThoughts": True}
    return fields


def _contents(request: InferenceRequest) -> list[dict[str, Any]]:
    """Return the conversation; neighbours of one role become one message, as Gemini demands of
    the results of parallel calls."""
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    contents: list[dict[str, Any]] = []
    for message in request.messages:
        if message.role is Role.SYSTEM:
            continue
        role, parts = _ROLES[message.role], _parts(message, names, thinks(request.model))
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        elif parts:
            contents.append({"role": role, "parts": parts})
    return contents


def _parts(message: Message, names: dict[str, str], signed: bool) -> list[dict[str, Any]]:
    if message.role is Role.TOOL:
        name = message.name or names.get(message.tool_call_id or "", "tool")
        response = {"name": name, "response": {"result": message.content}}
        return [{"functionResponse": response}]
    parts: list[dict[str, Any]] = [{"text": message.content}] if message.content else []
    for image in message.images:
        data = b64encode(image.data).decode()
        parts.append({"inlineData": {"mimeType": image.media_type, "data": data}})
    for number, call in enumerate(message.tool_calls):
        parts.append(_call(call, needed=signed and number == 0))
    return parts


def _call(call: ToolCall, *, needed: bool) -> dict[str, Any]:
    """Give a call back with the signature it came with.

    The first call of a message must have one with models that think; for a call that another
    provider's model made, Google names a value that stands for none.
    """
    part: dict[str, Any] = {"functionCall": {"name": call.name, "args": call.arguments}}
    if call.signature or needed:
        part["thoughtSignature"] = call.signature or _UNSIGNED
    return part


def _declaration(tool: ToolSpec) -> dict[str, Any]:
    shape: dict[str, Any] = {"name": tool.name, "description": tool.description}
    if tool.parameters.get("properties"):
        shape["parameters"] = to_gemini(tool.parameters)
    return shape
