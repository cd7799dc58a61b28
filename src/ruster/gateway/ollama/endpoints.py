"""The routes of Ollama's interface."""

from __future__ import annotations

import hashlib
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ruster.core.errors import ProviderError, RusterError, SessionError
from ruster.core.inference import InferenceEvent, InferenceRequest, Notice, Progress
from ruster.core.ports import ModelInfo
from ruster.gateway.api.answers import Json
from ruster.gateway.api.bodies import read_shape
from ruster.gateway.api.failures import status_of
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.api.streaming import Streamed, while_here
from ruster.gateway.identity import Identity
from ruster.gateway.ollama.answer import Answer, as_line, timestamp
from ruster.gateway.ollama.names import asked_model, listed_model
from ruster.gateway.ollama.request import chat_request, generate_request
from ruster.gateway.ollama.shapes import (
    ChatBody,
    EmbedBody,
    EmbeddingsBody,
    GenerateBody,
    ShowBody,
)
from ruster.version import __version__

__all__ = ["OLLAMA_VERSION", "routes"]

_log = structlog.stdlib.get_logger("ruster.gateway")

OLLAMA_VERSION = "0.12.6"
"""The version whose interface this is; clients look at it."""
_NDJSON = "application/x-ndjson"
_NS = 1_000_000_000
_OTHER_ANSWERS = "model_fallback"

Events = AsyncGenerator[InferenceEvent, None]
Handler = Callable[[Request], Awaitable[Response]]


class LoadedModel(Protocol):
    """A model of the embedded engine."""

    @property
    def path(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def size_bytes(self) -> int | None: ...

    @property
    def context_size(self) -> int | None: ...


@runtime_checkable
class ShowsLoaded(Protocol):
    """An engine that tells which models it has in memory."""

    def loaded(self) -> Sequence[LoadedModel]:
        """Return the models that were needed since the start."""
        ...


def routes(parts: ApiParts) -> list[BaseRoute]:
    """Return the routes."""
    api = _Ollama(parts)
    table: tuple[tuple[str, str, Handler], ...] = (
        ("POST", "/api/chat", api.chat),
        ("POST", "/api/generate", api.generate),
        ("POST", "/api/show", api.show),
        ("POST", "/api/embed", api.embed),
        ("POST", "/api/embeddings", api.embeddings),
        ("GET", "/api/tags", api.tags),
        ("GET", "/api/ps", api.running),
        ("GET", "/api/version", api.version),
    )
    return [Route(path, _told(call), methods=[method]) for method, path, call in table]


class _Ollama:
    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    async def chat(self, request: Request) -> Response:
        body = await read_shape(request, ChatBody)
        model = await self._model(request, body.model)
        if not body.messages:
            return await self._nothing(request, body, model, is_chat=True)
        return await self._answer(request, body, chat_request(body, model), is_chat=True)

    async def generate(self, request: Request) -> Response:
        body = await read_shape(request, GenerateBody)
        model = await self._model(request, body.model)
        if not body.prompt:
            return await self._nothing(request, body, model, is_chat=False)
        return await self._answer(request, body, generate_request(body, model), is_chat=False)

    async def show(self, request: Request) -> Response:
        body = await read_shape(request, ShowBody)
        name = body.model or body.name
        info = await listed_model(await self._model(request, name), name, self._parts)
        family = info.id.partition("/")[0]
        known: dict[str, Any] = {"general.architecture": family}
        if info.context_size is not None:
            known[f"{family}.context_length"] = info.context_size
        return Json(
            {
                "modelfile": f"FROM {info.id}\n",
                "parameters": "",
                "template": "",
                "details": _details(info),
                "model_info": known,
                "capabilities": ["completion", "tools"],
                "modified_at": timestamp(self._parts.clock),
            }
        )

    async def embed(self, request: Request) -> Response:
        body = await read_shape(request, EmbedBody)
        texts = [body.input] if isinstance(body.input, str) else body.input
        began = self._parts.clock.monotonic()
        vectors = await self._vectors(request, body.model, texts)
        if body.dimensions is not None:
            vectors = [_shortened(vector, body.dimensions) for vector in vectors]
        took = int((self._parts.clock.monotonic() - began) * _NS)
        answer = {"model": body.model, "embeddings": vectors, "total_duration": took}
        return Json(answer)

    async def embeddings(self, request: Request) -> Response:
        body = await read_shape(request, EmbeddingsBody)
        texts = [body.prompt] if body.prompt else []
        vectors = await self._vectors(request, body.model, texts)
        return Json({"embedding": vectors[0] if vectors else []})

    async def tags(self, request: Request) -> Response:
        infos = (await self._parts.models.models()).models
        changed = timestamp(self._parts.clock)
        return Json({"models": [_tag(info, changed) for info in infos]})

    async def running(self, request: Request) -> Response:
        """Tell what the engine holds in memory; names only, since others may see it."""
        engine = self._parts.engine
        loaded = engine.loaded() if isinstance(engine, ShowsLoaded) else ()
        held = [it for it in loaded if str(it.state) in ("loaded", "inferring")]
        return Json({"models": [_process(it) for it in held]})

    async def version(self, request: Request) -> Response:
        return Json({"version": OLLAMA_VERSION, "ruster": __version__})

    async def _model(self, request: Request, name: str) -> str:
        identity: Identity = request.state.identity
        return await asked_model(name, identity, self._parts)

    async def _vectors(
        self, request: Request, name: str, texts: Sequence[str]
    ) -> list[list[float]]:
        model = await self._model(request, name)
        if not texts:
            return []
        return await while_here(request.receive, self._embed(model, texts))

    async def _embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        return await self._parts.reading.embed(model, texts)

    async def _nothing(
        self, request: Request, body: ChatBody | GenerateBody, model: str, *, is_chat: bool
    ) -> Response:
        """Answer a request without a word: it looks for a model, or gives its memory back."""
        reason = "load"
        if body.keep_alive in (0, "0", "0s"):
            identity: Identity = request.state.identity
            if not identity.privileged:
                raise SessionError(
                    "only the daemon's own user and root may unload models", code="not_permitted"
                )
            await self._parts.engine.unload()
            reason = "unload"
        else:
            await listed_model(model, body.model, self._parts)
        return Json(Answer(body.model, self._parts.clock, is_chat=is_chat).empty(reason))

    async def _answer(
        self,
        request: Request,
        body: ChatBody | GenerateBody,
        inference: InferenceRequest,
        *,
        is_chat: bool,
    ) -> Response:
        answer = Answer(body.model, self._parts.clock, is_chat=is_chat)
        events = cast(Events, self._parts.models.stream(inference.model, inference))
        try:
            first = await while_here(
                request.receive, self._first(events, inference.model, body.model)
            )
        except ProviderError as error:
            if error.code == "no_model":  # is it away, or is there no such model at all?
                await listed_model(inference.model, body.model, self._parts)
            raise
        if body.stream is False:
            await while_here(request.receive, _collect(first, events, answer))
            return Json(answer.whole())
        return Streamed(_lines(first, events, answer), _NDJSON, events.aclose)

    async def _first(self, events: Events, model: str, name: str) -> InferenceEvent | None:
        """Return the first event that tells of an answer: a failure before it has a status.

        That another model answers for one that is away is fine, but not for a misspelt one.
        """
        try:
            async for event in events:
                if isinstance(event, Notice) and event.code == _OTHER_ANSWERS:
                    await listed_model(model, name, self._parts)
                elif not isinstance(event, Notice | Progress):
                    return event
        except BaseException:
            await events.aclose()
            raise
        return None


async def _collect(first: InferenceEvent | None, events: Events, answer: Answer) -> None:
    async with aclosing(events):
        if first is not None:
            list(answer.take(first))
        async for event in events:
            list(answer.take(event))


async def _lines(
    first: InferenceEvent | None, events: Events, answer: Answer
) -> AsyncGenerator[bytes, None]:
    try:
        if first is not None:
            for line in answer.take(first):
                yield as_line(line)
        async for event in events:
            for line in answer.take(event):
                yield as_line(line)
    except RusterError as error:
        yield as_line({"error": error.message})
    except Exception:  # noqa: BLE001 - the boundary: a failure becomes the last line
        _log.exception("answer failed")
        yield as_line({"error": "something in ruster itself failed; the log has the details"})


def _told(call: Handler) -> Handler:
    """Have failures told as Ollama tells them."""

    async def told(request: Request) -> Response:
        try:
            return await call(request)
        except RusterError as error:
            return Json({"error": error.message}, status_of(error))

    return told


def _tag(info: ModelInfo, changed: str) -> dict[str, Any]:
    return {
        "name": info.id,
        "model": info.id,
        "modified_at": changed,
        "size": info.size_bytes or 0,
        "digest": hashlib.sha256(info.id.encode("utf-8", "replace")).hexdigest(),
        "details": _details(info),
    }


def _details(info: ModelInfo) -> dict[str, Any]:
    prefix = info.id.partition("/")[0]
    return {
        "parent_model": "",
        "format": "gguf" if prefix in ("llamacpp", "ollama") else "",
        "family": prefix,
        "families": [prefix],
        "parameter_size": "",
        "quantization_level": "",
    } | ({} if info.context_size is None else {"context_length": info.context_size})


def _process(model: LoadedModel) -> dict[str, Any]:
    name = f"llamacpp/{Path(model.path).stem}"
    size = model.size_bytes or 0
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    shown = {"name": name, "model": name, "size": size, "digest": digest}
    return shown | {"details": _details(ModelInfo(name)), "context_length": model.context_size or 0}


def _shortened(vector: Sequence[float], dimensions: int) -> list[float]:
    """Cut a vector off and bring it to length 1 again."""
    cut = list(vector[:dimensions])
    length = math.sqrt(sum(value * value for value in cut))
    return [value / length for value in cut] if length else cut
