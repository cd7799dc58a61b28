"""From the lines of an Ollama chat stream to the neutral events of ``core.inference``. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ruster.core.errors import ProviderError
from ruster.core.inference import FinishReason, InferenceEvent, Usage
from ruster.llm.answer import AnswerEvents
from ruster.llm.ollama.failures import refuses_schema
from ruster.llm.ollama.wire import ChatLine
from ruster.llm.tool_calls import tool_call
from ruster.llm.wire import error_sentence

__all__ = ["ChatEvents"]


class ChatEvents:
    """Translates the lines of one answer, in order; ``done`` is true after the last line."""

    def __init__(self, *, show_thinking: bool) -> None:
        self._answer = AnswerEvents(show_thinking=show_thinking)

    @property
    def done(self) -> bool:
        """Whether the answer has come to its end."""
        return self._answer.done

    def take(self, line: ChatLine) -> Iterator[InferenceEvent]:
        """Yield the events of one line; raises ``ProviderError`` for an error line."""
        if sentence := error_sentence(line.error):
            raise ProviderError(
                f"Ollama failed while it was answering: {sentence}",
                code="schema_unsupported" if refuses_schema(sentence) else None,
            )
        if (message := line.message) is not None:
            yield from self._answer.thought(message.thinking or "")
            yield from self._answer.content(message.content or "")
            for call in message.tool_calls or ():
                function = call.function
                made = tool_call(function.name, function.arguments, call.id)
                yield from self._answer.call(made)
        if line.done:
            length = line.done_reason == "length"
            reason = FinishReason.LENGTH if length else FinishReason.STOP
            yield from self._answer.end(reason, _usage(line))


def _usage(line: ChatLine) -> Usage | None:
    if line.prompt_eval_count is None and line.eval_count is None:
        return None
    return Usage(prompt=line.prompt_eval_count or 0, completion=line.eval_count or 0)
