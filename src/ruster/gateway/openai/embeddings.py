"""``POST /v1/embeddings``: texts as vectors."""

from __future__ import annotations

import math
import struct
from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ruster.gateway.api.answers import Json, told
from ruster.gateway.api.failures import InvalidRequest
from ruster.gateway.api.parsing import parse
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.api.streaming import while_here
from ruster.gateway.openai.asking import Asker
from ruster.gateway.openai.shapes import Shape

__all__ = ["routes"]

_MAX_TEXTS = 2048
_CHARS_PER_TOKEN = 4
_Text = Annotated[str, Field(min_length=1)]
_Tokens = list[int] | list[list[int]]


class _Body(Shape):
    model: str = Field(min_length=1, max_length=256)
    input: _Text | Annotated[list[_Text], Field(min_length=1, max_length=_MAX_TEXTS)] | _Tokens
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(default=None, ge=1)

    def texts(self) -> list[str]:
        """Return what is to become vectors; raises InvalidRequest for tokens."""
        given = [self.input] if isinstance(self.input, str) else self.input
        texts = [it for it in given if isinstance(it, str)]
        if len(texts) < len(given) or not texts:
            raise InvalidRequest(
                "input: send texts: the tokens of one model say nothing to another", "input"
            )
        return texts


def routes(parts: ApiParts) -> list[BaseRoute]:
    """Return the route of vectors."""

    async def embed(request: Request) -> Response:
        body = parse(_Body, await request.body())
        texts = body.texts()
        model = await Asker(parts, request.state.identity).model(body.model)
        vectors = await while_here(request.receive, parts.reading.embed(model, texts))
        return Json(
            {
                "object": "list",
                "data": [
                    {
                        "object": "embedding",
                        "index": index,
                        "embedding": _written(_shortened(vector, body.dimensions), body),
                    }
                    for index, vector in enumerate(vectors)
                ],
                "model": model,
                "usage": _usage(texts),
            }
        )

    return [Route("/v1/embeddings", told(embed), methods=["POST"])]


def _shortened(vector: Sequence[float], dimensions: int | None) -> Sequence[float]:
    """Keep the first numbers only, and the length of 1."""
    if dimensions is None or dimensions == len(vector):
        return vector
    if dimensions > len(vector):
        raise InvalidRequest(
            f"dimensions: the vectors of this model have {len(vector)} numbers", "dimensions"
        )
    kept = vector[:dimensions]
    length = math.hypot(*kept)
    return [it / length for it in kept] if length else kept


def _written(vector: Sequence[float], body: _Body) -> Sequence[float] | str:
    if body.encoding_format != "base64":
        return vector
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _usage(texts: Sequence[str]) -> dict[str, Any]:
    """Estimate the tokens: models that make vectors do not tell."""
    tokens = sum(-(-len(it) // _CHARS_PER_TOKEN) for it in texts)
    return {"prompt_tokens": tokens, "total_tokens": tokens}
