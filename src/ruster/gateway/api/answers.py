"""Answers as JSON, whatever the texts in them hold."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse

from ruster.core.errors import RusterError
from ruster.gateway.api.statuses import http_status
from ruster.gateway.openai.failures import error_object

__all__ = ["Json", "failure"]


class Json(JSONResponse):
    """A JSON answer; halves of characters become question marks."""

    def render(self, content: Any) -> bytes:
        """Write it."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def failure(error: RusterError) -> Json:
    """Write an error as ``{"error": {…}}`` with its status."""
    return Json(error_object(error), http_status(error))
