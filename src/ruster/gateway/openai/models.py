"""``GET /v1/models``: the models at hand, and the sessions of whoever asks as models."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ruster.core.errors import ProviderError
from ruster.core.manifest import Purpose
from ruster.gateway.api.answers import Json, told
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.api.streaming import while_here
from ruster.gateway.identity import Identity
from ruster.gateway.openai.asking import AGENT

__all__ = ["routes"]

_EMBEDDERS = ("embed", "minilm", "/bge-", "/gte-", "/e5-")
"""What names of models that make vectors hold, where nobody says what a model is for."""


def routes(parts: ApiParts) -> list[BaseRoute]:
    """Return the routes of models. All bear the time at which they were first told of."""
    created = int(parts.clock.now())

    async def listed(identity: Identity) -> list[dict[str, Any]]:
        found = await parts.models.models()
        names = [it.id for it in found.models]
        if parts.agents is not None:
            names += [f"{AGENT}{name}" for name in await parts.agents.sessions(identity.uid)]
        return [_model(name, created) for name in names]

    async def list_all(request: Request) -> Response:
        models = await while_here(request.receive, listed(request.state.identity))
        return Json({"object": "list", "data": models})

    async def get(request: Request) -> Response:
        name: str = request.path_params["id"]
        models = await while_here(request.receive, listed(request.state.identity))
        wanted = (name, parts.full_name(name))
        model = next((it for it in models if it["id"] in wanted), None)
        if model is None:
            raise ProviderError(
                f"there is no model {name[:200]!r} here: see /v1/models", code="model_not_found"
            )
        return Json(model)

    return [
        Route("/v1/models", told(list_all), methods=["GET"]),
        Route("/v1/models/{id:path}", told(get), methods=["GET"]),
    ]


def _model(name: str, created: int) -> dict[str, Any]:
    makes_vectors = any(part in name.lower() for part in _EMBEDDERS)
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "ruster" if name.startswith(AGENT) else name.partition("/")[0],
        "purpose": (Purpose.EMBEDDING if makes_vectors else Purpose.INFERENCE).value,
    }
