"""The harmony format (gpt-oss): an answer is several messages, each with a channel in its header.

``<|channel|>analysis<|message|>…<|end|>`` is a thought, the channel ``final`` the answer. A message
whose header has a recipient (``to=functions.NAME``) is a tool call: it goes on as content in one
plain form, which the tool call parser knows.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from ruster.core.inference import Content, Thought, ThoughtPhase
from ruster.llm.markers import begins, partial_suffix

__all__ = ["HARMONY_CALL", "HARMONY_CALL_END", "HARMONY_OPENINGS", "HarmonyParser"]

HARMONY_OPENINGS = ("<|channel|>", "<|start|>")
HARMONY_CALL = "<|channel|>commentary to="
HARMONY_CALL_END = "<|call|>"
_MESSAGE = "<|message|>"
_ENDS = ("<|end|>", "<|call|>", "<|return|>")
_MAX_HEADER_CHARS = 512
_RECIPIENT = re.compile(r"\bto=([^\s<]+)")

_Events = list[Thought | Content]


class _Part(Enum):
    HEADER = auto()
    THOUGHT = auto()
    CALL = auto()
    ANSWER = auto()


class HarmonyParser:
    """Splits an answer that begins with a harmony header; used as ``ThinkingParser`` is."""

    def __init__(self) -> None:
        self._part = _Part.HEADER
        self._held = ""

    def feed(self, text: str) -> list[Thought | Content]:
        """Take the next piece of text and return the events that are certain by now."""
        self._held += text
        events: _Events = []
        while self._header(events) if self._part is _Part.HEADER else self._body(events):
            pass
        return events

    def finish(self) -> list[Thought | Content]:
        """Return what was held back, and end what is open."""
        events: _Events = []
        if self._part is _Part.HEADER and not self._held.strip():
            self._held = ""
        self._emit(events, self._held)
        self._held = ""
        self._close(events)
        return events

    def _header(self, events: _Events) -> bool:
        """Read up to where a message's text begins."""
        text = self._held.lstrip()
        if begins(text, HARMONY_OPENINGS) is None:
            if not text or any(opening.startswith(text) for opening in HARMONY_OPENINGS):
                return False
            self._part = _Part.ANSWER  # no header: what else is it but the answer
            return True
        header, marker, rest = text.partition(_MESSAGE)
        if not marker and len(text) > _MAX_HEADER_CHARS:
            self._part = _Part.ANSWER
            self._emit(events, text)
            self._held = ""
        if not marker:
            return False
        self._held = rest
        recipient = _RECIPIENT.search(header)
        if recipient:
            self._part = _Part.CALL
            self._emit(events, f"{HARMONY_CALL}{recipient[1]}{_MESSAGE}")
        elif "analysis" in header:
            self._part = _Part.THOUGHT
            events.append(Thought(ThoughtPhase.START))
        else:
            self._part = _Part.ANSWER
        return True

    def _body(self, events: _Events) -> bool:
        """Read up to where a message's text ends."""
        ends = (*_ENDS, *HARMONY_OPENINGS)
        found = [(at, end) for end in ends if (at := self._held.find(end)) >= 0]
        if not found:
            sure = len(self._held) - partial_suffix(self._held, ends)
            self._emit(events, self._held[:sure])
            self._held = self._held[sure:]
            return False
        start, end = min(found)
        self._emit(events, self._held[:start])
        self._held = self._held[start + (len(end) if end in _ENDS else 0) :]
        self._close(events)
        return True

    def _close(self, events: _Events) -> None:
        if self._part is _Part.THOUGHT:
            events.append(Thought(ThoughtPhase.STOP))
        elif self._part is _Part.CALL:
            events.append(Content(HARMONY_CALL_END))
        self._part = _Part.HEADER

    def _emit(self, events: _Events, text: str) -> None:
        if not text:
            return
        if self._part is _Part.THOUGHT:
            events.append(Thought(ThoughtPhase.DELTA, text))
        else:
            events.append(Content(text))
