"""A fake of the Gemini API on a real socket: ``:streamGenerateContent`` and ``models.list``.

It takes the URLs of AI Studio and of Vertex AI. With ``token`` it is an LLM proxy that passes
``/gemini`` on and adds the key by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from tests.fakes.gemini_answers import Answer
from tests.fakes.go_http import whole
from tests.fakes.http_server import FakeHttp, Fault, Recorded, Step

__all__ = ["FakeGemini"]

_STREAM = re.compile(
    r"/(?:v1beta|v1/projects/[\w-]+/locations/[\w-]+/publishers/google)/models/([^/:?]+)"
    r":streamGenerateContent\?alt=sse"
)
_CHATS = ["generateContent", "countTokens"]


def _model(name: str, window: int, methods: list[str]) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "001",
        "inputTokenLimit": window,
        "outputTokenLimit": 8192,
        "supportedGenerationMethods": methods,
    }


_MODELS = [
    _model("gemini-2.5-flash", 1_048_576, _CHATS),
    _model("gemini-2.0-flash", 1_000_000, _CHATS),
    _model("text-embedding-004", 2048, ["embedContent"]),
    _model("gemma-3-27b-it", 131_072, _CHATS),
]


class FakeGemini(FakeHttp):
    """``answers`` maps the last user text to its answer, ``answer`` is for all others.

    ``faults`` maps ``stream`` or ``list`` to what happens there instead. ``thoughtless`` models
    refuse to be asked for thoughts.
    """

    def __init__(self, *, key: str | None = None, token: str | None = None) -> None:
        super().__init__()
        self.answer = Answer()
        self.answers: dict[str, Answer] = {}
        self.faults: dict[str, Fault] = {}
        self.thoughtless: set[str] = set()
        self._key = key
        self._token = token

    @property
    def chats(self) -> list[Any]:
        """The bodies of all chat requests."""
        return [r.json for r in self.requests if ":stream" in r.path]

    def respond(self, request: Recorded) -> Iterable[Step]:
        """Answer as Gemini, or as a proxy before it."""
        path, headers = request.path, request.headers
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if self._token is not None:
            if self._token not in (headers.get("x-proxy-auth"), bearer):
                return [whole(401, b"unauthorized", "text/plain")]
            path = path.removeprefix("/gemini")
        elif self._key is not None and self._key not in (headers.get("x-goog-api-key"), bearer):
            return [_refusal(400, "API key not valid. Please pass a valid API key.")]
        if path.startswith("/v1beta/models?"):
            return self.faults["list"]([]) if "list" in self.faults else [_page(path)]
        found = _STREAM.fullmatch(path)
        if found is None:
            return [whole(404, b"<html>Not Found</html>", "text/html")]
        return self._chat(found[1], request.json)

    def _chat(self, model: str, body: dict[str, Any]) -> Iterable[Step]:
        texts = [
            part["text"]
            for content in body["contents"]
            for part in content["parts"]
            if content["role"] == "user" and "text" in part
        ]
        answer = self.answers.get(texts[-1] if texts else "", self.answer)
        if "stream" in self.faults:
            return self.faults["stream"](answer.events())
        if f"models/{model}" not in {known["name"] for known in _MODELS}:
            return [_refusal(404, f"models/{model} is not found for API version v1beta")]
        if model in self.thoughtless and "thinkingConfig" in body["generationConfig"]:
            return [_refusal(400, "Thinking is not enabled for this model")]
        return answer.steps()


def _page(path: str) -> bytes:
    """Return the models in two pages."""
    second = "pageToken=next" in path
    page: dict[str, Any] = {"models": _MODELS[2:] if second else _MODELS[:2]}
    if not second:
        page["nextPageToken"] = "next"
    return whole(200, json.dumps(page).encode(), "application/json; charset=UTF-8")


def _refusal(status: int, message: str) -> bytes:
    name = "NOT_FOUND" if status == 404 else "INVALID_ARGUMENT"
    error = {"code": status, "message": message, "status": name}
    return whole(status, json.dumps({"error": error}).encode(), "application/json; charset=UTF-8")
