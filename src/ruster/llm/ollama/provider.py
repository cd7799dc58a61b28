"""The Ollama provider: chat, the models at hand and their windows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.inference import InferenceEvent, InferenceRequest, ProcessStart
from ruster.core.ports import ModelInfo
from ruster.llm.access import proxy_auth, proxy_base, without_login
from ruster.llm.http import Http, Route
from ruster.llm.ollama.events import ChatEvents
from ruster.llm.ollama.failures import OllamaPeer
from ruster.llm.ollama.url import base_url
from ruster.llm.ollama.wire import ChatLine, ShowAnswer, Tag, TagsAnswer, chat_body, parse
from ruster.llm.settings import LlmSettings

if TYPE_CHECKING:
    import httpx

__all__ = ["OllamaProvider"]


@dataclass(frozen=True, slots=True)
class _Abilities:
    """What ``/api/show`` says of a model; ``window`` in tokens, None when it is not told."""

    window: int | None = None
    thinks: bool = False


class OllamaProvider:
    """Models that run in an Ollama server.

    Ollama's own default window is small on small machines and what does not fit is dropped without
    a word, so every request names its window (``num_ctx``) and ``context_size`` tells that number.
    """

    def __init__(self, settings: LlmSettings, client: httpx.AsyncClient | None = None) -> None:
        self._settings = settings
        self._http = Http(_route(settings), client)
        self._abilities: dict[str, _Abilities] = {}

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Run one chat inference.

        Raises ``ProviderUnreachable`` before the first event when Ollama or the model is not there,
        and ``ProviderError`` for everything later; closing the generator closes the connection,
        upon which Ollama stops computing.
        """
        abilities = await self._look_up(request.model)
        behaviour = request.config.behaviour
        num_ctx = self._window(abilities, behaviour.context_size)
        body = chat_body(request, num_ctx=num_ctx, think=abilities.thinks)
        events = ChatEvents(show_thinking=behaviour.show_thinking)
        async with self._http.open("POST", "/api/chat", model=request.model, body=body) as response:
            yield ProcessStart()
            async with aclosing(self._http.lines(response)) as lines:
                async for line in lines:
                    for event in events.take(parse(ChatLine, line)):
                        yield event
                    if events.done:
                        await self._http.drain(lines)
                        return
        raise self._http.peer.cut()

    async def models(self) -> list[ModelInfo]:
        """List the pulled models; raises ``ProviderUnreachable`` when Ollama does not answer."""
        answer = parse(TagsAnswer, await self._http.fetch("GET", "/api/tags", model=""))
        return [self._info(tag) for tag in answer.models or ()]

    async def context_size(self, model: str) -> int | None:
        """Return the window a chat with ``model`` will have, or None when it is not there."""
        try:
            return self._window(await self._look_up(model))
        except ProviderUnreachable:
            return None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _info(self, tag: Tag) -> ModelInfo:
        declared = tag.details.context_length if tag.details else None
        window = _smallest(self._settings.context_size, declared) if declared else None
        return ModelInfo(f"ollama/{tag.name}", context_size=window, size_bytes=tag.size)

    def _window(self, abilities: _Abilities, wanted: int | None = None) -> int:
        return _smallest(self._settings.context_size, abilities.window, wanted)

    async def _look_up(self, model: str) -> _Abilities:
        """Ask once what ``model`` can do; raises ``ProviderUnreachable`` and nothing else.

        A server that cannot tell (an old one, a proxy that passes only chats) leaves the defaults.
        """
        if (known := self._abilities.get(model)) is not None:
            return known
        try:
            said = await self._http.fetch("POST", "/api/show", model=model, body={"model": model})
            shown = parse(ShowAnswer, said)
        except ProviderError as error:
            if isinstance(error, ProviderUnreachable) and error.code != "provider_mismatch":
                raise
            return _Abilities()
        found = _Abilities(shown.window(), "thinking" in (shown.capabilities or ()))
        self._abilities[model] = found
        return found


def _smallest(limit: int, *others: int | None) -> int:
    return min([limit, *(other for other in others if other)])


def _route(settings: LlmSettings) -> Route:
    """Lead to Ollama or, when ``proxy_url`` is set, to the proxy's ``/ollama``."""
    proxy = proxy_base(settings, "ollama")
    base = proxy or base_url(settings.ollama_url)
    shown = (settings.proxy_url or "").rstrip("/") if proxy else base
    route = Route(
        base=base,
        peer=OllamaPeer(url=without_login(shown), through_proxy=bool(proxy)),
        timeouts=settings.timeouts,
        headers={"Accept": "application/x-ndjson, application/json"},
    )
    return replace(route, authorize=proxy_auth(settings)) if proxy else route
