"""The JSON that OpenAI's chat completions and embeddings give, with others' additions. No I/O."""

from __future__ import annotations

from typing import Any

from ruster.core.inference import Usage
from ruster.llm.wire import Wire

__all__ = ["CallDelta", "Chunk", "Delta", "EmbeddingsAnswer", "ErrorBody", "Model", "ModelsAnswer"]


class FunctionDelta(Wire):
    """A piece of a called function; arguments come as pieces of JSON text, or whole."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CallDelta(Wire):
    """A piece of a tool call; pieces of one call share an index."""

    index: int | None = None
    id: str | None = None
    function: FunctionDelta | None = None


class Delta(Wire):
    """A piece of the message; reasoning has two names in the field, some servers send both."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: tuple[CallDelta, ...] | None = None


class Choice(Wire):
    """One of the answers asked for (always one); ``message`` when it did not come in pieces."""

    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None


class PromptDetails(Wire):
    """Where the tokens of the prompt came from."""

    cached_tokens: int | None = None


class UsageShape(Wire):
    """Tokens of the whole answer."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None

    def usage(self) -> Usage:
        """Return it in neutral form."""
        details = self.prompt_tokens_details or PromptDetails()
        return Usage(
            prompt=self.prompt_tokens or 0,
            completion=self.completion_tokens or 0,
            cached=details.cached_tokens or 0,
        )


class GroqExtra(Wire):
    """What Groq adds to its first and last chunk."""

    usage: UsageShape | None = None
    error: str | None = None


class Chunk(Wire):
    """One event of the stream; the one with the usage has no choices."""

    choices: tuple[Choice, ...] | None = None
    usage: UsageShape | None = None
    x_groq: GroqExtra | None = None
    error: str | dict[str, Any] | None = None
    message: str | None = None
    detail: str | None = None


class ErrorBody(Wire):
    """The body of a refusal, in the shapes in use: ``error``, ``message`` or ``detail``."""

    error: str | dict[str, Any] | None = None
    message: str | None = None
    detail: Any = None
    type: str | None = None
    code: Any = None


class ModelMeta(Wire):
    """What llama.cpp's server adds to a model."""

    n_ctx_train: int | None = None
    n_ctx: int | None = None


class Model(Wire):
    """One model of the list; the window (tokens) has a different name with every server."""

    id: str
    context_length: int | None = None
    max_model_len: int | None = None
    context_window: int | None = None
    max_context_length: int | None = None
    meta: ModelMeta | None = None

    def window(self) -> int | None:
        """Return the window in tokens, or None if it is not told."""
        meta = self.meta or ModelMeta()
        told = (
            self.context_length,
            self.max_model_len,
            self.context_window,
            self.max_context_length,
            meta.n_ctx,
            meta.n_ctx_train,
        )
        return next((size for size in told if size and size > 0), None)


class ModelsAnswer(Wire):
    """The body of ``/models``."""

    data: tuple[Model, ...] | None


class EmbeddingItem(Wire):
    """One vector; ``index`` is the place of its text in the request."""

    embedding: tuple[float, ...]
    index: int | None = None


class EmbeddingsAnswer(Wire):
    """The body of ``/embeddings``."""

    data: tuple[EmbeddingItem, ...]

    def vectors(self) -> list[tuple[float, ...]]:
        """Return the vectors in the order of their texts; servers may send them in another."""
        places = [item.index for item in self.data]
        if None in places:
            return [item.embedding for item in self.data]
        by_place = {item.index: item.embedding for item in self.data}
        return [by_place[at] for at in range(len(self.data)) if at in by_place]
