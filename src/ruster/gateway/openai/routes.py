"""All routes of OpenAI's API."""

from __future__ import annotations

from starlette.routing import BaseRoute

from ruster.gateway.api.parts import ApiParts
from ruster.gateway.openai import chat, completions, embeddings, models, responses

__all__ = ["routes"]


def routes(parts: ApiParts) -> list[BaseRoute]:
    """Return them."""
    modules = (chat, completions, embeddings, models, responses)
    return [route for module in modules for route in module.routes(parts)]
