"""How many prompt tokens a step may carry beside running answers.

A prompt read in large steps is read faster, but every running stream waits for the step. The pace
is found by measuring: a step beside answers may take ``STRETCH`` times as long as one without
prompt tokens, within fixed bounds.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["STRETCH", "PrefillPace", "split_budget"]

STRETCH = 2.0
_LEAST = 2
_WEIGHT = 0.25
_RISE, _FALL = 0.5, 0.05  # what a prompt token costs is believed soon when more, late when less


class PrefillPace:
    """Learns what answers and prompt tokens cost, and gives the budget of the next step.

    ``most`` bounds it from above; before anything is known it gives a few.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._quiet_s: float | None = None
        self._token_s: float | None = None

    def budget(self) -> int:
        """Return how many prompt tokens the next step may carry beside running answers."""
        if self._quiet_s is None or self._token_s is None:
            return min(_LEAST, self._most)
        wanted = int((STRETCH - 1) * self._quiet_s / max(self._token_s, 1e-9))
        return max(min(_LEAST, self._most), min(self._most, wanted))

    def note(self, took_s: float, answers: int, prompt_tokens: int) -> None:
        """Take the time of a step that carried so many answers and prompt tokens."""
        if answers and not prompt_tokens:
            self._quiet_s = _blend(self._quiet_s, took_s)
        elif prompt_tokens and not answers:
            if self._token_s is None:  # a guess, until there is a step with both
                self._token_s = took_s / prompt_tokens
        elif answers and self._quiet_s is not None:
            extra = max(0.0, took_s - self._quiet_s)
            new = extra / prompt_tokens
            rises = self._token_s is None or new > self._token_s
            self._token_s = _blend(self._token_s, new, _RISE if rises else _FALL)


def split_budget(budget: int, wanted: Sequence[int]) -> list[int]:
    """Split a step's tokens evenly among prompts; what short ones leave goes to the others."""
    given = [0] * len(wanted)
    left = len(wanted)
    for index in sorted(range(len(wanted)), key=lambda index: wanted[index]):
        given[index] = min(wanted[index], -(-budget // left))
        budget -= given[index]
        left -= 1
    return given


def _blend(known: float | None, new: float, weight: float = _WEIGHT) -> float:
    return new if known is None else known + weight * (new - known)
