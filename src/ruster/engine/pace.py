"""How many prompt tokens a step may carry beside running answers.

A prompt read in large steps is read faster, but every running stream waits for the step. The pace
is found by measuring: a step beside answers may take ``STRETCH`` times as long as one without
prompt tokens, within fixed bounds.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["STRETCH", "PrefillPace", "split_budget"]

STRETCH = 2.5
_LEAST = 4
_WEIGHT = 0.25


class PrefillPace:
    """Learns what answers and prompt tokens cost, and gives the budget of the next step.

    ``most`` bounds it from above; before anything is known a small part of it is given.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._quiet_s: float | None = None
        self._token_s: float | None = None

    def budget(self) -> int:
        """Return how many prompt tokens the next step may carry beside running answers."""
        if self._quiet_s is None or self._token_s is None:
            return min(self._most, max(_LEAST, self._most // 8))
        wanted = int((STRETCH - 1) * self._quiet_s / max(self._token_s, 1e-9))
        return max(min(_LEAST, self._most), min(self._most, wanted))

    def note(self, took_s: float, answers: int, prompt_tokens: int) -> None:
        """Take the time of a step that carried so many answers and prompt tokens."""
        if answers and not prompt_tokens:
            self._quiet_s = _blend(self._quiet_s, took_s)
        elif answers and self._quiet_s is not None:
            extra = max(0.0, took_s - self._quiet_s)
            self._token_s = _blend(self._token_s, extra / prompt_tokens)


def split_budget(budget: int, wanted: Sequence[int]) -> list[int]:
    """Split a step's tokens evenly among prompts; what short ones leave goes to the others."""
    given = [0] * len(wanted)
    left = len(wanted)
    for index in sorted(range(len(wanted)), key=lambda index: wanted[index]):
        given[index] = min(wanted[index], -(-budget // left))
        budget -= given[index]
        left -= 1
    return given


def _blend(known: float | None, new: float) -> float:
    return new if known is None else known + _WEIGHT * (new - known)
