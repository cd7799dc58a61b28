"""What an error answer of Gemini means. No I/O. Errors are ``google.rpc.Status`` objects."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.llm.failures import Peer
from ruster.llm.gemini.wire import ErrorBody, ErrorShape

__all__ = ["GeminiPeer"]

_BODY: TypeAdapter[ErrorBody | tuple[ErrorBody, ...]] = TypeAdapter(
    ErrorBody | tuple[ErrorBody, ...]
)
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")
_CODES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (code, re.compile(pattern, re.IGNORECASE))
    for code, pattern in (
        ("provider_unauthorized", r"api[ _]key[ _](not valid|invalid|expired)|UNAUTHENTICATED"),
        ("context_overflow", r"input token count|exceeds the maximum number of tokens"),
        ("tools_unsupported", r"(function calling|tool use) is not (enabled|supported)"),
        (
            "schema_unsupported",
            r"json mode is not (enabled|supported)|response_?(schema|mime_?type)",
        ),
        ("provider_quota", r"PerDay|billing account|FreeTier.{0,40}limit: 0\b"),
    )
)


@dataclass(frozen=True, slots=True)
class GeminiPeer(Peer):
    """Reads Gemini's error answers."""

    def refused(self, status: int, body: bytes, model: str) -> ProviderError:
        """Translate a refusal; it tells in its details how long to wait."""
        error = Peer.refused(self, status, body, model)
        shape = _shape(body)
        if shape is not None:
            error.retry_after_s = _delay_s(shape)
        return error

    def sentence(self, body: bytes) -> str | None:
        """Return the status's message."""
        shape = _shape(body)
        return None if shape is None else shape.message or shape.status

    def not_found(self, sentence: str | None, model: str) -> ProviderError:
        """The service is there and the model is not, or it is another service."""
        if sentence is None or not model:
            return self.mismatch(f"base_url in [providers.{self.name}], or proxy_url")
        return ProviderUnreachable(
            f"{self.name} has no model {model!r}: see `rusterctl models`", code="model_not_found"
        )

    def code(self, status: int, sentence: str, body: bytes) -> str:
        """Return the code of a refusal."""
        words = f"{sentence} {body[:8000].decode('utf-8', 'replace')}"
        if 400 <= status < 500:
            for code, pattern in _CODES:
                if pattern.search(words):
                    return code
        return Peer.code(self, status, sentence, body)

    def failed(self, shape: ErrorShape) -> ProviderError:
        """Translate an error that came within the stream."""
        status = shape.code or 500
        sentence = shape.message or shape.status or "no reason given"
        code = self.code(status, sentence, b"")
        error = ProviderError(
            f"{self.name} failed while it was answering: {sentence[:500]}",
            code=code,
            retryable=self.retryable(status, sentence, code),
        )
        error.retry_after_s = _delay_s(shape)
        return error


def _shape(body: bytes) -> ErrorShape | None:
    """Return the error of a body; Vertex AI writes it into an array."""
    try:
        said = _BODY.validate_json(body)
    except ValidationError:
        return None
    if isinstance(said, ErrorBody):
        return said.error
    return said[0].error if said else None


def _delay_s(shape: ErrorShape) -> float | None:
    """Return the ``retryDelay`` of the ``google.rpc.RetryInfo``, in seconds."""
    for detail in shape.details or ():
        found = _DELAY.fullmatch(str(detail.get("retryDelay", "")))
        if found:
            return float(found[1])
    return None
