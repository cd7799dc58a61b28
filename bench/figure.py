"""A measured figure, its target and its control; statistics over samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Figure", "percentile"]


@dataclass(frozen=True)
class Figure:
    """One line of the report.

    ``value`` is None when the figure could not be taken; ``note`` says why. ``control`` is the same
    measure taken of something that does the least possible, in the same run.
    """

    name: str
    value: float | None
    unit: str
    target: float | None = None
    control: float | None = None
    note: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a value."""
        if self.target is None or self.value is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of its control."""
        return self.value / self.control if self.value is not None and self.control else None


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest sample that ``percent`` of all samples do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
