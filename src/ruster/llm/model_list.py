"""A provider's models with their windows, remembered for a while: asked for in every turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from ruster.core.clock import Clock, SystemClock
from ruster.core.errors import ProviderError, ProviderUnreachable

__all__ = ["ModelWindows"]

_FRESH_S = 300.0


class ModelWindows:
    """Model name to window in tokens (None where it is not told), from ``ask``.

    ``own`` is the window the user has set, ``assumed`` the one to count on when nobody tells.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[Mapping[str, int | None]]],
        *,
        own: int | None,
        assumed: int,
        clock: Clock | None = None,
    ) -> None:
        self._ask = ask
        self._own = own
        self._assumed = assumed
        self._clock = clock or SystemClock()
        self._known: Mapping[str, int | None] | None = None
        self._until = 0.0

    async def list(self) -> Mapping[str, int | None]:
        """Ask for the models; raises ``ProviderError``."""
        self._known = await self._ask()
        self._until = self._clock.monotonic() + _FRESH_S
        return self._known

    async def window(self, model: str) -> int | None:
        """Return the window of ``model``, or None when the model or the provider is not there.

        A server that cannot list its models is taken to have the one it is asked for.
        """
        try:
            known = await self._fresh()
        except ProviderError:
            return None
        if known is None or model in known:
            told = None if known is None else known[model]
            return self._own or told or self._assumed
        return self._own

    async def _fresh(self) -> Mapping[str, int | None] | None:
        """Return a list that is not too old, or None when the server has none to give.

        A list that fails is not asked for again at once; until then the old one counts.
        """
        if self._clock.monotonic() < self._until:
            return self._known
        try:
            return await self.list()
        except ProviderError as error:
            absent = isinstance(error, ProviderUnreachable) and error.code != "provider_mismatch"
            if absent or error.code == "provider_unauthorized":
                raise
            self._until = self._clock.monotonic() + _FRESH_S
            return self._known
