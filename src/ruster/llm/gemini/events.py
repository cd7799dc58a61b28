"""From the chunks of Gemini's stream to the neutral events of ``core.inference``. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ruster.core.errors import ProviderError
from ruster.core.inference import FinishReason, InferenceEvent, Usage
from ruster.core.messages import ToolCall
from ruster.llm.answer import AnswerEvents
from ruster.llm.gemini.failures import GeminiPeer
from ruster.llm.gemini.wire import Candidate, Chunk, Part
from ruster.llm.tool_calls import tool_call

__all__ = ["ChatEvents"]

_ENDS = {"STOP": FinishReason.STOP, "MAX_TOKENS": FinishReason.LENGTH}
_MALFORMED = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"})
_OPEN = frozenset({None, "", "FINISH_REASON_UNSPECIFIED"})


class ChatEvents:
    """Translates the chunks of one answer, in order, until ``end`` is asked for.

    ``finished`` is true once Gemini has said why it stopped; the stream's end then is the answer's.
    """

    def __init__(self, peer: GeminiPeer, *, show_thinking: bool) -> None:
        self.finished = False
        self._peer = peer
        self._answer = AnswerEvents(show_thinking=show_thinking)
        self._usage: Usage | None = None
        self._reason = FinishReason.STOP
        self._signature: str | None = None

    def take(self, chunk: Chunk) -> Iterator[InferenceEvent]:
        """Yield the events of one chunk; raises ``ProviderError`` for errors and blocks."""
        if chunk.error is not None:
            raise self._peer.failed(chunk.error)
        if chunk.usage_metadata is not None:
            self._usage = chunk.usage_metadata.usage()
        feedback = chunk.prompt_feedback
        if feedback is not None and feedback.block_reason not in _OPEN:
            raise self._blocked(
                "will not answer this", feedback.block_reason_message or feedback.block_reason
            )
        if chunk.candidates is None and feedback is None and chunk.usage_metadata is None:
            raise self._peer.wrong("no generated content")
        for candidate in (chunk.candidates or ())[:1]:
            for part in (candidate.content and candidate.content.parts) or ():
                yield from self._part(part)
            self._finish(candidate)

    def end(self) -> Iterator[InferenceEvent]:
        """Yield the usage and the end."""
        yield from self._answer.end(self._reason, self._usage)

    def _part(self, part: Part) -> Iterator[InferenceEvent]:
        if part.function_call is not None:
            made = part.function_call
            call = tool_call(made.name, made.args, made.id)
            signature, self._signature = part.thought_signature or self._signature, None
            yield from self._answer.call(ToolCall(call.id, call.name, call.arguments, signature))
            return
        if part.thought:
            # Some models put the signature of the call that follows into the thought.
            self._signature = part.thought_signature or self._signature
            yield from self._answer.thought(part.text or "")
        else:
            yield from self._answer.content(part.text or "")

    def _finish(self, candidate: Candidate) -> None:
        reason = candidate.finish_reason
        if reason in _OPEN:
            return
        if reason in _MALFORMED:
            raise ProviderError(
                f"{self._peer.name}'s model wrote a tool call that cannot be read; try again",
                retryable=True,
            )
        if reason not in _ENDS:
            raise self._blocked("broke the answer off", candidate.finish_message or reason)
        self.finished = True
        self._reason = _ENDS[reason]

    def _blocked(self, what: str, why: str | None) -> ProviderError:
        return ProviderError(
            f"{self._peer.name} {what} ({str(why)[:200]}); ask in other words",
            code="provider_blocked",
        )
