"""The provider for everything that speaks OpenAI's chat completions and embeddings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.inference import InferenceEvent, InferenceRequest, ProcessStart
from ruster.core.ports import ModelInfo
from ruster.llm.access import bearer
from ruster.llm.hosted import Hosted
from ruster.llm.http import Http, Route
from ruster.llm.model_list import ModelWindows
from ruster.llm.openai_compatible.body import DIALECTS, Dialect, chat_body, refused_field
from ruster.llm.openai_compatible.events import ChatEvents
from ruster.llm.openai_compatible.failures import OpenAiPeer
from ruster.llm.openai_compatible.wire import Chunk, EmbeddingsAnswer, ModelsAnswer
from ruster.llm.vectors import unit
from ruster.llm.wire import parse

if TYPE_CHECKING:
    import httpx

__all__ = ["OpenAiProvider"]

_DONE = b"[DONE]"
_ACCEPT = {"Accept": "text/event-stream, application/json"}


class OpenAiProvider:
    """Models behind ``{base_url}/chat/completions``.

    Servers differ in the optional fields they take: one that a server refuses by name is left out
    and the request made again at once; the model's next requests leave it out from the start.
    """

    def __init__(self, hosted: Hosted, client: httpx.AsyncClient | None = None) -> None:
        self._hosted = hosted
        self._peer = OpenAiPeer(
            hosted.prefix, hosted.shown_url, hosted.remedy, through_proxy=bool(hosted.proxy)
        )
        self._http = Http(_route(hosted, self._peer), client)
        self._dialect = DIALECTS.get(hosted.prefix, Dialect(extended=True))
        self._without: dict[str, frozenset[str]] = {}
        self._windows = ModelWindows(
            self._ask_models,
            own=hosted.settings.context_size,
            assumed=self._dialect.window or hosted.llm.context_size,
        )

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Run one chat completion; see ``core.ports.Provider``."""
        show_thinking = request.config.behaviour.show_thinking
        events = ChatEvents(self._peer, show_thinking=show_thinking)
        async with AsyncExitStack() as stack:
            response = await self._open(stack, request)
            yield ProcessStart()
            parts = await stack.enter_async_context(aclosing(self._http.events(response)))
            said = done = False
            async for data in parts:
                if done := data == _DONE:
                    break
                said = True
                for event in events.take(parse(Chunk, data, self._peer.name)):
                    yield event
            if not said or not (done or events.finished):
                raise self._peer.cut()
            for event in events.end():
                yield event
            if done:
                await self._http.drain(parts)

    async def models(self) -> list[ModelInfo]:
        """List the models; a service nobody has set up has none."""
        try:
            known = await self._windows.list()
        except ProviderUnreachable as error:
            if error.code == "provider_key_missing" and self._hosted.own is None:
                return []
            raise
        own = self._hosted.settings.context_size
        prefix = self._hosted.prefix
        return [ModelInfo(f"{prefix}/{name}", own or size) for name, size in known.items()]

    async def context_size(self, model: str) -> int | None:
        """Return the window of ``model``: as set, as the server tells, or as may be assumed."""
        return await self._windows.window(model)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text; raises ``ProviderError``."""
        if not texts:
            return []
        body = {"model": model, "input": list(texts)}
        said = await self._http.fetch("POST", "/embeddings", model=model, body=body, patient=True)
        found = parse(EmbeddingsAnswer, said, self._peer.name).vectors()
        if len(found) != len(texts):
            raise self._peer.wrong(f"{len(found)} vectors for {len(texts)} texts")
        return [unit(vector) for vector in found]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _open(self, stack: AsyncExitStack, request: InferenceRequest) -> httpx.Response:
        while True:
            without = self._without.get(request.model, frozenset())
            body = chat_body(request, self._dialect, without)
            answer = self._http.open("POST", "/chat/completions", model=request.model, body=body)
            try:
                return await stack.enter_async_context(answer)
            except ProviderError as error:
                refused = refused_field(error.message, body)
                if error.code != "provider_rejected" or refused is None:
                    raise
                self._without[request.model] = without | {refused}

    async def _ask_models(self) -> Mapping[str, int | None]:
        said = await self._http.fetch("GET", "/models", model="")
        listed = b'{"data":' + said + b"}" if said.lstrip().startswith(b"[") else said
        answer = parse(ModelsAnswer, listed, self._peer.name)
        return {model.id: model.window() for model in answer.data or ()}


def _route(hosted: Hosted, peer: OpenAiPeer) -> Route:
    """Lead to the service or, for xAI with ``proxy_url``, to the proxy's ``/xai/v1``."""
    direct = (hosted.settings.base_url or "").rstrip("/")
    return Route(
        base=f"{hosted.proxy}/v1" if hosted.proxy else direct,
        peer=peer,
        timeouts=hosted.settings.timeouts,
        headers=_ACCEPT,
        authorize=hosted.authorize(bearer),
    )
