"""From the events of an inference to those of the Responses API, and to one whole response.

A response is a row of items: thoughts, a message, calls of tools. Each is told as it grows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ruster.core.clock import Clock
from ruster.core.errors import RusterError
from ruster.core.ids import new_id
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    ProcessStart,
    Thought,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import Message, Role, ToolCall
from ruster.gateway.openai.response_request import ResponseBody

__all__ = ["ResponseWriter"]

_Shape = dict[str, Any]
_Told = Iterator[_Shape]
_TEXT = "output_text"
_THOUGHT = "reasoning_text"


class ResponseWriter:
    """Writes one response. ``id`` names it; ``shape`` is all of it, as far as it has come."""

    def __init__(self, body: ResponseBody, model: str, clock: Clock) -> None:
        self.id = new_id("resp").replace("-", "_")
        self._clock = clock
        self._sent = 0
        self._open: str | None = None
        self._pieces: list[str] = []
        self._calls: list[ToolCall] = []
        self._said: list[str] = []
        self.shape = _blank(body, model, self.id, int(clock.now()))

    @property
    def _output(self) -> list[_Shape]:
        output: list[_Shape] = self.shape["output"]
        return output

    def message(self) -> Message:
        """Return what was answered, for the conversation."""
        return Message(Role.ASSISTANT, "".join(self._said), tool_calls=tuple(self._calls))

    def begin(self) -> _Told:
        """Yield the first events, unless they were."""
        if self._sent == 0:
            yield self._event("response.created", response=self._snapshot())
            yield self._event("response.in_progress", response=self._snapshot())

    def take(self, event: InferenceEvent) -> _Told:
        """Yield the events that one of the inference brings; ``Complete`` yields the last."""
        match event:
            case ProcessStart(model):
                self.shape["model"] = model or self.shape["model"]
            case Thought(text=text) if text:
                yield from self._grow(_THOUGHT, text)
            case Content(text) if text:
                self._said.append(text)
                yield from self._grow(_TEXT, text)
            case ToolCallRequest(call):
                yield from self._call(call)
            case Usage():
                self.shape["usage"] = _usage(event)
            case Complete(reason):
                yield from self._end(reason)

    def fail(self, error: RusterError) -> _Told:
        """Yield the last events of a response that failed."""
        yield from self.begin()
        self.shape["status"] = "failed"
        self.shape["error"] = {"code": error.code, "message": error.message}
        yield self._event("response.failed", response=self._snapshot())

    def _end(self, reason: FinishReason) -> _Told:
        yield from self.begin()
        yield from self._close()
        if not self._output:
            yield from self._start(_TEXT)
            yield from self._close()
        kind = "completed"
        if reason is FinishReason.LENGTH:
            kind = "incomplete"
            self.shape["incomplete_details"] = {"reason": "max_output_tokens"}
        self.shape["status"] = kind
        self.shape["completed_at"] = int(self._clock.now())
        yield self._event(f"response.{kind}", response=self._snapshot())

    def _grow(self, kind: str, text: str) -> _Told:
        yield from self.begin()
        if self._open != kind:
            yield from self._close()
            yield from self._start(kind)
        self._pieces.append(text)
        more: _Shape = {"logprobs": []} if kind == _TEXT else {}
        yield self._in_part(f"response.{kind}.delta", delta=text, **more)

    def _start(self, kind: str) -> _Told:
        item: _Shape = {"status": "in_progress", "content": []}
        if kind == _TEXT:
            item |= {"id": _item_id("msg"), "type": "message", "role": "assistant"}
        else:
            item |= {"id": _item_id("rs"), "type": "reasoning", "summary": []}
        self._open, self._pieces = kind, []
        yield self._added(item)
        yield self._in_part("response.content_part.added", part=_part(kind, ""))

    def _close(self) -> _Told:
        kind, self._open = self._open, None
        if kind is None:
            return
        text = "".join(self._pieces)
        more: _Shape = {"logprobs": []} if kind == _TEXT else {}
        yield self._in_part(f"response.{kind}.done", text=text, **more)
        yield self._in_part("response.content_part.done", part=_part(kind, text))
        self._output[-1]["content"] = [_part(kind, text)]
        yield self._done()

    def _call(self, call: ToolCall) -> _Told:
        yield from self.begin()
        yield from self._close()
        self._calls.append(call)
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        item: _Shape = {"id": _item_id("fc"), "type": "function_call", "call_id": call.id}
        item |= {"name": call.name, "arguments": "", "status": "in_progress"}
        yield self._added(item)
        place = {"item_id": item["id"], "output_index": len(self._output) - 1}
        kind = "response.function_call_arguments"
        yield self._event(f"{kind}.delta", delta=arguments, **place)
        yield self._event(f"{kind}.done", arguments=arguments, name=call.name, **place)
        item["arguments"] = arguments
        yield self._done()

    def _added(self, item: _Shape) -> _Shape:
        self._output.append(item)
        index = len(self._output) - 1
        return self._event("response.output_item.added", output_index=index, item=_copy(item))

    def _done(self) -> _Shape:
        item = self._output[-1]
        item["status"] = "completed"
        index = len(self._output) - 1
        return self._event("response.output_item.done", output_index=index, item=_copy(item))

    def _in_part(self, kind: str, **fields: Any) -> _Shape:
        place = {"item_id": self._output[-1]["id"], "output_index": len(self._output) - 1}
        return self._event(kind, content_index=0, **place, **fields)

    def _event(self, kind: str, **fields: Any) -> _Shape:
        number, self._sent = self._sent, self._sent + 1
        return {"type": kind, "sequence_number": number, **fields}

    def _snapshot(self) -> _Shape:
        return self.shape | {"output": [_copy(it) for it in self._output]}


def _blank(body: ResponseBody, model: str, response_id: str, created: int) -> _Shape:
    given = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": body.previous_response_id,
        "store": body.store is not False,
        "temperature": body.temperature,
        "text": given.get("text") or {"format": {"type": "text"}},
        "tool_choice": given.get("tool_choice", "auto"),
        "tools": given.get("tools", []),
        "top_p": body.top_p,
        "truncation": "disabled",
        "usage": None,
    }


def _part(kind: str, text: str) -> _Shape:
    more: _Shape = {"annotations": [], "logprobs": []} if kind == _TEXT else {}
    return {"type": kind, "text": text, **more}


def _item_id(prefix: str) -> str:
    return new_id(prefix).replace("-", "_")


def _copy(item: _Shape) -> _Shape:
    return dict(item)


def _usage(usage: Usage) -> _Shape:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt + usage.completion,
    }
