"""What was said in earlier responses, so that the next can follow on. Kept in memory only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from ruster.core.errors import ProviderError
from ruster.core.messages import Message

__all__ = ["ResponseStore"]

_MAX_RESPONSES = 64
_MAX_CHARS = 32 << 20
_MAX_USERS = 64

_Kept = OrderedDict[str, tuple[tuple[Message, ...], int]]


class ResponseStore:
    """The conversations behind each user's last responses. Bounded: the oldest go first."""

    def __init__(self, max_responses: int = _MAX_RESPONSES, max_chars: int = _MAX_CHARS) -> None:
        self._max_responses = max_responses
        self._max_chars = max_chars
        self._users: OrderedDict[int, _Kept] = OrderedDict()

    def get(self, uid: int, response_id: str) -> tuple[Message, ...]:
        """Return a conversation up to a response; raises ProviderError (``response_not_found``)."""
        kept = self._users.get(uid)
        if kept is None or response_id not in kept:
            raise ProviderError(
                f"the response {response_id[:100]!r} is not kept here (any more): send the whole "
                "conversation as input",
                code="response_not_found",
            )
        return kept[response_id][0]

    def put(self, uid: int, response_id: str, messages: Sequence[Message]) -> None:
        """Keep a conversation; one that is too large by itself is not kept."""
        kept = self._users.setdefault(uid, OrderedDict())
        self._users.move_to_end(uid)
        kept[response_id] = (tuple(messages), _chars(messages))
        chars = sum(size for _, size in kept.values())
        while len(kept) > self._max_responses or chars > self._max_chars:
            chars -= kept.popitem(last=False)[1][1]
        while len(self._users) > _MAX_USERS:
            self._users.popitem(last=False)


def _chars(messages: Sequence[Message]) -> int:
    return sum(
        len(it.content)
        + sum(len(image.data) for image in it.images)
        + sum(len(str(call.arguments)) for call in it.tool_calls)
        for it in messages
    )
