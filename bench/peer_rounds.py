"""What the two sides of the engine's comparison are asked, one round each.

Prompts are digits: each is one token of the benchmark's models, so their lengths are exact.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from itertools import pairwise

from bench.spoken import Side, Spoken

__all__ = [
    "burst_s",
    "cold_turn",
    "digits",
    "in_turn_s",
    "next_turn_s",
    "second_turn_s",
    "streams",
    "watched_gaps",
]

_ANSWER = 64
_TAIL = 16
_SHARED = 256
_FIRST_PROMPT = 512
_LONG = 2000


def digits(seed: str, count: int) -> str:
    """Return a text of so many tokens; another seed gives another text."""
    return "".join(random.Random(seed).choices("0123456789", k=count))


async def streams(side: Side, count: int, seed: str, tokens: int = _ANSWER) -> float:
    """Let so many new sessions write at once; return tokens a second of all together."""
    spoken = await asyncio.gather(
        *(side.ask(f"{seed}-{n}", [digits(f"{seed}-{n}", _TAIL)], tokens) for n in range(count))
    )
    _check(spoken, _TAIL, tokens)
    return sum(one.tokens for one in spoken) / _span_s(spoken)


async def burst_s(side: Side, seed: str, count: int = 4, tokens: int = 8) -> float:
    """Let new sessions that begin alike ask at once; return the seconds until all have answers."""
    shared = digits(seed, _SHARED)
    spoken = await asyncio.gather(
        *(
            side.ask(f"{seed}-{n}", [shared + digits(f"{seed}-{n}", _TAIL)], tokens)
            for n in range(count)
        )
    )
    _check(spoken, _SHARED + _TAIL, tokens)
    return _span_s(spoken)


async def second_turn_s(side: Side, seed: str, size: int = _FIRST_PROMPT) -> float:
    """Return the seconds to the first token of a session's second turn."""
    history = await _first_turn(side, seed, size)
    return await next_turn_s(side, seed, history)


async def in_turn_s(side: Side, seed: str, count: int = 4) -> float:
    """Let sessions take their second turns one after the other; return the sum to first tokens."""
    histories = [await _first_turn(side, f"{seed}-{n}", _SHARED) for n in range(count)]
    return sum(
        [await next_turn_s(side, f"{seed}-{n}", history) for n, history in enumerate(histories)]
    )


async def watched_gaps(side: Side, seed: str) -> tuple[list[float], list[float]]:
    """Return the gaps between tokens of a stream alone, and while another session reads much."""
    alone = await side.ask(f"{seed}-alone", [digits(f"{seed}-alone", _TAIL)], _ANSWER)
    watched = asyncio.ensure_future(
        side.ask(f"{seed}-watched", [digits(f"{seed}-watched", _TAIL)], _LONG // 4)
    )
    long = await side.ask(f"{seed}-long", [digits(f"{seed}-long", _LONG)], 1)
    stream = await watched
    until = long.arrivals[0][0]
    times = [at for at, _ in stream.arrivals if long.asked_at <= at <= until]
    return alone.gaps, [later - sooner for sooner, later in pairwise(times)]


async def cold_turn(side: Side, seed: str, size: int = _LONG) -> tuple[float, list[str]]:
    """Return the seconds to the first token of a long prompt, and the history it leaves."""
    prompt = digits(seed, size)
    spoken = await side.ask(seed, [prompt], 8)
    _check([spoken], size, 8)
    return spoken.first_s, [prompt, spoken.text]


async def _first_turn(side: Side, session: str, size: int) -> list[str]:
    return (await cold_turn(side, session, size))[1]


async def next_turn_s(side: Side, session: str, history: list[str]) -> float:
    """Return the seconds to the first token of a turn that goes on from ``history``."""
    texts = [*history, digits(f"{session}-next", _TAIL)]
    return (await side.ask(session, texts, 8)).first_s


def _span_s(spoken: Sequence[Spoken]) -> float:
    return max(one.ended_at for one in spoken) - min(one.asked_at for one in spoken)


def _check(spoken: Sequence[Spoken], prompt: int, tokens: int) -> None:
    """Both sides must have done the same work."""
    for one in spoken:
        if (one.prompt_tokens, one.tokens) != (prompt, tokens):
            raise RuntimeError(
                f"{one.prompt_tokens} tokens read and {one.tokens} written, "
                f"not {prompt} and {tokens}"
            )
