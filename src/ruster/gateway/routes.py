"""The routes of all APIs, for whoever listens: the daemon, or a program with models alone."""

from __future__ import annotations

from starlette.routing import BaseRoute

from ruster.gateway.api.parts import ApiParts
from ruster.gateway.ollama import endpoints as ollama
from ruster.gateway.openai import routes as openai

__all__ = ["routes"]


def routes(parts: ApiParts) -> list[BaseRoute]:
    """Return them, in the order in which they are tried. An API is one line here."""
    return [*openai.routes(parts), *ollama.routes(parts)]
