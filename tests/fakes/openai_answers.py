"""What the fake OpenAI-like server says: chunks in the shapes of several servers, and faults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.fakes.go_http import LAST_CHUNK, chunk
from tests.fakes.http_server import Fault, Pause, Step
from tests.fakes.sse_faults import SSE_HEAD, TRANSPORT_FAULTS, event, said, status

__all__ = ["DONE", "FAULTS", "Answer", "chunk_of"]

DONE = b"data: [DONE]\n\n"


def chunk_of(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return one chunk in OpenAI's key order."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "object": "chat.completion.chunk",
        "created": 1741570283,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_fc9f1d7035",
        "choices": [choice],
    } | more


@dataclass(frozen=True)
class Answer:
    """One answer: reasoning, content, then calls (name, pieces of the arguments' JSON).

    ``field`` is what the server calls reasoning; ``usage`` how it tells tokens: as OpenAI in a
    chunk of its own, as Groq within the last one (``x_groq``), or not at all.
    """

    content: tuple[str, ...] = ("Hello", "!", " How can I help you today?")
    reasoning: tuple[str, ...] = ()
    calls: tuple[tuple[str, tuple[str, ...]], ...] = ()
    finish: str = "stop"
    field: str = "reasoning_content"
    usage: str = "openai"
    cached: int = 0
    comments: bool = False
    delay_s: float = 0.0

    def events(self) -> list[bytes]:
        """Return the events of the stream."""
        parts = [{"role": "assistant", "content": "", "refusal": None}]
        parts += [{self.field: text} for text in self.reasoning]
        parts += [{"content": text} for text in self.content]
        events = [event(chunk_of(delta)) for delta in (*parts, *self._calls())]
        finish = "tool_calls" if self.calls else self.finish
        last = {"x_groq": {"id": "req_01", "usage": self._tokens()}} if self.usage == "groq" else {}
        events.append(event(chunk_of({}, finish, **last)))
        if self.usage == "openai":
            events.append(event(chunk_of({}) | {"choices": [], "usage": self._tokens()}))
        if self.comments:
            events = [b": OPENROUTER PROCESSING\n\n" + data for data in events]
        return [*events, DONE]

    def steps(self) -> Iterable[Step]:
        """Yield the whole response, a chunk an event."""
        yield SSE_HEAD
        for data in self.events():
            yield chunk(data)
            if self.delay_s:
                yield Pause(self.delay_s)
        yield LAST_CHUNK

    def _calls(self) -> Iterable[dict[str, Any]]:
        for index, (name, pieces) in enumerate(self.calls):
            begun = {"index": index, "id": f"call_DdmO9pD3xa9XTPNJ{index}", "type": "function"}
            yield {"tool_calls": [begun | {"function": {"name": name, "arguments": ""}}]}
            for piece in pieces:
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}

    def _tokens(self) -> dict[str, Any]:
        written = max(len(self.content) + len(self.reasoning), 1)
        return {
            "prompt_tokens": 19,
            "completion_tokens": written,
            "total_tokens": 19 + written,
            "prompt_tokens_details": {"cached_tokens": self.cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": len(self.reasoning)},
        }


def _error(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


_REQUEST = "invalid_request_error"
_KEY = "Incorrect API key provided: sk-canary-0123456789. You can find your API key online."
_LIMIT = "Rate limit reached for gpt-4o: see https://platform.openai.com/account/billing"
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_LONG = "This model's maximum context length is 8192 tokens. Your messages resulted in 9001."
_NO_TOOLS = "No endpoints found that support tool use."
_NO_PARSER = (
    '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
)
_NO_SCHEMA = (
    "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
)
_GONE = {"error": {"code": 502, "message": "Provider disconnected unexpectedly"}}
_ONE_CALL = {"index": 0, "id": "call_1", "type": "function"}


def _call(function: dict[str, Any]) -> bytes:
    return event(chunk_of({"tool_calls": [_ONE_CALL | {"function": function}]}))


def _calling(function: dict[str, Any]) -> Fault:
    return lambda _: said((_call(function), event(chunk_of({}, "tool_calls")), DONE))


FAULTS: dict[str, tuple[Fault, str]] = TRANSPORT_FAULTS | {
    "wrong key": (status(401, _error(_KEY, _REQUEST, "invalid_api_key")), "provider_unauthorized"),
    "wrong key, as xAI says it": (
        status(400, {"code": "Client specified an invalid argument", "error": _KEY}),
        "provider_unauthorized",
    ),
    "no permission": (status(403, {"detail": "forbidden"}), "provider_unauthorized"),
    "model not there": (
        status(404, _error("The model `gpt-9` does not exist", _REQUEST, "model_not_found")),
        "model_not_found",
    ),
    "model not there, as OpenRouter says it": (
        status(400, {"error": {"message": "gpt-9 is not a valid model ID", "code": 400}}),
        "model_not_found",
    ),
    "no tools, as OpenRouter says it": (
        status(404, {"error": {"message": _NO_TOOLS, "code": 404}}),
        "tools_unsupported",
    ),
    "no tools, as vLLM says it": (
        status(400, {"object": "error", "message": _NO_PARSER, "type": "BadRequestError"}),
        "tools_unsupported",
    ),
    "no schema": (status(400, _error(_NO_SCHEMA, _REQUEST, None)), "schema_unsupported"),
    "no schema, as DeepSeek says it": (
        status(400, _error("This response_format type is unavailable now", _REQUEST, None)),
        "schema_unsupported",
    ),
    "no schema, as llama.cpp says it": (
        status(400, _error("JSON schema conversion failed: unknown type", _REQUEST, None)),
        "schema_unsupported",
    ),
    "bad request": (status(400, _error("bad messages", _REQUEST, None)), "provider_rejected"),
    "unprocessable": (status(422, {"detail": [{"msg": "field required"}]}), "provider_rejected"),
    "too long": (
        status(400, _error(_LONG, _REQUEST, "context_length_exceeded")),
        "context_overflow",
    ),
    "too long, as llama.cpp says it": (
        status(400, {"error": {"code": 400, "type": "exceed_context_size_error", "message": "n"}}),
        "context_overflow",
    ),
    "no credit": (
        status(402, {"error": {"message": "Add credits", "code": 402}}),
        "provider_quota",
    ),
    "quota used up": (
        status(429, _error(_QUOTA, "insufficient_quota", "insufficient_quota")),
        "provider_quota",
    ),
    "too many requests": (
        status(429, _error(_LIMIT, "requests", "rate_limit_exceeded"), "Retry-After: 7"),
        "provider_failed",
    ),
    "conflict": (status(409, _error("try again", "conflict", None)), "provider_failed"),
    "overloaded": (status(503, _error("overloaded", "server_error", None)), "provider_failed"),
    "content filter": (
        lambda events: said((events[0], event(chunk_of({}, "content_filter")), DONE)),
        "provider_blocked",
    ),
    "error in the stream": (lambda events: said((events[0], event(_GONE))), "provider_failed"),
    "error in the stream without data": (
        lambda events: said((events[0], b'{"error":"llama_decode failed"}\n\n')),
        "provider_failed",
    ),
    "error as a chunk's reason": (
        lambda events: said((events[0], event(chunk_of({}, "error")))),
        "provider_failed",
    ),
    "error with status 200": (
        lambda _: status(200, {"error": {"message": "no such luck"}})([]),
        "provider_failed",
    ),
    "nothing but DONE": (lambda _: said((DONE,)), "provider_stream_cut"),
    "arguments that are no object": (
        _calling({"name": "f", "arguments": "[1]"}),
        "provider_protocol",
    ),
    "arguments that break off": (
        _calling({"name": "f", "arguments": '{"a":'}),
        "provider_protocol",
    ),
    "a call without a name": (_calling({"arguments": "{}"}), "provider_protocol"),
    "a call that never ends": (
        lambda _: said((_call({"name": "f", "arguments": "x" * 600_000}),) * 2),
        "provider_protocol",
    ),
    "calls without end": (
        lambda _: said(
            event(chunk_of({"tool_calls": [{"index": n, "function": {"name": "f"}}]}))
            for n in range(129)
        ),
        "provider_protocol",
    ),
}
"""Every way a chat can fail, and the code of the one error it must end in."""
