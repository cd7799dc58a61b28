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
        except ProviderUnreachable as error:
            return self._own or self._assumed if error.code == "provider_mismatch" else None
        except ProviderError as error:
            return None if error.code == "provider_unauthorized" else self._own or self._assumed
        if model in known:
            return self._own or known[model] or self._assumed
        return self._own

    async def _fresh(self) -> Mapping[str, int | None]:
        if self._known is not None and self._clock.monotonic() < self._until:
            return self._known
        return await self.list()
