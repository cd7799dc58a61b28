"""How long a server is left alone after its connection has ended."""

from __future__ import annotations

from ruster.core.clock import Clock
from ruster.proactive.servers.settings import ServerSettings

__all__ = ["Pauses"]

_MAX_DOUBLINGS = 20


class Pauses:
    """A server that fails is tried again after a while that doubles each time; one that breaks the
    rules is left alone for longer, also when it is started anew.
    """

    def __init__(self, settings: ServerSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._failures = 0
        self._strikes = 0
        self._not_before = 0.0
        self.quarantined = False

    @property
    def left_s(self) -> float:
        """How long it is still to be left alone, in seconds."""
        return max(0.0, self._not_before - self._clock.monotonic())

    def after_failure(self) -> None:
        """Note that it failed, or went."""
        own = self._settings
        self._begin(_doubled(own.reconnect_s, self._failures, own.reconnect_max_s))
        self._failures += 1
        self.quarantined = False

    def after_fault(self) -> None:
        """Note that it broke the rules."""
        own = self._settings
        self._begin(_doubled(own.quarantine_s, self._strikes, own.quarantine_max_s))
        self._strikes += 1
        self.quarantined = True

    def after_success(self, lasted_s: float) -> None:
        """Note that it was connected for so long without breaking the rules."""
        if lasted_s >= self._settings.reconnect_s:
            self._failures = 0
        if lasted_s >= self._settings.quarantine_s:
            self._strikes = 0

    def cut_short(self) -> None:
        """Try again at once, since it was started anew; not while it is in quarantine."""
        if not self.quarantined:
            self._failures = 0
            self._not_before = 0.0

    def _begin(self, seconds: float) -> None:
        self._not_before = self._clock.monotonic() + seconds


def _doubled(first: float, times: int, most: float) -> float:
    return min(most, first * 2.0 ** min(times, _MAX_DOUBLINGS))
