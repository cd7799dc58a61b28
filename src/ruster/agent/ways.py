"""The ways in which a model can be given tools, and which of them each model was found to take."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum

from ruster.core.clock import Clock, SystemClock

__all__ = ["Way", "Ways"]


class Way(StrEnum):
    """How a model calls tools: by its provider's own means, in JSON it is held to, not at all."""

    NATIVE = "native"
    JSON = "json"
    NONE = "none"


class Ways:
    """What was found out, by the model's full name; every turn of a daemon may share it.

    At most ``most`` models are remembered, each for ``keep_s`` seconds: a model may be replaced by
    one of the same name, and a service may learn. What is not known is taken for ``NATIVE``.
    """

    def __init__(
        self, clock: Clock | None = None, *, most: int = 256, keep_s: float = 3600.0
    ) -> None:
        self._clock = clock or SystemClock()
        self._most = most
        self._keep_s = keep_s
        self._found: OrderedDict[str, tuple[Way, float]] = OrderedDict()

    def of(self, model: str) -> Way:
        """Return the way to try first."""
        way, until = self._found.get(model, (Way.NATIVE, 0.0))
        return way if self._clock.monotonic() < until else Way.NATIVE

    def found(self, model: str, way: Way) -> None:
        """Remember the way of a model; the one found longest ago goes when there are too many."""
        self._found.pop(model, None)
        self._found[model] = (way, self._clock.monotonic() + self._keep_s)
        while len(self._found) > self._most:
            self._found.popitem(last=False)
