"""Shared by tests that need the embedded engine: the marker, requests, and reading a stream."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    InferenceConfig,
    InferenceEvent,
    InferenceRequest,
    Sampling,
    Thought,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import Message, Role, ToolCall
from ruster.modelstore import ModelStore, ModelStoreSettings, StoreFolders

__all__ = ["HOT", "NEEDS_ENGINE", "Answer", "Isolation", "ask", "local_files", "read"]

Isolation = Literal["process", "thread"]

_MISSING = importlib.util.find_spec("llama_cpp") is None


HOT = Sampling(temperature=2.0, top_p=1.0, top_k=0, repetition_penalty=1.1)
"""Settings at which any model that is not the scripted one would ramble."""

NEEDS_ENGINE = [
    pytest.mark.engine,
    pytest.mark.skipif(_MISSING, reason="llama-cpp-python is not installed (extra `llamacpp`)"),
]
"""The ``pytestmark`` of a module whose tests need llama.cpp."""


@dataclass
class Answer:
    """What a stream said, by kind."""

    events: list[InferenceEvent] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All content joined."""
        return "".join(event.text for event in self.events if isinstance(event, Content))

    @property
    def thought(self) -> str:
        """All thoughts joined."""
        return "".join(event.text for event in self.events if isinstance(event, Thought))

    @property
    def calls(self) -> list[ToolCall]:
        """The tool calls."""
        return [event.call for event in self.events if isinstance(event, ToolCallRequest)]

    @property
    def usage(self) -> Usage:
        """The one usage event."""
        (usage,) = (event for event in self.events if isinstance(event, Usage))
        return usage

    @property
    def reason(self) -> str:
        """Why it ended; the last event must say so."""
        last = self.events[-1]
        assert isinstance(last, Complete)
        return last.reason.value


def ask(
    text: str,
    *,
    model: str = "",
    before: tuple[Message, ...] = (),
    sampling: Sampling = HOT,
    behaviour: Behaviour | None = None,
) -> InferenceRequest:
    """Make a request whose last message is the user's ``text``."""
    config = InferenceConfig(behaviour or Behaviour(), sampling)
    return InferenceRequest(model, (*before, Message(Role.USER, text)), config)


async def read(events: AsyncIterator[InferenceEvent]) -> Answer:
    """Read a stream to its end."""
    return Answer([event async for event in events])


def local_files(models_dir: Path) -> ModelStore:
    """Return the store whose models folder this is; its hub is out of reach."""
    folders = StoreFolders(models_dir.parent / "config", models_dir.parent)
    variables = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    return ModelStore(folders, ModelStoreSettings(retries=0), variables.get)
