"""What an error answer of Ollama, or of a proxy before it, means. No I/O.

Statuses and sentences follow ollama/ollama ``server/routes.go``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.llm.ollama.wire import parse_error

__all__ = ["Peer"]

_RETRYABLE = frozenset({408, 425, 429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom we talk to, as far as the sentences of errors need it: ``url`` carries no login."""

    url: str
    through_proxy: bool = False

    def not_answering(self, detail: str = "") -> ProviderUnreachable:
        """Nobody took the connection, or whoever took it said nothing."""
        reason = f" ({detail})" if detail else ""
        if self.through_proxy:
            return ProviderUnreachable(
                f"the LLM proxy is not answering at {self.url}{reason}: "
                "start it, or remove proxy_url from the configuration"
            )
        return ProviderUnreachable(
            f"Ollama is not answering at {self.url}{reason}: "
            "start it with `ollama serve`, or install it from https://ollama.com/download"
        )

    def model_not_found(self, model: str) -> ProviderUnreachable:
        """Ollama is there, the model is not."""
        return ProviderUnreachable(
            f"Ollama has no model {model!r}: run `ollama pull {model}`", code="model_not_found"
        )

    def timed_out(self, seconds: float) -> ProviderError:
        """Connected, then silent for too long."""
        return ProviderError(
            f"Ollama at {self.url} said nothing for {seconds:g} seconds",
            code="provider_timeout",
            retryable=True,
        )

    def cut(self, detail: str = "") -> ProviderError:
        """The answer ended before it was complete."""
        reason = f" ({detail})" if detail else ""
        return ProviderError(
            f"Ollama's answer was cut off before its end{reason}",
            code="provider_stream_cut",
            retryable=True,
        )

    def refused(self, status: int, body: bytes, model: str) -> ProviderError:
        """Translate an answer whose status is not 200."""
        sentence = parse_error(body)
        if status == 404:
            return self._not_found(sentence, model)
        if sentence is None and status in (502, 504):
            return self.not_answering(f"a gateway answered {status}")
        if status == 401 and self.through_proxy:
            sentence = "the LLM proxy does not accept the token: set proxy_auth_token"
        shown = sentence or _first_line(body) or "no reason given"
        return ProviderError(
            f"Ollama refused the request: {shown} (HTTP {status})",
            code=_code(status, shown),
            retryable=status in _RETRYABLE,
        )

    def _not_found(self, sentence: str | None, model: str) -> ProviderUnreachable:
        if sentence is not None and "not found" in sentence:
            return self.model_not_found(model)
        return ProviderUnreachable(
            f"what answers at {self.url} is not Ollama: correct ollama_url or proxy_url",
            code="provider_mismatch",
        )


def _code(status: int, sentence: str) -> str:
    if status in (401, 403):
        return "provider_unauthorized"
    if status == 400 and "does not support tools" in sentence:
        return "tools_unsupported"
    if status < 500 and status != 429:
        return "provider_rejected"
    return "provider_failed"


def _first_line(body: bytes) -> str:
    lines = body[:500].decode("utf-8", "replace").strip().splitlines()
    return lines[0][:200] if lines else ""
