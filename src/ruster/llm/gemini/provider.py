"""The Gemini provider: chat, the models at hand and their windows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from typing import TYPE_CHECKING
from urllib.parse import quote

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.inference import InferenceEvent, InferenceRequest, ProcessStart
from ruster.core.ports import ModelInfo
from ruster.llm.access import bearer
from ruster.llm.gemini.address import Address, address_of
from ruster.llm.gemini.body import chat_body, thinks
from ruster.llm.gemini.events import ChatEvents
from ruster.llm.gemini.failures import GeminiPeer
from ruster.llm.gemini.wire import Chunk, ModelsAnswer
from ruster.llm.hosted import Hosted
from ruster.llm.http import Http, Route
from ruster.llm.model_list import ModelWindows
from ruster.llm.wire import parse

if TYPE_CHECKING:
    import httpx

__all__ = ["GeminiProvider"]

_ACCEPT = {"Accept": "text/event-stream, application/json"}
_WINDOW = 1_048_576
_MAX_PAGES = 10


class GeminiProvider:
    """Models behind ``:streamGenerateContent``.

    Thoughts are asked for unless the model's name says that it has none; a model that refuses the
    question is asked again without it, and not a second time.
    """

    def __init__(self, hosted: Hosted, client: httpx.AsyncClient | None = None) -> None:
        self._hosted = hosted
        self._address = address_of(hosted)
        self._peer = GeminiPeer(
            hosted.prefix,
            _shown(hosted, self._address),
            hosted.remedy,
            through_proxy=bool(hosted.proxy),
        )
        route = Route(
            base=self._address.base,
            peer=self._peer,
            timeouts=hosted.settings.timeouts,
            headers=_ACCEPT,
            authorize=hosted.authorize(bearer if self._address.vertex else _google_key),
        )
        self._http = Http(route, client)
        self._thoughtless: set[str] = set()
        self._windows = ModelWindows(
            self._ask_models, own=hosted.settings.context_size, assumed=_WINDOW
        )

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Run one inference; see ``core.ports.Provider``."""
        show_thinking = request.config.behaviour.show_thinking
        events = ChatEvents(self._peer, show_thinking=show_thinking)
        async with AsyncExitStack() as stack:
            response = await self._open(stack, request)
            yield ProcessStart()
            parts = await stack.enter_async_context(aclosing(self._http.events(response)))
            async for data in parts:
                for event in events.take(parse(Chunk, _unwrapped(data), self._peer.name)):
                    yield event
            if not events.finished:
                raise self._peer.cut()
            for event in events.end():
                yield event

    async def models(self) -> list[ModelInfo]:
        """List the models that chat; a service nobody has set up has none.

        Raises ``ProviderUnreachable`` for Vertex AI, which has no such list.
        """
        if self._address.vertex:
            raise ProviderUnreachable(
                f"Vertex AI does not list its models: name one, as in "
                f"{self._hosted.prefix}/gemini-2.5-flash",
                code="provider_mismatch",
            )
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
        """Return the window of ``model``: as set, as Gemini tells, or as may be assumed."""
        if self._address.vertex:
            return self._hosted.settings.context_size or _WINDOW
        return await self._windows.window(model.removeprefix("models/"))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _open(self, stack: AsyncExitStack, request: InferenceRequest) -> httpx.Response:
        path = self._address.stream(request.model)
        ask = thinks(request.model) and request.model not in self._thoughtless
        try:
            return await stack.enter_async_context(self._post(path, request, thoughts=ask))
        except ProviderError as error:
            thinking = "thinking" in error.message.lower() or "thought" in error.message.lower()
            if not ask or not thinking or error.code != "provider_rejected":
                raise
        self._thoughtless.add(request.model)
        return await stack.enter_async_context(self._post(path, request, thoughts=False))

    def _post(
        self, path: str, request: InferenceRequest, *, thoughts: bool
    ) -> AbstractAsyncContextManager[httpx.Response]:
        body = chat_body(request, thoughts=thoughts)
        return self._http.open("POST", path, model=request.model, body=body)

    async def _ask_models(self) -> Mapping[str, int | None]:
        known: dict[str, int | None] = {}
        token = ""
        for _ in range(_MAX_PAGES):
            more = f"&pageToken={quote(token, safe='')}" if token else ""
            said = await self._http.fetch("GET", f"/models?pageSize=1000{more}", model="")
            page = parse(ModelsAnswer, said, self._peer.name)
            if page.error is not None:
                raise self._peer.failed(page.error)
            for model in page.models or ():
                if "generateContent" in (model.supported_generation_methods or ()):
                    known[model.name.removeprefix("models/")] = model.input_token_limit
            if not (token := page.next_page_token or ""):
                break
        return known


def _google_key(key: str | None) -> Mapping[str, str]:
    return {} if key is None else {"x-goog-api-key": key}


def _shown(hosted: Hosted, address: Address) -> str:
    if not address.vertex:
        return hosted.shown_url
    return "/".join(address.base.split("/")[:3])


def _unwrapped(data: bytes) -> bytes:
    """Return the one object of an array: how errors come when the stream never began."""
    text = data.strip()
    return text[1:-1] if text.startswith(b"[") and text.endswith(b"]") else text
