"""The stub provider: no weights, no network, fixed answers. It stands in for a model in tests,
first steps and measurements, and never pretends to think about what it is asked.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence

from ruster.core.errors import ProviderUnreachable
from ruster.core.inference import (
    Complete,
    Content,
    InferenceEvent,
    InferenceRequest,
    ProcessStart,
    Thought,
    ThoughtPhase,
    Usage,
)
from ruster.core.messages import Role
from ruster.core.ports import ModelInfo
from ruster.llm.settings import LlmSettings

__all__ = ["PinkyProvider"]

_LOAD_S = 0.1
_STEP_S = 0.05
_CONTEXT_SIZE = 8192
_DIMENSIONS = 384
_MODELS = ("tiny-model", "echo", "slow")


class PinkyProvider:
    """Three models, told apart by how they answer the last user message.

    ``tiny-model`` loads (100 ms, once), thinks ``Narf!`` and says ``Pinky says: …``; ``echo``
    repeats the message at once, without a thought; ``slow`` repeats it word by word, 50 ms each.
    Usage counts words, since there is no tokenizer.
    """

    def __init__(self, settings: LlmSettings | None = None) -> None:
        self._loaded = False

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Answer; raises ``ProviderUnreachable`` (``model_not_found``) for a fourth model."""
        if request.model not in _MODELS:
            raise ProviderUnreachable(
                f"pinky has no model {request.model!r}: it has {', '.join(_MODELS)}",
                code="model_not_found",
            )
        said = _last_user_message(request)
        if request.model == "tiny-model":
            await self._load()
        yield ProcessStart()
        if request.model == "tiny-model":
            async for thought in _think(request.config.behaviour.show_thinking):
                yield thought
        pieces = _answer(request.model, said)
        for piece in pieces:
            if request.model == "slow":
                await asyncio.sleep(_STEP_S)
            yield Content(piece)
        read = sum(len(message.content.split()) for message in request.messages)
        yield Usage(prompt=read, completion=len("".join(pieces).split()))
        yield Complete()

    async def models(self) -> list[ModelInfo]:
        """List the three models; nothing has to be reached for that."""
        return [ModelInfo(f"pinky/{name}", context_size=_CONTEXT_SIZE) for name in _MODELS]

    async def context_size(self, model: str) -> int | None:
        """Return a window like a small model's; pinky itself reads nothing of it."""
        return _CONTEXT_SIZE if model in _MODELS else None

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return the same vector for every text: the first 384 steps of a sine, length 1."""
        await self._load()
        wave = [math.sin(step * 0.01) for step in range(_DIMENSIONS)]
        length = math.hypot(*wave)
        return [[value / length for value in wave] for _ in texts]

    async def aclose(self) -> None:
        """Forget that the model was loaded."""
        self._loaded = False

    async def _load(self) -> None:
        if not self._loaded:
            await asyncio.sleep(_LOAD_S)
            self._loaded = True


async def _think(shown: bool) -> AsyncIterator[InferenceEvent]:
    await asyncio.sleep(_STEP_S)
    if shown:
        yield Thought(ThoughtPhase.START)
        yield Thought(ThoughtPhase.DELTA, "Narf!")
    await asyncio.sleep(_STEP_S)
    if shown:
        yield Thought(ThoughtPhase.STOP)


def _answer(model: str, said: str) -> list[str]:
    """Return the answer in the pieces it is streamed in."""
    if model == "tiny-model":
        return [f"Pinky says: {said}"]
    if model == "echo":
        return [said]
    words = said.split(" ")
    return [word + " " for word in words[:-1]] + words[-1:]


def _last_user_message(request: InferenceRequest) -> str:
    users = (message for message in reversed(request.messages) if message.role is Role.USER)
    last = next(users, None)
    return "" if last is None else last.content
