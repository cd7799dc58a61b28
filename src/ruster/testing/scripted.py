"""A provider that says what a test wrote for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from ruster.core.errors import RusterError
from ruster.core.inference import Complete, Content, InferenceEvent, InferenceRequest, ProcessStart
from ruster.core.ports import ModelInfo

__all__ = ["ScriptedProvider", "Step"]

Step = InferenceEvent | RusterError | float | Callable[[InferenceRequest], InferenceEvent]
"""An event, an error to raise, seconds to wait, or a function of the request."""


class ScriptedProvider:
    """Implements ``core.ports.Provider``: inference N plays script N, the last one from then on.

    ``requests`` keeps what was asked; ``closed_early`` counts streams that were not played out.
    """

    def __init__(self, *scripts: Sequence[Step], window: int | None = None) -> None:
        self._scripts = scripts or ((Content("ok"),),)
        self._window = window
        self.requests: list[InferenceRequest] = []
        self.closed_early = 0

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        script = self._scripts[min(len(self.requests), len(self._scripts) - 1)]
        self.requests.append(request)
        finished = False
        try:
            yield ProcessStart()
            for step in script:
                if isinstance(step, RusterError):
                    finished = True
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif callable(step):
                    yield step(request)
                else:
                    yield step
            if not any(isinstance(step, Complete) for step in script):
                yield Complete()
            finished = True
        finally:
            self.closed_early += not finished

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo("scripted/any", self._window)]

    async def context_size(self, model: str) -> int | None:
        return self._window

    async def aclose(self) -> None:
        return
