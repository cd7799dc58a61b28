"""What the fake Gemini says: chunks as AI Studio writes them, and every way to break an answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.fakes.go_http import LAST_CHUNK, chunk
from tests.fakes.http_server import Fault, Pause, Step
from tests.fakes.sse_faults import SSE_HEAD, TRANSPORT_FAULTS, event, said, status

__all__ = ["FAULTS", "Answer", "chunk_of", "gemini_event"]


def gemini_event(value: Any) -> bytes:
    """Write one event; Google ends lines with CR LF."""
    return event(value).replace(b"\n\n", b"\r\n\r\n")


def chunk_of(
    parts: list[dict[str, Any]], finish: str | None = None, **usage: int
) -> dict[str, Any]:
    """Return one chunk in AI Studio's key order."""
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}}
    if finish:
        candidate["finishReason"] = finish
    candidate["index"] = 0
    return {
        "candidates": [candidate],
        "usageMetadata": {"promptTokenCount": 12, **usage, "totalTokenCount": 12},
        "modelVersion": "gemini-2.5-flash",
        "responseId": "wCQoafqaFaKrz7IPpqmViQY",
    }


@dataclass(frozen=True)
class Answer:
    """One answer: thoughts, content, then calls (name, arguments, signature)."""

    content: tuple[str, ...] = ("Hello", "! How can I help you today?")
    thoughts: tuple[str, ...] = ()
    calls: tuple[tuple[str, dict[str, Any], str | None], ...] = ()
    finish: str = "STOP"
    cached: int = 0
    delay_s: float = 0.0

    def events(self) -> list[bytes]:
        """Return the events of the stream."""
        parts: list[dict[str, Any]] = [{"text": text, "thought": True} for text in self.thoughts]
        parts += [{"text": text} for text in self.content]
        parts += [_call(*call) for call in self.calls]
        chunks = [chunk_of([part]) for part in parts[:-1]]
        usage = {"candidatesTokenCount": len(self.content) + len(self.calls) or 1}
        if self.thoughts:
            usage["thoughtsTokenCount"] = len(self.thoughts)
        if self.cached:
            usage["cachedContentTokenCount"] = self.cached
        chunks.append(chunk_of(parts[-1:] or [{"text": ""}], self.finish, **usage))
        return [gemini_event(value) for value in chunks]

    def steps(self) -> Iterable[Step]:
        """Yield the whole response, a chunk an event."""
        yield SSE_HEAD
        for data in self.events():
            yield chunk(data)
            if self.delay_s:
                yield Pause(self.delay_s)
        yield LAST_CHUNK


def _call(name: str, arguments: dict[str, Any], signature: str | None) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": name, "args": arguments}}
    return part | ({"thoughtSignature": signature} if signature else {})


def _error(code: int, message: str, name: str, *details: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message, "status": name}
    return {"error": error | ({"details": list(details)} if details else {})}


def _finished(reason: str) -> Fault:
    last = gemini_event(chunk_of([], reason))
    return lambda events: said((events[0], last))


_BAD = "INVALID_ARGUMENT"
_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
_WAIT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7.5s"}
_DAY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}
_LONG = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
_BLOCKED = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": "x"}
_EXHAUSTED = _error(429, "Resource has been exhausted", "RESOURCE_EXHAUSTED", _WAIT)

FAULTS: dict[str, tuple[Fault, str]] = TRANSPORT_FAULTS | {
    "wrong key": (
        status(400, _error(400, "API key not valid. Please pass a valid one.", _BAD, _KEY)),
        "provider_unauthorized",
    ),
    "expired token": (
        status(401, [_error(401, "Request had invalid credentials.", "UNAUTHENTICATED")]),
        "provider_unauthorized",
    ),
    "no permission": (
        status(403, _error(403, "Permission denied on resource.", "PERMISSION_DENIED")),
        "provider_unauthorized",
    ),
    "model not there": (
        status(404, _error(404, "models/gemini-9 is not found for API v1beta", "NOT_FOUND")),
        "model_not_found",
    ),
    "bad request": (status(400, _error(400, "Invalid JSON payload", _BAD)), "provider_rejected"),
    "too long": (status(400, _error(400, _LONG, _BAD)), "context_overflow"),
    "no tools": (
        status(400, _error(400, "Function calling is not enabled for this model", _BAD)),
        "tools_unsupported",
    ),
    "no schema": (
        status(400, _error(400, "Json mode is not enabled for models/gemma-3-4b-it", _BAD)),
        "schema_unsupported",
    ),
    "a schema it cannot read": (
        status(400, _error(400, "Invalid value at 'generation_config.response_schema'", _BAD)),
        "schema_unsupported",
    ),
    "too many requests": (status(429, _EXHAUSTED), "provider_failed"),
    "too many requests, as Vertex AI says it": (status(429, [_EXHAUSTED]), "provider_failed"),
    "quota of the day used up": (
        status(429, _error(429, "Quota exceeded", "RESOURCE_EXHAUSTED", _DAY, _WAIT)),
        "provider_quota",
    ),
    "internal": (status(500, _error(500, "An internal error", "INTERNAL")), "provider_failed"),
    "overloaded": (
        status(503, _error(503, "The model is overloaded.", "UNAVAILABLE")),
        "provider_failed",
    ),
    "prompt blocked": (lambda _: said((gemini_event(_BLOCKED),)), "provider_blocked"),
    "safety": (_finished("SAFETY"), "provider_blocked"),
    "recitation": (_finished("RECITATION"), "provider_blocked"),
    "a reason nobody knows yet": (_finished("TOO_BLUE"), "provider_blocked"),
    "malformed call": (_finished("MALFORMED_FUNCTION_CALL"), "provider_failed"),
    "error in the stream": (
        lambda events: said((events[0], gemini_event(_error(503, "overloaded", "UNAVAILABLE")))),
        "provider_failed",
    ),
    "error with status 200": (status(200, _error(500, "oops", "INTERNAL")), "provider_failed"),
    "error in an array": (status(200, [_error(500, "oops", "INTERNAL")]), "provider_failed"),
    "arguments that are no object": (
        lambda _: said((gemini_event(chunk_of([{"functionCall": {"name": "f", "args": [1]}}])),)),
        "provider_protocol",
    ),
    "a call without a name": (
        lambda _: said((gemini_event(chunk_of([{"functionCall": {"args": {}}}])),)),
        "provider_protocol",
    ),
}
"""Every way a chat can fail, and the code of the one error it must end in."""
