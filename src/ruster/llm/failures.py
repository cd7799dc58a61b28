"""What goes wrong when talking to a provider over HTTP, as typed errors. No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ruster.core.errors import ProviderError, ProviderUnreachable

__all__ = ["Peer", "first_line"]

_RETRYABLE = frozenset({408, 409, 425, 429})
_SENTENCE_CHARS = 500
_LOST_UPSTREAM = frozenset({502, 504})
_PROXY_CODES = {
    "upstream_unreachable": "provider_unreachable",
    "provider_key_missing": "provider_key_missing",
    "upstream_timeout": "provider_timeout",
}
"""What the LLM proxy says of a service that does not answer, in our codes."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom we talk to, as far as the sentences of errors need it: ``url`` carries no login.

    ``remedy`` says what to do when nobody answers. A provider's own peer overrides how its error
    answers are read: ``sentence``, ``not_found`` and ``code``.
    """

    name: str
    url: str
    remedy: str
    through_proxy: bool = False

    def not_answering(self, detail: str = "", *, retryable: bool = False) -> ProviderUnreachable:
        """Nobody took the connection, or whoever took it said nothing.

        ``retryable`` when it may be a passing fault, unlike a port nobody listens on.
        """
        reason = f" ({detail})" if detail else ""
        who, remedy = self.name, self.remedy
        if self.through_proxy:
            who = "the LLM proxy"
            remedy = "start it, or remove proxy_url from the configuration"
        return ProviderUnreachable(
            f"{who} is not answering at {self.url}{reason}: {remedy}", retryable=retryable
        )

    def timed_out(self, seconds: float) -> ProviderError:
        """Connected, then silent for too long."""
        return ProviderError(
            f"{self.name} at {self.url} said nothing for {seconds:g} seconds",
            code="provider_timeout",
            retryable=True,
        )

    def cut(self, detail: str = "") -> ProviderError:
        """The answer ended before it was complete."""
        reason = f" ({detail})" if detail else ""
        return ProviderError(
            f"{self.name}'s answer was cut off before its end{reason}",
            code="provider_stream_cut",
            retryable=True,
        )

    def wrong(self, detail: str) -> ProviderError:
        """The answer is not what the provider's protocol says."""
        return ProviderError(f"{self.name}'s answer is {detail}", code="provider_protocol")

    def refused(self, status: int, body: bytes, model: str) -> ProviderError:
        """Translate an answer whose status is not 200."""
        if self.through_proxy and status in _LOST_UPSTREAM and (error := _told_by_proxy(body)):
            return error
        sentence = self.sentence(body)
        if status == 404:
            return self.not_found(sentence, model)
        if sentence is None and status in _LOST_UPSTREAM:
            return self.not_answering(f"a gateway answered {status}", retryable=True)
        if status == 401 and self.through_proxy:
            sentence = "the LLM proxy does not accept the token: set proxy_auth_token"
        shown = (sentence or first_line(body) or "no reason given")[:_SENTENCE_CHARS]
        code = self.code(status, shown, body)
        if code == "model_not_found":
            return self.not_found(sentence, model)
        return ProviderError(
            f"{self.name} refused the request: {shown} (HTTP {status})",
            code=code,
            retryable=self.retryable(status, shown, code),
        )

    def sentence(self, body: bytes) -> str | None:
        """Return what an error body says, or None if it is none of this provider's."""
        return first_line(body) or None

    def not_found(self, sentence: str | None, model: str) -> ProviderError:
        """Translate a 404."""
        return self.mismatch("base_url or proxy_url")

    def mismatch(self, settings: str) -> ProviderUnreachable:
        """Something answers, but not this provider; ``settings`` are the ones to correct."""
        return ProviderUnreachable(
            f"what answers at {self.url} is not {self.name}: correct {settings}",
            code="provider_mismatch",
        )

    def code(self, status: int, sentence: str, body: bytes) -> str:
        """Return the code of a refusal."""
        if status in (401, 403):
            return "provider_unauthorized"
        if status < 500 and status not in _RETRYABLE:
            return "provider_rejected"
        return "provider_failed"

    def retryable(self, status: int, sentence: str, code: str) -> bool:
        """Tell whether the same request may succeed a little later."""
        return code == "provider_failed" and (status in _RETRYABLE or status >= 500)


def _told_by_proxy(body: bytes) -> ProviderError | None:
    """Translate what a proxy says that got no answer from the service; None if it is no such."""
    try:
        error = json.loads(body)["error"]
        code, sentence = _PROXY_CODES[error["code"]], str(error["message"])[:_SENTENCE_CHARS]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    message = f"behind the LLM proxy, {sentence}"
    if code == "provider_timeout":
        return ProviderError(message, code=code, retryable=True)
    return ProviderUnreachable(message, code=code)


def first_line(body: bytes) -> str:
    """Return the beginning of a body, fit for a sentence."""
    lines = body[:500].decode("utf-8", "replace").strip().splitlines()
    return lines[0][:200] if lines else ""
