"""What of a conversation fits into a model's window.

Whole turns are left out from the front; a tool call is never parted from its result. The estimate
errs on the large side: providers that know better refuse by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ruster.core.errors import ProviderError
from ruster.core.messages import Message, Role

__all__ = ["SYSTEM_PROMPT", "Fitted", "estimate_tokens", "fit"]

SYSTEM_PROMPT = (
    "You are Ruster, a persistent, proactive LLM agent on the user's own machine. "
    "Answer directly and briefly. Say so when you do not know."
)

_BYTES_PER_TOKEN = 3.5
_LEAST_BYTES_PER_TOKEN = 6.0
_TOKENS_PER_MESSAGE = 8

TurnMessages = Sequence[Message]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The messages to send and how many of the oldest turns were left out."""

    messages: tuple[Message, ...]
    dropped_turns: int


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Estimate the tokens of ``messages`` by their UTF-8 size, rather too many than too few."""
    tokens = _TOKENS_PER_MESSAGE * len(messages)
    for message in messages:
        tokens += int(_bytes(message) / _BYTES_PER_TOKEN)
    return tokens


def fit(system: str, turns: Sequence[TurnMessages], window: int, reserve: int) -> Fitted:
    """Choose the newest whole turns that fit into ``window - reserve`` tokens.

    The last turn is always part of it. Raises ProviderError (``context_overflow``) if not even
    that one can fit, by the most generous estimate.
    """
    head = Message(Role.SYSTEM, system)
    last = turns[-1]
    if sum(map(_bytes, last)) / _LEAST_BYTES_PER_TOKEN > window:
        raise ProviderError(
            f"the message is too long for the model's window of {window} tokens; shorten it or "
            "choose a model with a larger window",
            code="context_overflow",
        )
    budget = window - reserve - estimate_tokens((head, *last))
    first = len(turns) - 1
    while first > 0 and (cost := estimate_tokens(turns[first - 1])) <= budget:
        budget -= cost
        first -= 1
    chosen = [message for turn in turns[first:] for message in turn]
    return Fitted((head, *_joined(chosen)), first)


def _joined(messages: Sequence[Message]) -> list[Message]:
    """Join neighbouring user messages: many chat templates demand that roles alternate."""
    joined: list[Message] = []
    for message in messages:
        if joined and message.role is Role.USER and joined[-1].role is Role.USER:
            joined[-1] = Message(Role.USER, f"{joined[-1].content}\n\n{message.content}")
        else:
            joined.append(message)
    return joined


def _bytes(message: Message) -> int:
    size = len(message.content.encode(errors="replace"))
    if message.tool_calls:  # rare, and this runs over the whole conversation in every turn
        size += sum(len(c.name) + len(str(c.arguments)) for c in message.tool_calls)
    return size
