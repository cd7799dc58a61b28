"""A fake of OpenAI's API on a real socket: ``/v1/chat/completions`` (streaming), ``/v1/embeddings``
and ``/v1/models``.

With ``token`` it is an LLM proxy that passes ``/xai`` on and adds the key by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.fakes.go_http import whole
from tests.fakes.http_server import FakeHttp, Fault, Recorded, Step
from tests.fakes.openai_answers import Answer
from tests.fakes.vectors import vector_of

__all__ = ["FakeOpenAi"]

_MODELS: list[dict[str, Any]] = [
    {"id": "gpt-4o-mini", "object": "model", "created": 1686935002, "owned_by": "openai"},
    {"id": "qwen/qwen3-8b", "object": "model", "context_length": 40_960},
    {"id": "vllm", "object": "model", "max_model_len": 4096},
    {"id": "groq", "object": "model", "context_window": 131_072},
    {"id": "llama.cpp", "object": "model", "meta": {"n_ctx_train": 2048}},
]


class FakeOpenAi(FakeHttp):
    """``answers`` maps the last user message to its answer, ``answer`` is for all others.

    ``faults`` maps a path's end to what happens there instead. ``refuses`` are fields of a request
    it does not know. ``key`` is the one it wants, if any.
    """

    def __init__(self, *, key: str | None = None, token: str | None = None) -> None:
        super().__init__()
        self.answer = Answer()
        self.answers: dict[str, Answer] = {}
        self.faults: dict[str, Fault] = {}
        self.refuses: set[str] = set()
        self.models = list(_MODELS)
        self.dimensions = 1536
        self._key = key
        self._token = token

    @property
    def base_url(self) -> str:
        """What a provider's ``base_url`` has to be."""
        return f"{self.url}/v1"

    @property
    def chats(self) -> list[Any]:
        """The bodies of all chat requests."""
        return [r.json for r in self.requests if r.path.endswith("/chat/completions")]

    def respond(self, request: Recorded) -> Iterable[Step]:
        """Answer as OpenAI, or as a proxy before it."""
        path, sent = request.path, request.headers.get("authorization")
        if self._token is not None:
            if self._token not in (request.headers.get("x-proxy-auth"), (sent or "")[7:]):
                return [whole(401, b"unauthorized", "text/plain")]
            path = path.removeprefix("/xai")
        elif self._key is not None and sent != f"Bearer {self._key}":
            return [_refusal(401, f"Incorrect API key provided: {sent}", "invalid_api_key")]
        if path == "/v1/models":
            fault = self.faults.get("/models")
            listed = json.dumps({"object": "list", "data": self.models}).encode()
            return fault([]) if fault else [whole(200, listed, "application/json")]
        if path == "/v1/embeddings":
            return self._embed(request.json)
        if path != "/v1/chat/completions":
            return [whole(404, b"404 page not found", "text/plain")]
        return self._chat(request.json)

    def _chat(self, body: dict[str, Any]) -> Iterable[Step]:
        users = [m["content"] for m in body["messages"] if m["role"] == "user"]
        answer = self.answers.get(str(users[-1]) if users else "", self.answer)
        if fault := self.faults.get("/chat/completions"):
            return fault(answer.events())
        if unknown := sorted(self.refuses & body.keys()):
            sentence = f"Unsupported parameter: '{unknown[0]}' is not supported with this model."
            return [_refusal(400, sentence, "unsupported_parameter")]
        return self._unknown_model(body) or answer.steps()

    def _embed(self, body: dict[str, Any]) -> Iterable[Step]:
        """Make vectors of ``dimensions`` numbers, the last text's first."""
        if fault := self.faults.get("/embeddings"):
            return fault([])
        if refusal := self._unknown_model(body):
            return refusal
        data = [
            {"object": "embedding", "index": at, "embedding": vector_of(text, self.dimensions)}
            for at, text in enumerate(body["input"])
        ]
        usage = {"prompt_tokens": 8, "total_tokens": 8}
        answer = {"object": "list", "data": data[::-1], "model": body["model"], "usage": usage}
        return [whole(200, json.dumps(answer).encode(), "application/json")]

    def _unknown_model(self, body: dict[str, Any]) -> list[Step]:
        if body["model"] in {model["id"] for model in self.models}:
            return []
        sentence = f"The model `{body['model']}` does not exist or you have no access to it."
        return [_refusal(404, sentence, "model_not_found")]


def _refusal(status: int, sentence: str, code: str) -> bytes:
    error = {"message": sentence, "type": "invalid_request_error", "param": None, "code": code}
    return whole(status, json.dumps({"error": error}).encode(), "application/json")
