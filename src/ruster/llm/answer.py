"""One answer of a model as neutral events, whatever the provider's wire form. No I/O.

A provider says what came - a piece of thought, of text, a call - and gets the events in an order
that every reader may rely on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    Thought,
    ThoughtPhase,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import ToolCall
from ruster.llm.thinking import ThinkingParser

__all__ = ["AnswerEvents"]


class AnswerEvents:
    """Keeps what a stream does not say: whether a thought is open, and whether a tool was called.

    Models without a field for thoughts put them into tags; both look alike here. ``done`` is true
    after ``end``.
    """

    def __init__(self, *, show_thinking: bool) -> None:
        self.done = False
        self._show_thinking = show_thinking
        self._thinking = False
        self._tags = ThinkingParser()
        self._called = False

    def thought(self, text: str) -> Iterator[InferenceEvent]:
        """Take a piece of reasoning."""
        if not text or not self._show_thinking:
            return
        if not self._thinking:
            self._thinking = True
            yield Thought(ThoughtPhase.START)
        yield Thought(ThoughtPhase.DELTA, text)

    def content(self, text: str) -> Iterator[InferenceEvent]:
        """Take a piece of text, in which thoughts may stand in tags."""
        if text:
            yield from self._stop_thought()
            yield from self._shown(self._tags.feed(text))

    def call(self, call: ToolCall) -> Iterator[InferenceEvent]:
        """Take a complete tool call."""
        self._called = True
        yield from self._stop_thought()
        yield from self._shown(self._tags.finish())
        yield ToolCallRequest(call)

    def end(self, reason: FinishReason, usage: Usage | None) -> Iterator[InferenceEvent]:
        """End the answer; a called tool is the reason, whatever the provider says."""
        self.done = True
        yield from self._stop_thought()
        yield from self._shown(self._tags.finish())
        if usage is not None:
            yield usage
        yield Complete(FinishReason.TOOL_CALLS if self._called else reason)

    def _stop_thought(self) -> Iterator[InferenceEvent]:
        if self._thinking:
            self._thinking = False
            yield Thought(ThoughtPhase.STOP)

    def _shown(self, events: Iterable[Thought | Content]) -> Iterator[InferenceEvent]:
        """Leave out thoughts that nobody wants to see."""
        for event in events:
            if self._show_thinking or isinstance(event, Content):
                yield event
