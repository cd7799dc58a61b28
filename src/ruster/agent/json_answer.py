"""Reading an answer in JSON (``call_schema``) while it comes: its text, or a tool call.

The text is passed on piece by piece. What is not of the form stays text as it is, so that a model
that keeps to no form loses nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import Enum, auto

from ruster.agent.json_text import decode
from ruster.core.errors import ProviderError
from ruster.core.ids import new_id
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import ToolCall

__all__ = ["MAX_CALL_CHARS", "AnswerReader", "read_calls"]

MAX_CALL_CHARS = 256 * 1024
"""A longer call is taken for text: nothing is held back without a bound."""

_MAX_HEAD_CHARS = 256
_FENCE = "```"
_LEAD = r"\s*(?P<fence>```(?:json)?\s*)?"
_ANSWER = re.compile(_LEAD + r'\{\s*"answer"\s*:\s*"')
_CALL = re.compile(_LEAD + r'(?=\{\s*"(?:tool|arguments)"\s*:)')
_HEADS = tuple(
    fence + form
    for fence in ("", _FENCE, f"{_FENCE}json")
    for form in ('{"answer":"', '{"tool":', '{"arguments":')
)
_MARKS = re.compile(r'["\\{}]')
_Events = list[Content | ToolCallRequest]


class _State(Enum):
    HEAD = auto()  # before an object, or within its first key
    ANSWER = auto()
    TAIL = auto()  # after the text, before the end of its object
    CALL = auto()
    AFTER = auto()
    PLAIN = auto()


async def read_calls(
    events: AsyncGenerator[InferenceEvent, None],
) -> AsyncGenerator[InferenceEvent, None]:
    """Pass the events of an answer on, its JSON read; closes ``events``.

    Raises what they raise, and ProviderError (``answer_too_large``) for a call that was cut off.
    """
    reader = AnswerReader()
    usage: Usage | None = None
    called = False
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Content):
                found = reader.feed(event.text)
            elif isinstance(event, Usage) and reader.holds:
                usage = event  # what is held comes before it, and is known at the end
                continue
            elif isinstance(event, Complete):
                try:
                    found = reader.finish(cut=event.reason is FinishReason.LENGTH)
                except ProviderError:
                    if usage is not None:
                        yield usage
                    raise
            else:
                called = called or isinstance(event, ToolCallRequest)
                yield event
                continue
            for out in found:
                called = called or isinstance(out, ToolCallRequest)
                yield out
            if isinstance(event, Complete):
                if usage is not None:
                    yield usage
                yield Complete(FinishReason.TOOL_CALLS if called else event.reason)


class AnswerReader:
    """Reads one answer, in pieces of any size.

    Several objects may follow each other, and each may stand in a fence of Markdown, as models do
    that are not held to the form.
    """

    def __init__(self) -> None:
        self._state = _State.HEAD
        self._held = ""
        self._lead = ""
        self._fenced = False
        self._scanned = self._depth = 0
        self._in_string = False

    @property
    def holds(self) -> bool:
        """Whether something has come of which it is not known yet what it is."""
        return self._held != ""

    def feed(self, text: str) -> list[Content | ToolCallRequest]:
        """Take the next piece and return what is certain by now."""
        self._held += text
        events: _Events = []
        while self._held and self._step(events):
            pass
        return events

    def finish(self, *, cut: bool) -> list[Content | ToolCallRequest]:
        """Return what was held back; ``cut`` when the model was stopped by a limit.

        Raises ProviderError (``answer_too_large``) when that was within a call.
        """
        held, self._held = self._lead + self._held, ""
        if self._state is _State.CALL and cut:
            raise ProviderError(
                "the model's call of a tool was cut off at the longest answer it may give: ask for "
                "less at once, or raise agent.max_tokens",
                code="answer_too_large",
            )
        if self._state in (_State.TAIL, _State.AFTER) and not held.strip():
            return []
        if self._state is _State.ANSWER and cut:
            return []  # a part of an escape
        return [Content(held)] if held else []

    def _step(self, events: _Events) -> bool:
        """Take what is held as far as it can be told; False when more must come first."""
        match self._state:
            case _State.HEAD:
                return self._head()
            case _State.ANSWER:
                return self._answer(events)
            case _State.TAIL:
                return self._tail()
            case _State.CALL:
                return self._call(events)
            case _State.AFTER:
                return self._after()
            case _State.PLAIN:
                events.append(Content(self._held))
                self._held = ""
                return False

    def _head(self) -> bool:
        match = _ANSWER.match(self._held, 0, _MAX_HEAD_CHARS)
        if match := match or _CALL.match(self._held, 0, _MAX_HEAD_CHARS):
            self._fenced = match["fence"] is not None
            self._held = self._held[match.end() :]
            if match.re is _ANSWER:
                self._state = _State.ANSWER
            else:
                self._state, self._lead = _State.CALL, match[0]
                self._scanned = self._depth = 0
                self._in_string = False
            return True
        said = "".join(self._held.split())
        known = any(head.startswith(said) and head != said for head in _HEADS)
        if known and len(self._held) <= _MAX_HEAD_CHARS:
            return False
        self._state = _State.PLAIN
        return True

    def _answer(self, events: _Events) -> bool:
        text, end, closed = decode(self._held)
        if text:
            events.append(Content(text))
        self._held = self._held[end:]
        if closed:
            self._state = _State.TAIL
        return closed

    def _tail(self) -> bool:
        rest = self._held.lstrip()
        if not rest:
            return self._blank()
        if rest[0] == "}":
            self._state, self._held = _State.AFTER, rest[1:]
        else:
            self._state = _State.PLAIN
        return True

    def _after(self) -> bool:
        rest = self._held.lstrip()
        if not rest:
            return self._blank()
        if self._fenced and rest != _FENCE and _FENCE.startswith(rest):
            return False
        if self._fenced and rest.startswith(_FENCE):
            self._fenced, self._held = False, rest[len(_FENCE) :]
        else:
            self._state = _State.HEAD
        return True

    def _blank(self) -> bool:
        self._held = self._held[:_MAX_HEAD_CHARS]
        return False

    def _call(self, events: _Events) -> bool:
        end = self._end_of_object()
        if end is None and len(self._held) <= MAX_CALL_CHARS:
            return False
        call = None if end is None else _call_in(self._held[:end])
        if call is None:
            self._state, self._held = _State.PLAIN, self._lead + self._held
        else:
            events.append(ToolCallRequest(call))
            self._state, self._held = _State.AFTER, self._held[end:]
        self._lead = ""
        return True

    def _end_of_object(self) -> int | None:
        """Go on to the end of the object that is held; what was seen is not looked at again."""
        while mark := _MARKS.search(self._held, self._scanned):
            sign = mark[0]
            if sign == "\\":
                if mark.end() == len(self._held):
                    self._scanned = mark.start()
                    return None
                self._scanned = mark.end() + 1
                continue
            self._scanned = mark.end()
            if sign == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if sign == "{" else -1
                if self._depth == 0:
                    return self._scanned
        self._scanned = len(self._held)
        return None


def _call_in(text: str) -> ToolCall | None:
    """Read a whole object; None when it is no call."""
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_number)
        # A half of a surrogate pair can be written in JSON, but in no text.
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not value.keys() <= {"tool", "arguments"}:
        return None
    name, arguments = value.get("tool"), value.get("arguments", {})
    if not isinstance(name, str) or not name or not isinstance(arguments, dict):
        return None
    return ToolCall(new_id("call"), name, arguments)


def _number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
