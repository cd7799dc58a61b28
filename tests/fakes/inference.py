"""Asking a provider and looking at what came back, for tests."""

from __future__ import annotations

from collections.abc import Iterable

from ruster.core.inference import (
    Behaviour,
    Content,
    InferenceConfig,
    InferenceEvent,
    InferenceRequest,
    Sampling,
    Thought,
)
from ruster.core.messages import Message, Role, ToolSpec
from ruster.core.ports import Provider

__all__ = ["ask", "collect", "text_of", "thoughts_of"]


def ask(
    model: str,
    text: str = "hello",
    *,
    behaviour: Behaviour | None = None,
    sampling: Sampling | None = None,
    tools: tuple[ToolSpec, ...] = (),
) -> InferenceRequest:
    """Build a request of one user message."""
    config = InferenceConfig(behaviour or Behaviour(), sampling or Sampling())
    return InferenceRequest(model, (Message(Role.USER, text),), config, tools)


async def collect(provider: Provider, request: InferenceRequest) -> list[InferenceEvent]:
    """Run one inference to its end."""
    return [event async for event in provider.stream(request)]


def text_of(events: Iterable[InferenceEvent]) -> str:
    """Join the content of an answer."""
    return "".join(event.text for event in events if isinstance(event, Content))


def thoughts_of(events: Iterable[InferenceEvent]) -> list[Thought]:
    """Pick the thoughts of an answer."""
    return [event for event in events if isinstance(event, Thought)]
