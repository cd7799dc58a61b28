"""The models as the gateway sees them: by any name, with what the command line chose."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from ruster.core.inference import InferenceEvent, InferenceRequest, Notice
from ruster.core.orchestration import ModelState
from ruster.core.ports import ModelList
from ruster.genius import Genius

__all__ = ["ServedModels"]


@dataclass(frozen=True, slots=True)
class ServedModels:
    """Fulfils ``core.ports.ChatModels``, and what ``gateway.api.parts`` asks of models.

    Notices, such as that of a reload, go to ``tell`` as well as to whoever asked.
    """

    genius: Genius
    show_thinking: bool
    tell: Callable[[Notice], None]

    async def stream(self, model: str, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Answer; raises ``ProviderError`` and its families."""
        behaviour = request.config.behaviour
        if not self.show_thinking and behaviour.show_thinking:
            behaviour = replace(behaviour, show_thinking=False)
            request = replace(request, config=replace(request.config, behaviour=behaviour))
        events = self.genius.chat_models.stream(self.genius.full_name(model), request)
        async with aclosing(events) as stream:  # type: ignore[type-var]
            async for event in stream:
                if isinstance(event, Notice):
                    self.tell(event)
                yield event

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text; raises ``ProviderError``."""
        return await self.genius.embed(texts, model=model)

    async def tokenize(self, model: str, text: str, *, special: bool = False) -> list[int]:
        """Return the tokens of a text; raises ``ProviderError``."""
        return await self.genius.tokenize(text, model=model, special=special)

    async def context_size(self, model: str) -> int | None:
        """Return the window of a model in tokens, or None when unknown."""
        return await self.genius.chat_models.context_size(self.genius.full_name(model))

    async def models(self) -> ModelList:
        """List what can answer."""
        return await self.genius.models()

    async def unload(self) -> str:
        """Give back the memory of all local models, and say what was done."""
        await self.genius.unload()
        return "the local models are unloaded"

    async def counts(self) -> dict[str, float]:
        """Count the local models in memory."""
        loaded = [it for it in self.genius.status() if it.state is not ModelState.UNLOADED]
        return {"ruster_models_loaded": float(len(loaded))}
