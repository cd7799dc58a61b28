"""A fake Ollama on a real TCP socket: the bytes of the real one, and faults on demand.

It speaks what ruster asks of Ollama: ``/api/chat`` and ``/api/pull`` (streaming), ``/api/tags``,
``/api/show``, ``/api/embed``, ``/api/embeddings``, ``/api/version`` and ``/``. Statuses, sentences
and checks follow ollama/ollama ``server/routes.go``. With ``token`` it is an LLM proxy that passes
``/ollama`` on.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.fakes.go_http import TEXT, go_json, whole
from tests.fakes.http_server import FakeHttp, Fault, Recorded, Step, refused_url
from tests.fakes.ollama_answers import Answer, pull_steps
from tests.fakes.ollama_models import DEFAULT_MODELS, FakeModel, full_name
from tests.fakes.vectors import vector_of

__all__ = ["FakeOllama", "refused_url"]

_VERSION = "0.12.6"
_ROUTES = {"/": "GET", "/api/version": "GET", "/api/tags": "GET"}
_ROUTES |= {"/api/show": "POST", "/api/chat": "POST", "/api/pull": "POST"}
_ROUTES |= {"/api/embed": "POST", "/api/embeddings": "POST"}
_OLD_FORMAT = "json: cannot unmarshal object into Go struct field ChatRequest.format of type string"
_FLOATS = ("temperature", "top_p", "min_p", "repeat_penalty", "num_ctx", "num_predict", "top_k")


class FakeOllama(FakeHttp):
    """``async with FakeOllama() as server:`` listens at ``server.url``.

    ``answers`` maps the last user message to its answer, ``answer`` is for all others; ``faults``
    maps a path to what happens there instead; vectors have ``dimensions`` numbers. Without
    ``schemas`` it is older than 0.5, and takes no schema as ``format``.
    """

    def __init__(
        self, models: Sequence[FakeModel] = DEFAULT_MODELS, *, token: str | None = None
    ) -> None:
        super().__init__()
        self.models = {model.name: model for model in models}
        self.answer = Answer()
        self.answers: dict[str, Answer] = {}
        self.faults: dict[str, Fault] = {}
        self.schemas = True
        self.dimensions = 2
        self._token = token

    @property
    def chats(self) -> list[Any]:
        """The bodies of all chat requests."""
        return [request.json for request in self.requests if request.path.endswith("/api/chat")]

    def respond(self, request: Recorded) -> Iterable[Step]:
        """Answer as Ollama, or as a proxy before it."""
        path = request.path
        if not _allowed(request.headers.get("host", "")):
            return [whole(403, b"", None)]
        if self._token is not None:
            if self._token not in (request.headers.get("x-proxy-auth"), _bearer(request)):
                return [_error(401, "unauthorized")]
            path = path.removeprefix("/ollama")
        if path not in _ROUTES:
            return [whole(404, b"404 page not found", "text/plain")]
        if request.method != _ROUTES[path]:
            allow = f"Allow: {_ROUTES[path]}"
            return [whole(405, b"405 method not allowed", "text/plain", allow)]
        return self._route(path, request)

    def _route(self, path: str, request: Recorded) -> Iterable[Step]:
        if path in self.faults and path != "/api/chat":
            return self.faults[path]([])
        if path == "/":
            return [whole(200, b"Ollama is running", TEXT)]
        if path == "/api/version":
            return [whole(200, go_json({"version": _VERSION}))]
        if path == "/api/tags":
            return [whole(200, go_json({"models": [m.tag() for m in self.models.values()]}))]
        return self._ask(path, request)

    def _ask(self, path: str, request: Recorded) -> Iterable[Step]:
        """Answer what names a model in a JSON body."""
        body = _body(request.body)
        if isinstance(body, str):
            return [_error(400, body)]
        name = body.get("model") or ""
        if not name:
            return [_error(400, "model is required")]
        model = self.models.get(full_name(name))
        if not self.schemas and isinstance(body.get("format"), dict):
            return [_error(400, _OLD_FORMAT)]
        if path == "/api/chat" and path in self.faults:
            return self.faults[path](self._answer(body).lines(name))
        if path == "/api/pull":
            return pull_steps(name)
        if model is None:
            return [_error(404, f"model '{name}' not found")]
        if path == "/api/show":
            return [whole(200, go_json(model.show()))]
        if path.startswith("/api/embed"):
            return [whole(200, go_json(_vectors(path, body, self.dimensions)))]
        return _refusal(body, model) or self._answer(body).steps(name)

    def _answer(self, body: dict[str, Any]) -> Answer:
        users = [m["content"] for m in body["messages"] if m["role"] == "user"]
        return self.answers.get(users[-1] if users else "", self.answer)


def _vectors(path: str, body: dict[str, Any], dimensions: int) -> dict[str, Any]:
    """Return vectors as both of Ollama's ways tell them; short ones tell the text's length."""
    texts = [body["prompt"]] if path == "/api/embeddings" else body["input"]
    vectors = [
        [float(len(text)), 1.0] if dimensions == 2 else vector_of(text, dimensions)
        for text in texts
    ]
    if path == "/api/embeddings":
        return {"embedding": vectors[0]}
    return {"model": body["model"], "embeddings": vectors, "prompt_eval_count": len(vectors)}


def _error(status: int, sentence: str) -> bytes:
    return whole(status, go_json({"error": sentence}))


def _body(data: bytes) -> dict[str, Any] | str:
    """Parse a body, or say what Go's decoder would."""
    if not data:
        return "missing request body"
    try:
        body = json.loads(data)
    except ValueError:
        return f"invalid character '{chr(data[0])}' looking for beginning of value"
    if not isinstance(body, dict):
        return "json: cannot unmarshal array into Go value of type api.ChatRequest"
    for message in body.get("messages", []):
        for call in message.get("tool_calls", []):
            if not isinstance(call["function"]["arguments"], dict):
                return "json: cannot unmarshal string into Go struct field ChatRequest.messages"
    return body


def _refusal(body: dict[str, Any], model: FakeModel) -> list[Step]:
    """Return the refusal of a request the model or its options cannot meet, or nothing."""
    if body.get("think") and "thinking" not in model.capabilities:
        return [_error(400, f'"{body["model"]}" does not support thinking')]
    if body.get("tools") and "tools" not in model.capabilities:
        return [_error(400, f"registry.ollama.ai/library/{model.name} does not support tools")]
    for option in _FLOATS:
        value = (body.get("options") or {}).get(option, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return [_error(500, f'option "{option}" must be of type float32')]
    return []


def _allowed(host: str) -> bool:
    """Follow Ollama's guard against foreign pages: only local names may be asked for."""
    name = host.rpartition(":")[0] or host
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))
    return address.is_loopback or address.is_private or address.is_unspecified


def _bearer(request: Recorded) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")
