"""One answer as a client saw it, and what the sides of a comparison have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

__all__ = ["Side", "Spoken"]


@dataclass(slots=True)
class Spoken:
    """What was written when, in seconds of ``time.perf_counter``.

    ``arrivals`` has a time and a number of tokens for each piece: the benchmark's models write one
    character a token.
    """

    asked_at: float
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    ended_at: float = 0.0
    text: str = ""
    prompt_tokens: int = 0
    tokens: int = 0

    def take(self, text: str, now: float) -> None:
        """Note a piece of text."""
        if text:
            self.text += text
            self.arrivals.append((now, len(text)))

    @property
    def first_s(self) -> float:
        """Seconds from the question to the first token."""
        return self.arrivals[0][0] - self.asked_at

    @property
    def gaps(self) -> list[float]:
        """Seconds from each piece to the next."""
        times = [at for at, _ in self.arrivals]
        return [later - sooner for sooner, later in pairwise(times)]


class Side(Protocol):
    """An engine under comparison."""

    name: str

    async def start(self) -> float:
        """Start it with its model, ready to answer; return the seconds that took."""
        ...

    async def stop(self) -> None:
        """End it."""
        ...

    async def ask(self, session: str, texts: Sequence[str], tokens: int) -> Spoken:
        """Let it write ``tokens`` tokens after ``texts``: messages and answers in turn."""
        ...
