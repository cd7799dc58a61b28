"""Tool calls written into the text: ``<tool_call>{"name": …, "arguments": {…}}</tool_call>``.

This is the form of Hermes and Qwen models. Like the thinking parser it holds back only what may
still be part of a call. What looks like a call but is not one stays in the answer as text, so that
nothing a model says is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from ruster.core.ids import new_id
from ruster.core.inference import Content, ToolCallRequest
from ruster.core.messages import ToolCall
from ruster.llm.thinking import partial_suffix

__all__ = ["MAX_CALL_CHARS", "ToolCallParser"]

_OPENING = "<tool_call>"
_CLOSING = "</tool_call>"
_ESCAPED = re.compile(r"\\.", re.DOTALL)
MAX_CALL_CHARS = 256 * 1024
"""A longer call is taken for text: nothing is held back without a bound."""


def _ends_in_string(json_text: str) -> bool:
    return _ESCAPED.sub("", json_text).count('"') % 2 == 1


def _call_id() -> str:
    return new_id("call")


class ToolCallParser:
    """Splits one answer into ``Content`` and ``ToolCallRequest`` events.

    White space around a call is dropped, since models put calls on lines of their own; it is kept
    where text follows text.
    """

    def __init__(self, make_id: Callable[[], str] = _call_id) -> None:
        self._make_id = make_id
        self._held = ""
        self._inside = False
        self._space = ""
        self._after_call = False

    def feed(self, text: str) -> list[Content | ToolCallRequest]:
        """Take the next piece of text and return the events that are certain by now."""
        self._held += text
        events: list[Content | ToolCallRequest] = []
        while self._step(events):
            pass
        return events

    def finish(self) -> list[Content | ToolCallRequest]:
        """Return what was held back; a call without its closing tag counts if it is complete."""
        events: list[Content | ToolCallRequest] = []
        if self._inside:
            self._close(events, self._held, "")
        else:
            self._text(events, self._held)
        self._held = ""
        if self._space and not self._after_call:
            events.append(Content(self._space))
        return events

    def _step(self, events: list[Content | ToolCallRequest]) -> bool:
        tag = _CLOSING if self._inside else _OPENING
        start = self._find_end() if self._inside else self._held.find(tag)
        if start >= 0:
            before, self._held = self._held[:start], self._held[start + len(tag) :]
            if self._inside:
                self._close(events, before, tag)
            else:
                self._text(events, before)
                self._inside = True
            return True
        if self._inside:
            if len(self._held) > MAX_CALL_CHARS:
                self._inside = False
                self._text(events, _OPENING + self._held)
                self._held = ""
            return False
        sure = len(self._held) - partial_suffix(self._held, (tag,))
        self._text(events, self._held[:sure])
        self._held = self._held[sure:]
        return False

    def _find_end(self) -> int:
        """Find the closing tag, past those that stand inside a string of the call's JSON."""
        start = self._held.find(_CLOSING)
        while start >= 0 and _ends_in_string(self._held[:start]):
            start = self._held.find(_CLOSING, start + 1)
        return start

    def _close(self, events: list[Content | ToolCallRequest], body: str, closing: str) -> None:
        self._inside = False
        call = self._parse(body)
        if call is None:
            self._text(events, _OPENING + body + closing)
            return
        events.append(ToolCallRequest(call))
        self._space, self._after_call = "", True

    def _parse(self, body: str) -> ToolCall | None:
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(data, dict) or not isinstance(data.get("name"), str):
            return None
        arguments = data.get("arguments", data.get("parameters", {}))
        if isinstance(arguments, str):  # some models write the arguments as JSON within JSON
            try:
                arguments = json.loads(arguments or "{}")
            except (ValueError, RecursionError):
                return None
        if not isinstance(arguments, dict) or not data["name"]:
            return None
        return ToolCall(self._make_id(), data["name"], arguments)

    def _text(self, events: list[Content | ToolCallRequest], text: str) -> None:
        """Emit text, keeping its trailing white space until it is known what follows."""
        whole = self._space + text
        kept = whole.rstrip()
        self._space = whole[len(kept) :]
        if not kept:
            return
        events.append(Content(kept.lstrip() if self._after_call else kept))
        self._after_call = False
