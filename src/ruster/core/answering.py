"""Asking a model something in the background: within bounds, and with every failure of one kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from ruster.core.errors import RusterError
from ruster.core.inference import (
    Behaviour,
    Content,
    InferenceConfig,
    InferenceEvent,
    InferenceRequest,
    Progress,
    Sampling,
)
from ruster.core.messages import Message, Role
from ruster.core.ports import ChatModels

__all__ = ["Asked", "NoAnswer", "answer"]


class NoAnswer(Exception):
    """The model could not be asked, or its answer is of no use; the reason is for people."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which model to ask, for how long and how much; ``may_load`` lets it be loaded for that.

    An answer of more than ``max_chars`` is refused. ``temperature`` 0 always answers the same.
    """

    model: str
    timeout_s: float
    max_tokens: int
    may_load: bool = False
    max_chars: int = 8192
    temperature: float = 0.0


async def answer(
    models: ChatModels,
    asked: Asked,
    task: str,
    text: str,
    schema: dict[str, Any] | None = None,
) -> str:
    """Return what a model makes of a text, by a task and in a form if given; raises NoAnswer."""
    request = InferenceRequest(
        model="",
        messages=(Message(Role.SYSTEM, task), Message(Role.USER, text)),
        config=InferenceConfig(
            Behaviour(max_tokens=asked.max_tokens, show_thinking=False, json_schema=schema),
            Sampling(temperature=asked.temperature, seed=0),
        ),
    )
    try:
        async with asyncio.timeout(asked.timeout_s):
            return await _answer(models, asked, request)
    except TimeoutError:
        raise NoAnswer(f"no answer within {asked.timeout_s:g} s") from None
    except RusterError as error:
        raise NoAnswer(error.message) from None


async def _answer(models: ChatModels, asked: Asked, request: InferenceRequest) -> str:
    parts: list[str] = []
    size = 0
    stream = cast("AsyncGenerator[InferenceEvent]", models.stream(asked.model, request))
    async with aclosing(stream) as events:
        async for event in events:
            if isinstance(event, Progress) and not asked.may_load:
                raise NoAnswer("the model has to be fetched or loaded first")
            if isinstance(event, Content):
                parts.append(event.text)
                size += len(event.text)
            if size > asked.max_chars:
                raise NoAnswer("it answered at length where a short answer was asked for")
    return "".join(parts)
