"""``GET /openapi.json``: all requests of the gateway, as their modules describe them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ruster.gateway.api.answers import Json
from ruster.gateway.api.describing import document

__all__ = ["Describe", "routes"]

Describe = Callable[[], Mapping[str, Any]]
"""What a module with routes may have: a fragment with ``paths`` and ``components``."""


def routes(described: Sequence[Describe]) -> list[BaseRoute]:
    """Return the route; the description is put together when it is first asked for."""
    kept: dict[str, Any] = {}

    async def answer(request: Request) -> Response:
        if not kept:
            kept.update(await asyncio.to_thread(lambda: document(it() for it in described)))
        return Json(kept)

    return [Route("/openapi.json", answer, methods=["GET"])]
