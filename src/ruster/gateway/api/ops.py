"""What runs and watches ruster: figures, the engine, where the sockets are, text as tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from ruster.core.errors import SessionError
from ruster.gateway.api.answers import Json, told
from ruster.gateway.api.bodies import Shape, read_shape
from ruster.gateway.api.context import Context
from ruster.gateway.api.failures import InvalidRequest
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.api.permitted import check_permitted
from ruster.gateway.api.streaming import while_here
from ruster.gateway.identity import Identity

__all__ = ["TokenizeBody", "metrics_text", "routes"]

_Text = Annotated[str, Field(max_length=1 << 20)]
"""Bounded: a text is read between two steps of everybody's answers."""
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class TokenizeBody(Shape):
    """The body of ``/tokenize``: ``content`` as llama.cpp's server names it, or ``prompt``."""

    content: _Text | None = None
    prompt: _Text | None = None
    model: Annotated[str, Field(max_length=512)] | None = None
    add_special: bool = False


def routes(parts: ApiParts) -> list[BaseRoute]:
    """Return the routes. ``/health`` is the front page's: it needs no token."""
    ops = _Ops(parts)
    return [
        Route("/metrics", told(ops.metrics), methods=["GET"]),
        Route("/v1/config", told(ops.config), methods=["GET"]),
        Route("/v1/engine/reset", told(ops.reset), methods=["POST"]),
        Route("/v1/context", told(Context(parts).answer), methods=["POST"]),
        Route("/tokenize", told(ops.tokenize), methods=["POST"]),
    ]


class _Ops:
    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    async def metrics(self, request: Request) -> Response:
        """Tell the figures of all users together, as `status` does: to the privileged."""
        _require_privilege(request, "see what all users do together")
        text = metrics_text(await self._parts.counts())
        return PlainTextResponse(text, media_type=_METRICS_TYPE)

    async def config(self, request: Request) -> Response:
        """Tell where WebSockets are."""
        return Json({"ws_addr": self._parts.socket_url})

    async def reset(self, request: Request) -> Response:
        """Give the memory of local models back."""
        _require_privilege(request, "reset the engine")
        await self._parts.engine.unload()
        return PlainTextResponse("Engine reset")

    async def tokenize(self, request: Request) -> Response:
        """Tell how a model reads a text."""
        body = await read_shape(request, TokenizeBody)
        text = body.prompt if body.content is None else body.content
        if text is None:
            raise InvalidRequest("content: a text is missing", "content")
        model = self._parts.full_name(body.model) if body.model else self._parts.default_model()
        await check_permitted(model, request.state.identity, self._parts)
        reading = self._parts.reading.tokenize(model, text, special=body.add_special)
        tokens = await while_here(request.receive, reading)
        return Json({"tokens": tokens, "count": len(tokens)})


def metrics_text(counts: Mapping[str, float]) -> str:
    """Write figures in Prometheus' text format; names that end in ``_total`` only grow."""
    lines = []
    for name, value in sorted(counts.items()):
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# TYPE {name} {kind}", f"{name} {_number(value)}"]
    return "".join(f"{line}\n" for line in lines)


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))


def _require_privilege(request: Request, what: str) -> None:
    identity: Identity = request.state.identity
    if not identity.privileged:
        raise SessionError(f"only the daemon's own user and root may {what}", code="not_permitted")
