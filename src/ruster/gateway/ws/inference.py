"""The simple form: ``{"prompt", "model"}`` in, the events of one plain inference out. No agent, no
session, no memory.

The events are those of the original's ``BrainstemOutput``: ``{"id", "body": {"Event": …}}``, names
without a value as bare strings.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from ruster.core.errors import ProtocolError, RusterError, SessionError
from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    InferenceConfig,
    InferenceEvent,
    InferenceRequest,
    Notice,
    ProcessStart,
    Progress,
    Thought,
    ThoughtPhase,
)
from ruster.core.messages import Message, Role
from ruster.core.ports import ChatModels
from ruster.core.strict_json import read_json
from ruster.gateway.identity import Identity

__all__ = ["InferenceParts", "Prompt", "answer", "line_of", "output_of", "read_prompt"]

_MAX_ID_CHARS = 128
_MAX_HISTORY = 1000


@dataclass(frozen=True, slots=True)
class InferenceParts:
    """What an inference needs; ``is_here`` says whether a model can answer without a download."""

    models: ChatModels
    default_model: Callable[[], str]
    is_here: Callable[[str], Awaitable[bool]]


class Said(BaseModel):
    """Something that was said before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["system", "user", "assistant"]
    content: str


class Prompt(BaseModel):
    """What is asked: ``history`` is what was said before, the oldest first."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    prompt: Annotated[str, Field(min_length=1)]
    model: str | None = None
    id: Annotated[str, Field(min_length=1, max_length=_MAX_ID_CHARS)] | None = None
    history: Annotated[list[Said], Field(max_length=_MAX_HISTORY)] = Field(default_factory=list)
    show_thinking: bool = True

    def messages(self) -> tuple[Message, ...]:
        """Return the whole conversation."""
        before = [Message(Role(it.role), it.content) for it in self.history]
        return (*before, Message(Role.USER, self.prompt))


def read_prompt(line: bytes) -> Prompt | None:
    """Read a message of the simple form; None if it is one of the socket's protocol.

    Raises ProtocolError for one that is neither.
    """
    if b'"prompt"' not in line:
        return None
    try:
        data = read_json(line)
    except ValueError:
        return None  # the other form says what is wrong with it
    if not isinstance(data, dict) or "prompt" not in data or data.keys() & {"action", "command"}:
        return None
    try:
        return Prompt.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise ProtocolError(
            f'{where}: {problem["msg"]}; it takes "prompt", "model" and "id", all texts, "history" '
            'as a list of {"role", "content"}, and "show_thinking"'
        ) from None


async def answer(
    prompt: Prompt, identity: Identity, parts: InferenceParts
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the bodies of one answer; a failure is the last of them."""
    model = prompt.model or parts.default_model()
    config = InferenceConfig(Behaviour(show_thinking=prompt.show_thinking))
    request = InferenceRequest(model, prompt.messages(), config)
    try:
        await _check_model(model, identity, parts)
        events = cast("AsyncGenerator[InferenceEvent, None]", parts.models.stream(model, request))
        async with aclosing(events):
            async for event in events:
                body = output_of(event)
                if body is not None:
                    yield body
    except RusterError as error:
        yield {"Error": error.message}


def output_of(event: InferenceEvent) -> dict[str, Any] | None:
    """Write an event; None for what the original has no word for."""
    match event:
        case ProcessStart():
            return {"Event": "ProcessStart"}
        case Thought(phase=ThoughtPhase.DELTA, text=text):
            return {"Event": {"Thought": {"Delta": text}}}
        case Thought(phase=phase):
            return {"Event": {"Thought": "Start" if phase is ThoughtPhase.START else "Stop"}}
        case Content(text=text):
            return {"Event": {"Content": text}}
        case Notice(message=message):
            return {"Notice": message}
        case Complete():
            return {"Event": "Complete"}
        case Progress(current=current, total=total):
            return {"Asset": {"Progress": [current, total]}}
        case _:
            return None


def line_of(request_id: str, body: dict[str, Any]) -> bytes:
    """Write one output as a line."""
    return to_json({"id": request_id, "body": body}, inf_nan_mode="null") + b"\n"


async def _check_model(model: str, identity: Identity, parts: InferenceParts) -> None:
    """Keep others from pointing the daemon at files, and from filling its disk."""
    if identity.privileged:
        return
    if model.partition("/")[2].startswith(("/", "~", ".")) or not await parts.is_here(model):
        raise SessionError(
            f"only the daemon's own user and root may bring {model} here; choose one of models",
            code="not_permitted",
        )
