"""Which tools a request offers: few, and those the message needs.

Models read the tools before the conversation: an offer that changes makes them read all of it
anew. So what was offered in a session is offered again as long as there is room.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from ruster.core.messages import Message, Role, ToolSpec
from ruster.core.ranking import Ranking
from ruster.core.tools import TurnScope
from ruster.tools.entry import Entry, spec_bytes
from ruster.tools.settings import ToolSettings

__all__ = ["Offers", "used_tools"]

_PAGING = "paginate_tool_output"
_MAX_MATCHES = 8
_LEAST_SHARE = 0.3
"""Tools that fit much worse than the best one are left out."""
_MAX_SESSIONS = 512


class Offers:
    """Chooses tools for requests, and remembers what each session was offered."""

    def __init__(self, settings: ToolSettings) -> None:
        self._settings = settings
        self._entries: Mapping[str, Entry] = {}
        self._ranking: Ranking | None = None
        self._before: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def index(self, entries: Mapping[str, Entry]) -> None:
        """Take note of the tools that messages may fit; read when they are first asked for."""
        self._entries, self._ranking = entries, None

    def choose(
        self, scope: TurnScope, available: Mapping[str, Entry], messages: Sequence[Message]
    ) -> tuple[ToolSpec, ...]:
        """Return tools within the limit of bytes, in order of names.

        In this order as long as there is room: those of the turn's skills, those the conversation
        has used, the core, what fits the message (the best fit first), what was offered before.
        """
        used = used_tools(messages)
        skills = [name for name, entry in available.items() if entry.skill is not None]
        matches = self._matches(self.message(messages), available)
        before = self._before.get(scope.session_key, ())
        wanted = (*skills, *([_PAGING] if used else []), *used, *self._settings.core)
        chosen = self._fitting((*wanted, *matches, *before), available)
        self._remember(scope, chosen)
        return tuple(available[name].spec for name in chosen)

    def message(self, messages: Sequence[Message]) -> str:
        """Return what the user said last, or nothing."""
        said = (it.content for it in reversed(messages) if it.role is Role.USER)
        return next(said, "")

    def _fitting(self, wanted: Iterable[str], available: Mapping[str, Entry]) -> list[str]:
        chosen: list[str] = []
        size = 0
        for name in dict.fromkeys(wanted):
            if name not in available:
                continue
            added = spec_bytes(available[name].spec)
            if size + added <= self._settings.offer_bytes:
                chosen.append(name)
                size += added
        return sorted(chosen)

    def _matches(self, message: str, available: Mapping[str, Entry]) -> list[str]:
        if self._ranking is None:
            # A name says more than any word of the description: it counts twice.
            specs = [entry.spec for entry in self._entries.values()]
            texts = [f"{it.name} {it.name} {it.description}" for it in specs]
            self._ranking = Ranking.of_texts(texts)
        scores = {
            name: score
            for name, score in zip(self._entries, self._ranking.scores(message), strict=True)
            if score > 0 and name in available
        }
        best = max(scores.values(), default=0.0)
        found = [name for name, score in scores.items() if score >= best * _LEAST_SHARE]
        return sorted(found, key=lambda name: (-scores[name], name))[:_MAX_MATCHES]

    def _remember(self, scope: TurnScope, chosen: Sequence[str]) -> None:
        self._before[scope.session_key] = tuple(chosen)
        self._before.move_to_end(scope.session_key)
        while len(self._before) > _MAX_SESSIONS:
            self._before.popitem(last=False)


def used_tools(messages: Sequence[Message]) -> list[str]:
    """Return the tools that a conversation has used, the latest first."""
    return list(
        dict.fromkeys(
            call.name for message in reversed(messages) for call in reversed(message.tool_calls)
        )
    )
