"""From the events of an inference to chat completion chunks, and to one whole chat completion.

Thoughts are told as ``reasoning_content``, as several local servers do. So is how far the loading
of a model has come, before the answer and in a stream only: a client then sees why it has to wait.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ruster.core.clock import Clock
from ruster.core.ids import new_id
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    Logprobs,
    ProcessStart,
    Progress,
    Thought,
    TokenLogprob,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import ToolCall

__all__ = ["DONE", "ChunkStream", "completion", "sse"]

DONE = b"data: [DONE]\n\n"
"""The last event of a stream."""

_PROGRESS_EVERY_S = 1.0
_LEAST_LOGPROB = -9999.0

Shape = dict[str, Any]


def sse(value: Shape) -> bytes:
    """Write one server-sent event."""
    return b"data: " + json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"


class ChunkStream:
    """Writes the chunks of one answer; all bear the same ``id`` and time.

    ``model`` is the name asked for, until the one that answers is known. One of several answers to
    the same request has its ``index``, and the ``answer_id`` of all of them.
    """

    def __init__(
        self,
        model: str,
        clock: Clock,
        *,
        include_usage: bool = False,
        index: int = 0,
        answer_id: str | None = None,
    ) -> None:
        self._model = model
        self._clock = clock
        self._include_usage = include_usage
        self._index = index
        self._id = answer_id or new_id("chatcmpl")
        self._created = int(clock.now())
        self._begun = self._answering = False
        self._told_at: float | None = None
        self._logprobs: list[TokenLogprob] = []
        self._calls = 0
        self._usage = Usage()

    def take(self, event: InferenceEvent) -> Iterator[Shape]:
        """Yield the chunks of one event, in order; ``Complete`` yields the last ones."""
        match event:
            case ProcessStart(model):
                self._model = model or self._model
            case Progress():
                yield from self._progress(event)
            case Thought(text=text) if text:
                yield from self._delta({"reasoning_content": text})
            case Content(text) if text:
                yield from self._delta({"content": text}, self._taken_logprobs())
            case Logprobs(tokens):
                self._logprobs += tokens
            case ToolCallRequest(call):
                index, self._calls = self._calls, self._calls + 1
                yield from self._delta({"tool_calls": [{"index": index} | _call(call)]})
            case Usage():
                self._usage = event
            case Complete(reason):
                yield from self._end(reason)

    def _progress(self, event: Progress) -> Iterator[Shape]:
        """Tell of loading, once a second at most, until the answer has begun."""
        now = self._clock.monotonic()
        recent = self._told_at is not None and now - self._told_at < _PROGRESS_EVERY_S
        if self._answering or recent:
            return
        self._told_at = now
        done = f": {100 * event.current // event.total} %" if event.total > 0 else ""
        yield from self._first()
        yield self._chunk({"reasoning_content": f"Loading {event.what}{done}\n"})

    def _delta(self, delta: Shape, logprobs: Shape | None = None) -> Iterator[Shape]:
        self._answering = True
        yield from self._first()
        yield self._chunk(delta, logprobs=logprobs)

    def _first(self) -> Iterator[Shape]:
        if not self._begun:
            self._begun = True
            yield self._chunk({"role": "assistant", "content": ""})

    def _end(self, reason: FinishReason) -> Iterator[Shape]:
        yield from self._first()
        finish = _finish(reason, called=self._calls > 0)
        yield self._chunk({}, finish=finish, logprobs=self._taken_logprobs())
        if self._include_usage:
            yield self._frame([]) | {"usage": _usage(self._usage)}

    def _taken_logprobs(self) -> Shape | None:
        taken, self._logprobs = self._logprobs, []
        return _logprobs(taken)

    def _chunk(
        self, delta: Shape, *, finish: str | None = None, logprobs: Shape | None = None
    ) -> Shape:
        choice = {
            "index": self._index,
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": finish,
        }
        return self._frame([choice]) | ({"usage": None} if self._include_usage else {})

    def _frame(self, choices: list[Shape]) -> Shape:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": choices,
        }


@dataclass(slots=True)
class _Whole:
    """What an answer has come to so far."""

    model: str
    content: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    tokens: list[TokenLogprob] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    reason: FinishReason = FinishReason.STOP

    def take(self, event: InferenceEvent) -> None:
        match event:
            case ProcessStart(model):
                self.model = model or self.model
            case Thought(text=text):
                self.thoughts.append(text)
            case Content(text):
                self.content.append(text)
            case Logprobs(tokens):
                self.tokens += tokens
            case ToolCallRequest(call):
                self.calls.append(call)
            case Usage():
                self.usage = event
            case Complete(reason):
                self.reason = reason

    def message(self) -> Shape:
        text = "".join(self.content)
        message: Shape = {"role": "assistant", "content": text or (None if self.calls else "")}
        if thought := "".join(self.thoughts):
            message["reasoning_content"] = thought
        if self.calls:
            message["tool_calls"] = [_call(call) for call in self.calls]
        return message


def completion(model: str, events: Iterable[InferenceEvent], clock: Clock) -> Shape:
    """Write all events of an answer as one chat completion."""
    whole = _Whole(model)
    for event in events:
        whole.take(event)
    choice = {
        "index": 0,
        "message": whole.message(),
        "logprobs": _logprobs(whole.tokens),
        "finish_reason": _finish(whole.reason, called=bool(whole.calls)),
    }
    return {
        "id": new_id("chatcmpl"),
        "object": "chat.completion",
        "created": int(clock.now()),
        "model": whole.model,
        "choices": [choice],
        "usage": _usage(whole.usage),
    }


def _finish(reason: FinishReason, *, called: bool) -> str:
    return "tool_calls" if called and reason is not FinishReason.LENGTH else reason.value


def _call(call: ToolCall) -> Shape:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _usage(usage: Usage) -> Shape:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def _logprobs(tokens: list[TokenLogprob]) -> Shape | None:
    if not tokens:
        return None
    return {
        "content": [
            _token(it.token, it.logprob) | {"top_logprobs": [_token(*other) for other in it.top]}
            for it in tokens
        ],
        "refusal": None,
    }


def _token(token: str, logprob: float) -> Shape:
    logprob = max(logprob, _LEAST_LOGPROB)  # JSON knows no infinite numbers
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}
