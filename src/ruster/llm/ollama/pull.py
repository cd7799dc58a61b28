"""Fetching a model into Ollama, step by step (``/api/pull``). No I/O."""

from __future__ import annotations

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.inference import Progress
from ruster.llm.ollama.wire import PullLine
from ruster.llm.wire import error_sentence

__all__ = ["PullSteps", "interrupted"]

_ABSENT = ("file does not exist", "not found")
_SUCCESS = "success"


class PullSteps:
    """Translates the lines of one pull; ``done`` is true after the last one."""

    def __init__(self, model: str) -> None:
        self.done = False
        self._model = model

    def take(self, line: PullLine) -> Progress:
        """Return how far it is; raises ``ProviderError`` for an error line.

        ``model_not_found`` when the library has no such model, else ``pull_interrupted``.
        """
        if sentence := error_sentence(line.error):
            if any(words in sentence for words in _ABSENT):
                raise ProviderUnreachable(
                    f"Ollama's library has no model {self._model!r}: see https://ollama.com/library",
                    code="model_not_found",
                )
            raise interrupted(self._model, sentence)
        self.done = line.status == _SUCCESS
        return Progress(line.status or "", line.completed or 0, line.total or 0)


def interrupted(model: str, why: str) -> ProviderError:
    """Return the error of a pull that broke off: Ollama keeps what it has."""
    return ProviderError(
        f"fetching {model!r} broke off ({why}); start it again, it goes on where it stopped",
        code="pull_interrupted",
        retryable=True,
    )
