"""The ``<think>`` state machine: raw model text in, thoughts and content out, tags cut anywhere.

It holds back only what may still become a tag, so text flows on at once. A provider feeds it the
pieces as they come; nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Sequence

from ruster.core.inference import Content, Thought, ThoughtPhase

__all__ = ["THINK_TAGS", "ThinkingParser", "partial_suffix"]

THINK_TAGS: tuple[tuple[str, str], ...] = (("<think>", "</think>"), ("<thinking>", "</thinking>"))
"""The tag pairs local models use for their reasoning."""


def partial_suffix(text: str, tags: Sequence[str]) -> int:
    """Return how many last characters of ``text`` may be the beginning of one of ``tags``."""
    longest = min(len(text), max((len(tag) for tag in tags), default=1) - 1)
    tail = text[len(text) - longest :]
    if not any(tag[0] in tail for tag in tags):  # nearly always
        return 0
    for size in range(longest, 0, -1):
        if any(tag.startswith(text[-size:]) for tag in tags):
            return size
    return 0


class ThinkingParser:
    """Splits one answer into ``Thought`` and ``Content`` events.

    ``inside`` says that the prompt has already opened a thought. Whitespace between a thought and
    the answer after it is dropped, as is a closing tag without an opening one. A thought that the
    text never closes is closed by ``finish``.
    """

    def __init__(
        self, tags: Sequence[tuple[str, str]] = THINK_TAGS, *, inside: bool = False
    ) -> None:
        self._pairs = dict(tags)
        self._closings = tuple(self._pairs.values())
        self._closing = self._closings[0] if inside else None
        self._announce = inside
        self._skip_space = False
        self._held = ""

    def feed(self, text: str) -> list[Thought | Content]:
        """Take the next piece of text and return the events that are certain by now."""
        self._held += text
        events = self._announcement()
        while self._step(events):
            pass
        return events

    def finish(self) -> list[Thought | Content]:
        """Return what was held back, and end an open thought. The parser is then used up."""
        events = self._announcement()
        self._emit(events, self._held)
        self._held = ""
        if self._closing is not None:
            events.append(Thought(ThoughtPhase.STOP))
            self._closing = None
        return events

    def _announcement(self) -> list[Thought | Content]:
        if not self._announce:
            return []
        self._announce = False
        return [Thought(ThoughtPhase.START)]

    def _tags(self) -> tuple[str, ...]:
        if self._closing is not None:
            return (self._closing,)
        return (*self._pairs, *self._closings)

    def _step(self, events: list[Thought | Content]) -> bool:
        """Consume up to and with the next whole tag; False when there is none."""
        tags = self._tags()
        found = [(self._held.find(tag), tag) for tag in tags if tag in self._held]
        if not found:
            sure = len(self._held) - partial_suffix(self._held, tags)
            self._emit(events, self._held[:sure])
            self._held = self._held[sure:]
            return False
        start, tag = min(found)
        self._emit(events, self._held[:start])
        self._held = self._held[start + len(tag) :]
        if self._closing is None and tag in self._pairs:
            self._closing = self._pairs[tag]
            events.append(Thought(ThoughtPhase.START))
        elif self._closing is not None:
            self._closing = None
            events.append(Thought(ThoughtPhase.STOP))
            self._skip_space = True
        return True

    def _emit(self, events: list[Thought | Content], text: str) -> None:
        if self._closing is not None:
            if text:
                events.append(Thought(ThoughtPhase.DELTA, text))
            return
        if self._skip_space:
            text = text.lstrip()
        if text:
            self._skip_space = False
            events.append(Content(text))
