"""What may be spent on models, in tokens: by one turn, and by all turns of a day.

What a step may take is reserved before it is asked for, so that turns side by side cannot spend the
same tokens. The count of the day survives a restart; what a kill loses of it is one step's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import structlog

from ruster.core.clock import Clock
from ruster.core.errors import ProviderError

__all__ = ["DayBudget", "Reservation", "TurnBudget"]

_log = structlog.stdlib.get_logger("ruster.agent")
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_FILE_BYTES = 96


class Reservation:
    """Tokens put aside for one step, until it is known what it takes."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        self._spend = spend

    def spend(self, tokens: int) -> None:
        """Count tokens that the step has taken; they count at once."""
        self._spend(tokens)


class DayBudget:
    """The tokens of a day, counted in ``path``; a ``limit`` of 0 is none."""

    def __init__(self, path: Path | None, limit: int, clock: Clock) -> None:
        """Read the count of today (blocks)."""
        self._path = path
        self._limit = limit
        self._clock = clock
        self._day, self._spent = self._read()
        self._reserved = 0

    @property
    def spent_today(self) -> int:
        """Tokens spent since midnight, local time."""
        self._turn_the_page()
        return self._spent

    @property
    def limit(self) -> int:
        """Tokens that may be spent in a day; 0 is no limit."""
        return self._limit

    @contextmanager
    def reserve(self, tokens: int) -> Iterator[Reservation]:
        """Put tokens aside for a step; raises ProviderError (``budget_exhausted``)."""
        self._turn_the_page()
        if self._limit and self._spent + self._reserved + tokens > self._limit:
            raise ProviderError(
                f"{self._spent} tokens were spent today and the next step may take {tokens}; "
                f"agent.day_tokens allows {self._limit} a day",
                code="budget_exhausted",
            )
        self._reserved += tokens
        try:
            yield Reservation(self._spend)
        finally:
            self._reserved -= tokens

    def _spend(self, tokens: int) -> None:
        self._turn_the_page()
        if not tokens:
            return
        self._spent += tokens
        if self._path is None:
            return
        text = json.dumps({"day": self._day.isoformat(), "tokens": self._spent})
        try:  # In place and never shorter, so that no file system flushes it: some microseconds.
            fd = os.open(self._path, _WRITE, 0o600)
            try:
                os.write(fd, text.ljust(_FILE_BYTES).encode())
                if os.fstat(fd).st_size > _FILE_BYTES:  # it was damaged
                    os.ftruncate(fd, _FILE_BYTES)
            finally:
                os.close(fd)
        except OSError as error:
            _log.warning("budget_not_kept", error=str(error))

    def _turn_the_page(self) -> None:
        if (today := self._today()) != self._day:
            self._day, self._spent = today, 0

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.now()).astimezone().date()

    def _read(self) -> tuple[date, int]:
        today = self._today()
        try:
            kept = json.loads(self._path.read_bytes()) if self._path is not None else {}
            same = kept.get("day") == today.isoformat()
            return today, max(0, int(kept["tokens"])) if same else 0
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return today, 0


class TurnBudget:
    """The tokens of one turn; a ``limit`` of 0 is none."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.spent = 0

    def check(self, tokens: int) -> None:
        """Raise ProviderError (``budget_exhausted``) if a step that takes so many is too much."""
        if self._limit and self.spent + tokens > self._limit:
            raise ProviderError(
                f"this turn has taken {self.spent} tokens and the next step may take {tokens}; "
                f"agent.turn_tokens allows {self._limit}; ask for less at once",
                code="budget_exhausted",
            )

    def spend(self, tokens: int) -> None:
        """Count what a step has taken."""
        self.spent += tokens
