"""The Ollama provider: chat, vectors, the models at hand, their windows, and fetching more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.inference import InferenceEvent, InferenceRequest, ProcessStart, Progress
from ruster.core.ports import ModelInfo
from ruster.llm.access import proxy_auth
from ruster.llm.http import Http, Route
from ruster.llm.ollama.address import address
from ruster.llm.ollama.events import ChatEvents
from ruster.llm.ollama.pull import PullSteps, interrupted
from ruster.llm.ollama.wire import (
    ChatLine,
    EmbedAnswer,
    PullLine,
    ShowAnswer,
    Tag,
    TagsAnswer,
    chat_body,
    keep_alive,
    parse,
)
from ruster.llm.settings import LlmSettings
from ruster.llm.vectors import unit

if TYPE_CHECKING:
    import httpx

__all__ = ["OllamaProvider"]

_BROKEN_OFF = frozenset({"provider_stream_cut", "provider_timeout"})


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
        kept = settings.ollama_keep_alive
        self._keep_alive = {} if kept is None else {"keep_alive": keep_alive(kept)}
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
        body = chat_body(request, num_ctx=num_ctx, think=abilities.thinks) | self._keep_alive
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

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text; raises ``ProviderError``.

        Servers that know only the older ``/api/embeddings`` (some proxies) are asked text by text.
        """
        if not texts:
            return []
        try:
            found = await self._vectors("/api/embed", model, {"input": list(texts)})
        except ProviderUnreachable as error:
            if error.code != "provider_mismatch":
                raise
            found = []
            for text in texts:
                found += await self._vectors("/api/embeddings", model, {"prompt": text})
        if len(found) != len(texts):
            raise self._http.peer.wrong(f"{len(found)} vectors for {len(texts)} texts")
        return [unit(vector) for vector in found]

    async def pull(self, model: str) -> AsyncIterator[Progress]:
        """Fetch a model into Ollama, telling how far it is; closing the generator stops it.

        Raises ``ProviderUnreachable`` (``model_not_found``) when there is none of that name, and
        ``ProviderError`` (``pull_interrupted``, retryable) when it broke off: Ollama keeps what it
        has and goes on from there.
        """
        steps = PullSteps(model)
        try:
            async with (
                self._http.open("POST", "/api/pull", model=model, body={"model": model}) as r,
                aclosing(self._http.lines(r, patient=True)) as lines,
            ):
                async for line in lines:
                    yield steps.take(parse(PullLine, line))
                    if steps.done:
                        self._abilities.pop(model, None)
                        await self._http.drain(lines)
                        return
        except ProviderError as error:
            if error.code in _BROKEN_OFF:
                raise interrupted(model, error.message) from error
            raise
        raise interrupted(model, "no reason given")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _vectors(
        self, path: str, model: str, asked: dict[str, Any]
    ) -> list[tuple[float, ...]]:
        body = {"model": model, **asked, **self._keep_alive}
        said = await self._http.fetch("POST", path, model=model, body=body, patient=True)
        return parse(EmbedAnswer, said).vectors()

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
    base, peer = address(settings)
    route = Route(
        base=base,
        peer=peer,
        timeouts=settings.timeouts,
        headers={"Accept": "application/x-ndjson, application/json"},
    )
    return replace(route, authorize=proxy_auth(settings)) if peer.through_proxy else route
