"""From the events of an inference to the lines of Ollama's answers, or to one whole answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ruster.core.clock import Clock
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    Thought,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import ToolCall

__all__ = ["Answer", "as_line", "timestamp"]

_NS = 1_000_000_000

Line = dict[str, Any]


def as_line(value: Line) -> bytes:
    """Write one object as a line."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def timestamp(clock: Clock) -> str:
    """Write the time as Ollama does."""
    return datetime.fromtimestamp(clock.now(), UTC).isoformat().replace("+00:00", "Z")


class Answer:
    """One answer to ``/api/chat``, or with ``is_chat`` false to ``/api/generate``.

    ``model`` is the name the client knows it by.
    """

    def __init__(self, model: str, clock: Clock, *, is_chat: bool) -> None:
        self._model = model
        self._clock = clock
        self._is_chat = is_chat
        self._began = clock.monotonic()
        self._first: float | None = None
        self._usage = Usage()
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._calls: list[Line] = []
        self._last: Line = {}

    def take(self, event: InferenceEvent) -> Iterator[Line]:
        """Yield the lines of one event; ``Complete`` yields the last one."""
        match event:
            case Thought(text=text) if text:
                self._thoughts.append(text)
                yield self._line("", thinking=text)
            case Content(text) if text:
                self._texts.append(text)
                yield self._line(text)
            case ToolCallRequest(call):
                told = _call(call, len(self._calls))
                self._calls.append(told)
                yield self._line("", calls=[told])
            case Usage():
                self._usage = event
            case Complete(reason):
                self._last = self._end("length" if reason is FinishReason.LENGTH else "stop")
                yield self._line("") | self._last

    def whole(self) -> Line:
        """Return all that was said, as one object."""
        thinking = "".join(self._thoughts)
        line = self._line("".join(self._texts), thinking=thinking, calls=self._calls)
        return line | self._last

    def empty(self, reason: str) -> Line:
        """Return what answers a request that asks nothing."""
        return self._line("") | {"done": True, "done_reason": reason}

    def _line(self, text: str, thinking: str = "", calls: list[Line] | None = None) -> Line:
        if text or thinking or calls:
            self._first = self._first or self._clock.monotonic()
        said: Line = {"thinking": thinking} if thinking else {}
        if self._is_chat:
            said = {"message": {"role": "assistant", "content": text} | said}
            if calls:
                said["message"]["tool_calls"] = calls
        else:
            said["response"] = text
        created = timestamp(self._clock)
        return {"model": self._model, "created_at": created, **said, "done": False}

    def _end(self, reason: str) -> Line:
        now = self._clock.monotonic()
        first = now if self._first is None else self._first
        return {
            "done": True,
            "done_reason": reason,
            "total_duration": int((now - self._began) * _NS),
            "load_duration": 0,
            "prompt_eval_count": self._usage.prompt,
            "prompt_eval_duration": int((first - self._began) * _NS),
            "eval_count": self._usage.completion,
            "eval_duration": int((now - first) * _NS),
        }


def _call(call: ToolCall, index: int) -> Line:
    function = {"index": index, "name": call.name, "arguments": call.arguments}
    return {"id": call.id, "function": function}
