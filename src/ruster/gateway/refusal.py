"""What the proxy answers by itself: a status, a stable code, a sentence. Never a traceback."""

from __future__ import annotations

import json

__all__ = ["Refusal"]


class Refusal(Exception):
    """A request that is not passed on, or could not be."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def body(self) -> bytes:
        """Write it as ``{"error": {"message", "code"}}``."""
        return json.dumps({"error": {"message": self.message, "code": self.code}}).encode()
