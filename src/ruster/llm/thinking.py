"""The thinking machine: raw model text in, thoughts and content out, markers cut anywhere.

A thought is seen only where chat templates put one: at the beginning of an answer, or when the
prompt has opened it. It holds back only what may still become a marker, so text flows on at once.
A provider feeds it the pieces as they come; nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Sequence

from ruster.core.inference import Content, Thought, ThoughtPhase
from ruster.llm.harmony import HARMONY_OPENINGS, HarmonyParser
from ruster.llm.markers import begins, partial_suffix

__all__ = ["RESPONSE_TAGS", "THINK_TAGS", "ThinkingParser", "partial_suffix"]

THINK_TAGS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),  # DeepSeek, Qwen, GLM, Granite and most others
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),  # Seed-OSS
    ("[THINK]", "[/THINK]"),  # Magistral, Ministral
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command R and A
    ("<|channel>thought\n", "<channel|>"),  # Gemma 4
)
"""The marker pairs local models use for their reasoning."""

RESPONSE_TAGS: tuple[tuple[str, str], ...] = (
    ("<response>", "</response>"),  # Granite
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),  # Command R and A
)
"""What some models put around the answer; not part of it."""

_Events = list[Thought | Content]


class ThinkingParser:
    """Splits one answer into ``Thought`` and ``Content`` events.

    ``inside`` says that the prompt has already opened a thought. Further thoughts may follow the
    first; once the answer has begun, markers are text like any other. Dropped are the whitespace
    between a thought and the answer, a closing marker at the beginning, and the markers some models
    put around the answer. A thought that the text never closes is closed by ``finish``.
    """

    def __init__(
        self, tags: Sequence[tuple[str, str]] = THINK_TAGS, *, inside: bool = False
    ) -> None:
        self._pairs = dict(tags)
        self._responses = dict(RESPONSE_TAGS)
        closings = tuple(self._pairs.values())
        self._leading = (*self._pairs, *closings, *self._responses, *HARMONY_OPENINGS)
        self._closings = closings if inside else ()  # of the open thought
        self._announce = inside
        self._answering = False
        self._response_end = ""
        self._skip_space = False
        self._harmony: HarmonyParser | None = None
        self._held = ""

    def feed(self, text: str) -> list[Thought | Content]:
        """Take the next piece of text and return the events that are certain by now."""
        if self._harmony is not None:
            return self._harmony.feed(text)
        self._held += text
        events = self._announcement()
        while self._step(events):
            pass
        return events

    def finish(self) -> list[Thought | Content]:
        """Return what was held back, and end an open thought. The parser is then used up."""
        events = self._announcement()
        if self._harmony is not None:
            return [*events, *self._harmony.finish()]
        self._emit(events, self._held)
        self._held = ""
        if self._closings:
            events.append(Thought(ThoughtPhase.STOP))
            self._closings = ()
        return events

    def _announcement(self) -> _Events:
        if not self._announce:
            return []
        self._announce = False
        return [Thought(ThoughtPhase.START)]

    def _step(self, events: _Events) -> bool:
        """Go on to the next state; False when that takes more text."""
        if self._closings:
            return self._think(events)
        if not self._answering:
            return self._begin(events)
        return self._answer(events)

    def _begin(self, events: _Events) -> bool:
        """Look for a marker where only whitespace has been so far."""
        text = self._held.lstrip()
        marker = begins(text, self._leading)
        if marker is None:
            if not text or any(known.startswith(text) for known in self._leading):
                return False
            self._answering = True
            return True
        if marker in HARMONY_OPENINGS:
            self._harmony, self._held = HarmonyParser(), ""
            events.extend(self._harmony.feed(text))
            return False
        self._held = text[len(marker) :]
        self._skip_space = True
        if marker in self._pairs:
            self._closings = (self._pairs[marker],)
            events.append(Thought(ThoughtPhase.START))
        elif marker in self._responses:
            self._answering, self._response_end = True, self._responses[marker]
        return True

    def _think(self, events: _Events) -> bool:
        found = self._pass_on(events, self._closings)
        if found:
            self._closings = ()
            self._skip_space = True
            events.append(Thought(ThoughtPhase.STOP))
        return found

    def _answer(self, events: _Events) -> bool:
        found = self._pass_on(events, (self._response_end,) if self._response_end else ())
        if found:
            self._response_end = ""
        return found

    def _pass_on(self, events: _Events, ends: tuple[str, ...]) -> bool:
        """Emit what is certain up to one of ``ends``, and consume that; False without one."""
        found = [(at, end) for end in ends if (at := self._held.find(end)) >= 0]
        if not found:
            sure = len(self._held) - partial_suffix(self._held, ends)
            self._emit(events, self._held[:sure])
            self._held = self._held[sure:]
            return False
        start, end = min(found)
        self._emit(events, self._held[:start])
        self._held = self._held[start + len(end) :]
        return True

    def _emit(self, events: _Events, text: str) -> None:
        if self._closings:
            if text:
                events.append(Thought(ThoughtPhase.DELTA, text))
            return
        if self._skip_space:
            text = text.lstrip()
        if text:
            self._skip_space = False
            events.append(Content(text))
