"""What an error answer of an OpenAI-like server means. No I/O.

Codes and sentences are those of OpenAI, xAI, OpenRouter, Groq, vLLM and llama.cpp's server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.llm.failures import Peer
from ruster.llm.openai_compatible.wire import ErrorBody
from ruster.llm.wire import error_sentence

__all__ = ["OpenAiPeer"]

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (code, re.compile(pattern, re.IGNORECASE))
    for code, pattern in (
        (
            "context_overflow",
            r"context_length_exceeded|exceed_context_size|context (length|size|window)",
        ),
        (
            "provider_quota",
            r"insufficient_quota|exceeded your current quota|credit balance|(more|no) credit",
        ),
        ("provider_unauthorized", r"(incorrect|invalid) api key|invalid_api_key|api key not valid"),
        (
            "tools_unsupported",
            r"(not|no endpoints found that) support tool|tools? (use|calling) is not"
            r"|tool choice requires|tools param requires",
        ),
        (
            "schema_unsupported",
            r"response_?format|json.?schema|structured.?output|grammar (error|specification)"
            r"|(parse|invalid) grammar",
        ),
        (
            "model_not_found",
            r"model_not_found|not a valid model|models?\b.{0,200}?(not found|not exist|no such)",
        ),
        ("provider_blocked", r"content_(filter|policy)|flagged by|moderation"),
    )
)
_BY_STATUS = {402: "provider_quota"}
_CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True, slots=True)
class OpenAiPeer(Peer):
    """Reads OpenAI-like error answers."""

    def sentence(self, body: bytes) -> str | None:
        """Return the sentence of ``{"error": {"message": …}}`` and its relatives."""
        try:
            said = ErrorBody.model_validate_json(body)
        except ValidationError:
            return None
        detail = said.detail if isinstance(said.detail, str) else None
        return error_sentence(said.error) or said.message or detail

    def not_found(self, sentence: str | None, model: str) -> ProviderError:
        """The server is there and the model is not, or it is another server."""
        if sentence is None or not model:
            return self.mismatch(f"base_url in [providers.{self.name}], or proxy_url")
        code = _code_in(sentence)
        if code in ("tools_unsupported", "schema_unsupported"):
            return ProviderError(f"{self.name}: {sentence}", code=code)
        return self.model_not_found(model)

    def model_not_found(self, model: str) -> ProviderUnreachable:
        """The server is there, the model is not."""
        return ProviderUnreachable(
            f"{self.name} has no model {model!r}: see `rusterctl models`", code="model_not_found"
        )

    def code(self, status: int, sentence: str, body: bytes) -> str:
        """Return the code of a refusal."""
        if status in _CLIENT_ERRORS:
            words = f"{sentence} {_labels(body)}"
            found = _BY_STATUS.get(status) or _code_in(words)
            if found is not None and (status != 429 or found == "provider_quota"):
                return found
        return Peer.code(self, status, sentence, body)

    def failed(self, error: str | Mapping[str, Any]) -> ProviderError:
        """Translate an error that came within the stream."""
        fields = {"message": error} if isinstance(error, str) else dict(error)
        status = fields.get("code")
        number = status if isinstance(status, int) and 400 <= status < 600 else 500
        sentence = error_sentence(fields) or "no reason given"
        labels = f"{sentence} {fields.get('code')} {fields.get('type')}"
        code = _code_in(labels) or Peer.code(self, number, sentence, b"")
        return ProviderError(
            f"{self.name} failed while it was answering: {sentence[:500]}",
            code=code,
            retryable=self.retryable(number, sentence, code),
        )


def _labels(body: bytes) -> str:
    """Return the machine's words of an error body: its ``code`` and ``type``."""
    try:
        said = ErrorBody.model_validate_json(body)
    except ValidationError:
        return ""
    inner = said.error if isinstance(said.error, dict) else {}
    return f"{inner.get('code')} {inner.get('type')} {said.code} {said.type}"


def _code_in(words: str) -> str | None:
    return next((code for code, pattern in _PATTERNS if pattern.search(words)), None)
