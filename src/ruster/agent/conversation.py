"""A turn's conversation as a model is shown it.

What stays comes first and is only ever added to, so that a model need not read it again: the system
prompt, the summary, the earlier turns. What is for this turn alone (skills, memories) stands with
the message it was chosen for. Roles alternate, calls have their results, nothing is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ruster.agent.context import Fitted, estimate_tokens, fit, joined, shortened, size_bytes
from ruster.core.messages import Message, Role

__all__ = ["Conversation", "Opening"]

_FOR_THIS_TURN = "<context>\n{context}\n</context>\n\n{message}"


@dataclass(frozen=True, slots=True)
class Opening:
    """What a turn starts from; ``turns`` are the earlier ones and, last, the one to answer."""

    system: str
    turns: Sequence[Sequence[Message]]
    summary: Message | None = None
    context: str = ""


@dataclass(slots=True)
class Conversation:
    """An opening, and what was ``said`` since; ``window`` and ``reserve`` are in tokens."""

    opening: Opening
    window: int
    reserve: int
    said: list[Message] = field(default_factory=list)

    def fitted(self, tool_tokens: int = 0) -> Fitted:
        """Return what to send next; raises ProviderError (``context_overflow``)."""
        opening = self.opening
        head = [Message(Role.SYSTEM, opening.system)]
        if opening.summary is not None:
            head.append(opening.summary)
        reserve = self.reserve + tool_tokens
        room = self.window - reserve - estimate_tokens(head)
        current = shortened(self._current(), room)
        chosen = fit(head, [*opening.turns[:-1], current], self.window, reserve)
        return Fitted(joined(chosen.messages), chosen.dropped_turns)

    def plain(self) -> list[Message]:
        """Return all that was said, without what stands there for the model alone."""
        return [*(message for turn in self.opening.turns for message in turn), *self.said]

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each part, before anything is left out."""
        opening = self.opening
        earlier = [message for turn in opening.turns[:-1] for message in turn]
        return {
            "system": len(opening.system.encode(errors="replace")),
            "summary": size_bytes(opening.summary) if opening.summary is not None else 0,
            "earlier": sum(map(size_bytes, earlier)),
            "context": len(opening.context.encode(errors="replace")),
            "turn": sum(map(size_bytes, (*opening.turns[-1], *self.said))),
        }

    def _current(self) -> list[Message]:
        messages = [*self.opening.turns[-1], *self.said]
        if not self.opening.context:
            return messages
        at = next(n for n, message in enumerate(messages) if message.role is Role.USER)
        text = _FOR_THIS_TURN.format(context=self.opening.context, message=messages[at].content)
        messages[at] = replace(messages[at], content=text)
        return messages
