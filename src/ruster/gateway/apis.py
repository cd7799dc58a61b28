"""All interfaces over HTTP, in the order in which they are tried. An interface is one line here."""

from __future__ import annotations

from starlette.routing import BaseRoute

from ruster.gateway.agent import endpoints as agent
from ruster.gateway.agent.describing import describe as describe_agent
from ruster.gateway.api import openapi, ops
from ruster.gateway.api.ops_describing import describe as describe_ops
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.ollama import endpoints as ollama
from ruster.gateway.ollama.describing import describe as describe_ollama
from ruster.gateway.openai import routes as openai

__all__ = ["all_routes"]


def all_routes(parts: ApiParts) -> list[BaseRoute]:
    """Return the routes."""
    return [
        *openai.routes(parts),
        *ollama.routes(parts),
        *ops.routes(parts),
        *agent.routes(parts),
        *openapi.routes((describe_ollama, describe_ops, describe_agent)),
    ]
