"""From the chunks of a chat completion to the neutral events of ``core.inference``. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ruster.core.errors import ProviderError
from ruster.core.inference import FinishReason, InferenceEvent, Usage
from ruster.llm.answer import AnswerEvents
from ruster.llm.openai_compatible.calls import CallAssembler
from ruster.llm.openai_compatible.failures import OpenAiPeer
from ruster.llm.openai_compatible.wire import Choice, Chunk, Delta

__all__ = ["ChatEvents"]


class ChatEvents:
    """Translates the chunks of one answer, in order, until ``end`` is asked for.

    ``finished`` is true once the server has said why it stopped: the usage may still follow.
    """

    def __init__(self, peer: OpenAiPeer, *, show_thinking: bool) -> None:
        self.finished = False
        self._peer = peer
        self._answer = AnswerEvents(show_thinking=show_thinking)
        self._calls = CallAssembler()
        self._usage: Usage | None = None
        self._reason = FinishReason.STOP

    def take(self, chunk: Chunk) -> Iterator[InferenceEvent]:
        """Yield the events of one chunk; raises ``ProviderError`` for an error in the stream."""
        extra = chunk.x_groq
        if error := chunk.error or (extra and extra.error) or chunk.message or chunk.detail:
            raise self._peer.failed(error)
        if chunk.choices is None and chunk.usage is None and extra is None:
            raise self._peer.wrong("no chat completion")
        shape = chunk.usage or (extra.usage if extra else None)
        if shape is not None:
            self._usage = shape.usage()
        for choice in (chunk.choices or ())[:1]:
            yield from self._delta(choice.delta or choice.message or Delta())
            self._finish(choice)

    def end(self) -> Iterator[InferenceEvent]:
        """Yield the tool calls, the usage and the end."""
        for call in self._calls.finish():
            yield from self._answer.call(call)
        yield from self._answer.end(self._reason, self._usage)

    def _delta(self, delta: Delta) -> Iterator[InferenceEvent]:
        yield from self._answer.thought(delta.reasoning_content or delta.reasoning or "")
        yield from self._answer.content(delta.content or "")
        yield from self._answer.content(delta.refusal or "")
        for call in delta.tool_calls or ():
            self._calls.add(call)

    def _finish(self, choice: Choice) -> None:
        if choice.finish_reason is None:
            return
        self.finished = True
        if choice.finish_reason == "content_filter":
            raise ProviderError(
                f"{self._peer.name} broke the answer off: its content filter stepped in; "
                "ask in other words",
                code="provider_blocked",
            )
        if choice.finish_reason == "error":
            raise self._peer.failed("no reason given")
        if choice.finish_reason == "length":
            self._reason = FinishReason.LENGTH
