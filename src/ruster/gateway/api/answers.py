"""Answers as JSON, whatever the texts in them hold."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ruster.core.errors import RusterError
from ruster.gateway.api.failures import error_object, status_of

__all__ = ["Handler", "Json", "failure", "told"]

Handler = Callable[[Request], Awaitable[Response]]


class Json(JSONResponse):
    """A JSON answer; halves of characters become question marks."""

    def render(self, content: Any) -> bytes:
        """Write it."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def failure(error: RusterError) -> Json:
    """Write an error as ``{"error": {…}}`` with its status."""
    return Json(error_object(error), status_of(error))


def told(call: Handler) -> Handler:
    """Have failures told as ``{"error": {…}}``."""

    async def answer(request: Request) -> Response:
        try:
            return await call(request)
        except RusterError as error:
            return failure(error)

    return answer
