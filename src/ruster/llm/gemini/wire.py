"""The JSON that Gemini gives (``GenerateContentResponse``, ``ListModelsResponse``). No I/O."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from ruster.core.inference import Usage
from ruster.llm.wire import Wire

__all__ = ["Candidate", "Chunk", "ErrorBody", "ModelsAnswer", "Part"]


class _Camel(Wire):
    """Names are camel case on the wire."""

    model_config = ConfigDict(alias_generator=to_camel)


class FunctionCall(_Camel):
    """A called function."""

    name: str
    args: dict[str, Any] | None = None
    id: str | None = None


class Part(_Camel):
    """A piece of the message: text (a thought when marked so) or a call."""

    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: FunctionCall | None = None


class Content(_Camel):
    """The message; some chunks have none of its parts."""

    parts: tuple[Part, ...] | None = None


class Candidate(_Camel):
    """The answer; only one is asked for."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None


class PromptFeedback(_Camel):
    """Why nothing is answered."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class UsageMetadata(_Camel):
    """Tokens so far; every chunk carries them."""

    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None

    def usage(self) -> Usage:
        """Return it in neutral form; thoughts are written by the model, so they count as such."""
        return Usage(
            prompt=(self.prompt_token_count or 0) + (self.tool_use_prompt_token_count or 0),
            completion=(self.candidates_token_count or 0) + (self.thoughts_token_count or 0),
            cached=self.cached_content_token_count or 0,
        )


class ErrorShape(_Camel):
    """A ``google.rpc.Status``."""

    code: int | None = None
    message: str | None = None
    status: str | None = None
    details: tuple[dict[str, Any], ...] | None = None


class Chunk(_Camel):
    """One event of the stream."""

    candidates: tuple[Candidate, ...] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    error: ErrorShape | None = None


class ErrorBody(BaseModel):
    """The body of a refusal."""

    error: ErrorShape


class Model(_Camel):
    """One model of the list; windows in tokens."""

    name: str
    input_token_limit: int | None = None
    supported_generation_methods: tuple[str, ...] | None = None


class ModelsAnswer(_Camel):
    """One page of ``models.list``."""

    models: tuple[Model, ...] | None = None
    next_page_token: str | None = None
    error: ErrorShape | None = None
