"""What an error answer of Ollama, or of a proxy before it, means. No I/O.

Statuses and sentences follow ollama/ollama ``server/routes.go``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.llm.failures import Peer
from ruster.llm.ollama.wire import parse_error

__all__ = ["OllamaPeer", "refuses_schema"]

_NO_SCHEMA = re.compile(
    r"JSON schema in format|invalid format:|\.format of type|required for format|\bgrammar\b"
)


def refuses_schema(sentence: str) -> bool:
    """Tell whether Ollama says that it cannot hold an answer to the schema in ``format``."""
    return _NO_SCHEMA.search(sentence) is not None


@dataclass(frozen=True, slots=True)
class OllamaPeer(Peer):
    """Reads Ollama's error answers."""

    name: str = "Ollama"
    url: str = ""
    remedy: str = "start it with `ollama serve`, or install it from https://ollama.com/download"

    def sentence(self, body: bytes) -> str | None:
        """Return the sentence of ``{"error": …}``."""
        return parse_error(body)

    def not_found(self, sentence: str | None, model: str) -> ProviderError:
        """Ollama is there and the model is not, or it is not Ollama."""
        if sentence is not None and "not found" in sentence:
            return self.model_not_found(model)
        return self.mismatch("ollama_url or proxy_url")

    def model_not_found(self, model: str) -> ProviderUnreachable:
        """Ollama is there, the model is not."""
        return ProviderUnreachable(
            f"Ollama has no model {model!r}: run `ollama pull {model}`", code="model_not_found"
        )

    def code(self, status: int, sentence: str, body: bytes) -> str:
        """Return the code of a refusal."""
        if status == 400 and "does not support tools" in sentence:
            return "tools_unsupported"
        if refuses_schema(sentence):
            return "schema_unsupported"
        return Peer.code(self, status, sentence, body)

    def retryable(self, status: int, sentence: str, code: str) -> bool:
        """Tell whether the same request may succeed a little later; too little memory stays so."""
        too_large = "requires more system memory" in sentence
        return not too_large and Peer.retryable(self, status, sentence, code)
