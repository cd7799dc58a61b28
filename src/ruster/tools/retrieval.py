"""Which tools a request offers: few, and those the message needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ruster.core.messages import Message, Role, ToolSpec
from ruster.core.ranking import Ranking
from ruster.tools.entry import spec_bytes

__all__ = ["ToolIndex", "last_user_message", "used_tools"]

_MAX_MATCHES = 8
_LEAST_SHARE = 0.3
"""Tools that fit much worse than the best one are left out."""


class ToolIndex:
    """Tools that can be asked which fit a message; made anew when tools come or go."""

    def __init__(self, specs: Sequence[ToolSpec]) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._sizes = {spec.name: spec_bytes(spec) for spec in specs}
        # A name says more than any word of the description: it counts twice.
        self._ranking = Ranking.of_texts([f"{it.name} {it.name} {it.description}" for it in specs])

    def choose(
        self, first: Iterable[str], permitted: frozenset[str], message: str, limit: int
    ) -> tuple[ToolSpec, ...]:
        """Return ``first`` and what fits the message, within ``limit`` bytes, in order of names.

        What fits is left out before what comes first, the worst fit before the best one.
        """
        chosen: list[str] = []
        size = 0
        for name in dict.fromkeys((*first, *self._matches(message, permitted))):
            if name in permitted and size + self._sizes[name] <= limit:
                chosen.append(name)
                size += self._sizes[name]
        return tuple(self._specs[name] for name in sorted(chosen))

    def _matches(self, message: str, permitted: frozenset[str]) -> list[str]:
        scores: Mapping[str, float] = {
            name: score
            for name, score in zip(self._specs, self._ranking.scores(message), strict=True)
            if score > 0 and name in permitted
        }
        best = max(scores.values(), default=0.0)
        found = [name for name, score in scores.items() if score >= best * _LEAST_SHARE]
        return sorted(found, key=lambda name: (-scores[name], name))[:_MAX_MATCHES]


def used_tools(messages: Sequence[Message]) -> list[str]:
    """Return the tools that a conversation has used, the latest first."""
    return list(
        dict.fromkeys(
            call.name for message in reversed(messages) for call in reversed(message.tool_calls)
        )
    )


def last_user_message(messages: Sequence[Message]) -> str:
    """Return what the user said last, or nothing."""
    said = (it.content for it in reversed(messages) if it.role is Role.USER)
    return next(said, "")
