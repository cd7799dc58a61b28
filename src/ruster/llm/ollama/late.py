"""Ollama, where it may not be there: while nobody listens, no HTTP client is loaded (3 MB)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from ruster.core.errors import ProviderUnreachable
from ruster.core.imports import without
from ruster.core.inference import InferenceEvent, InferenceRequest
from ruster.core.ports import ModelInfo
from ruster.llm.ollama.address import address
from ruster.llm.settings import LlmSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ruster.llm.ollama.provider import OllamaProvider

__all__ = ["LateOllama"]

_HERE = ("127.0.0.1", "::1", "localhost")


class LateOllama:
    """Does what ``OllamaProvider`` does, once somebody takes a connection."""

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings
        self._made: OllamaProvider | None = None

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Run one chat inference; see ``OllamaProvider``."""
        provider = await self._provider()
        events = cast("AsyncGenerator[InferenceEvent, None]", provider.stream(request))
        async with aclosing(events):
            async for event in events:
                yield event

    async def models(self) -> list[ModelInfo]:
        """List the pulled models; raises ``ProviderUnreachable`` when Ollama does not answer."""
        return await (await self._provider()).models()

    async def context_size(self, model: str) -> int | None:
        """Return the window a chat with ``model`` will have, or None when it is not there."""
        try:
            provider = await self._provider()
        except ProviderUnreachable:
            return None
        return await provider.context_size(model)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text; raises ``ProviderError``."""
        return await (await self._provider()).embed(model, texts)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._made is not None:
            await self._made.aclose()

    async def _provider(self) -> OllamaProvider:
        """Return the provider itself; raises ``ProviderUnreachable`` while nobody listens."""
        if self._made is None:
            await self._knock()
            kind = await asyncio.to_thread(_load)
            if self._made is None:  # others may have waited for the same
                self._made = kind(self._settings)
        return self._made

    async def _knock(self) -> None:
        """Raise ``ProviderUnreachable`` if this machine refuses; what else may be, HTTP tells."""
        base, peer = address(self._settings)
        try:
            parts = urlsplit(base)
            if parts.scheme != "http" or parts.hostname not in _HERE or parts.port is None:
                return
            async with asyncio.timeout(self._settings.timeouts.connect_s):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.close()
            await writer.wait_closed()
        except ConnectionRefusedError:
            raise peer.not_answering() from None
        except (OSError, ValueError):
            return


def _load() -> type[OllamaProvider]:
    with without("click"):  # httpx has it for a command line of its own, with all of rich
        from ruster.llm.ollama.provider import OllamaProvider

    return OllamaProvider
