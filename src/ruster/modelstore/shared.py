"""One download for all who ask for it: everyone sees its progress, the last to leave stops it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from ruster.core.errors import ModelError, RusterError
from ruster.core.inference import Progress
from ruster.core.tasks import spawn
from ruster.modelstore.process import Tell

__all__ = ["SharedDownload"]


class SharedDownload:
    """Runs ``work`` as a task as long as someone follows it."""

    def __init__(self, name: str, work: Callable[[Tell], Awaitable[Path]]) -> None:
        self.names = {name}
        """What it was asked for by."""
        self._followers: set[asyncio.Event] = set()
        self._latest: Progress | None = None
        self._result: Path | RusterError | None = None
        self._task = spawn(self._run(work), name=f"download {name}")
        self._task.add_done_callback(lambda _: self._wake())

    @property
    def over(self) -> bool:
        """Whether it has ended, or is ending because nobody followed it any more."""
        return self._task.done() or self._task.cancelling() > 0

    async def follow(self) -> AsyncIterator[Progress | Path]:
        """Yield progress (only the latest, to a slow reader) and at last the path.

        Raises the download's error. Closing the iterator leaves the download.
        """
        changed = asyncio.Event()
        self._followers.add(changed)
        try:
            told: Progress | None = None
            while True:
                changed.clear()
                if self._latest is not None and self._latest is not told:
                    told = self._latest
                    yield told
                elif self._task.done():
                    yield self._outcome()
                    return
                else:
                    await changed.wait()
        finally:
            self._followers.discard(changed)
            if not self._followers:
                await self._end()

    def on_end(self, call: Callable[[], None]) -> None:
        """Call ``call`` once the download has ended, however."""
        self._task.add_done_callback(lambda _: call())

    async def stop(self, why: ModelError | None = None) -> None:
        """End it, whoever follows; they get ``why``."""
        if why is not None and self._result is None:
            self._result = why
        await self._end()

    async def _end(self) -> None:
        """Cancel the work once (a second time would tear its tidying up) and wait for its end."""
        if not self.over:
            self._task.cancel()
        await asyncio.wait({self._task})

    def _outcome(self) -> Path:
        if isinstance(self._result, Path):
            return self._result
        if self._result is not None:
            raise self._result
        raise ModelError(
            "the download was stopped because ruster is stopping; what has come is kept",
            code="shutting_down",
            retryable=True,
        )

    async def _run(self, work: Callable[[Tell], Awaitable[Path]]) -> None:
        try:
            self._result = await work(self._tell)
        except RusterError as error:
            self._result = error

    def _tell(self, progress: Progress) -> None:
        self._latest = progress
        self._wake()

    def _wake(self) -> None:
        for follower in self._followers:
            follower.set()
