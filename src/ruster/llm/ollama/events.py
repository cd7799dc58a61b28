"""From the lines of an Ollama chat stream to the neutral events of ``core.inference``. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ruster.core.errors import ProviderError
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
from ruster.llm.ollama.wire import ChatLine, WireToolCall, error_sentence
from ruster.llm.thinking import ThinkingParser
from ruster.llm.tool_calls import tool_call

__all__ = ["ChatEvents"]


class ChatEvents:
    """Translates the lines of one answer, in order.

    Models without Ollama's ``thinking`` field put their thoughts into tags; both look alike here.
    It remembers whether a thought is open and whether a tool was called: Ollama says neither
    (its ``done_reason`` after a tool call is ``stop``). ``done`` is true after the last line.
    """

    def __init__(self, *, show_thinking: bool) -> None:
        self.done = False
        self._show_thinking = show_thinking
        self._thinking = False
        self._tags = ThinkingParser()
        self._called = False

    def take(self, line: ChatLine) -> Iterator[InferenceEvent]:
        """Yield the events of one line; raises ``ProviderError`` for an error line."""
        if sentence := error_sentence(line.error):
            raise ProviderError(f"Ollama failed while it was answering: {sentence}")
        if (message := line.message) is not None:
            yield from self._thought(message.thinking or "")
            yield from self._content(message.content or "")
            yield from self._calls(message.tool_calls or ())
        if line.done:
            yield from self._end(line)

    def _thought(self, text: str) -> Iterator[InferenceEvent]:
        if not text or not self._show_thinking:
            return
        if not self._thinking:
            self._thinking = True
            yield Thought(ThoughtPhase.START)
        yield Thought(ThoughtPhase.DELTA, text)

    def _stop_thought(self) -> Iterator[InferenceEvent]:
        if self._thinking:
            self._thinking = False
            yield Thought(ThoughtPhase.STOP)

    def _content(self, text: str) -> Iterator[InferenceEvent]:
        if text:
            yield from self._stop_thought()
            yield from self._shown(self._tags.feed(text))

    def _shown(self, events: Iterable[Thought | Content]) -> Iterator[InferenceEvent]:
        """Leave out thoughts that nobody wants to see."""
        for event in events:
            if self._show_thinking or isinstance(event, Content):
                yield event

    def _calls(self, calls: tuple[WireToolCall, ...]) -> Iterator[InferenceEvent]:
        for call in calls:
            self._called = True
            yield from self._stop_thought()
            yield from self._shown(self._tags.finish())
            function = call.function
            yield ToolCallRequest(tool_call(function.name, function.arguments, call.id))

    def _end(self, line: ChatLine) -> Iterator[InferenceEvent]:
        self.done = True
        yield from self._stop_thought()
        yield from self._shown(self._tags.finish())
        if line.prompt_eval_count is not None or line.eval_count is not None:
            yield Usage(prompt=line.prompt_eval_count or 0, completion=line.eval_count or 0)
        yield Complete(self._reason(line.done_reason))

    def _reason(self, done_reason: str | None) -> FinishReason:
        if self._called:
            return FinishReason.TOOL_CALLS
        return FinishReason.LENGTH if done_reason == "length" else FinishReason.STOP
