"""Group commit: one thread flushes the journals of all sessions, many waiters to a flush."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from ruster.core.errors import StorageError
from ruster.core.tasks import spawn
from ruster.storage.journal import Journal

__all__ = ["Committer"]

_log = logging.getLogger("ruster.storage")
_Waiter = tuple[tuple[Journal, ...], "asyncio.Future[None]"]


class Committer:
    """Makes appended records durable, together with whatever else waits at that moment."""

    def __init__(self, *, sync: bool = True) -> None:
        """With ``sync`` false nothing is flushed, and every commit is done at once."""
        self._sync = sync
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ruster-commit")
        self._waiting: list[_Waiter] = []
        self._running: asyncio.Task[None] | None = None

    def commit(self, *journals: Journal) -> asyncio.Future[None]:
        """Return a future that is done once all records of ``journals`` so far are on the disk.

        The future fails with StorageError if the disk refused. Futures of earlier calls are
        always done no later than those of later calls.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._sync:
            future.set_result(None)
            return future
        self._waiting.append((journals, future))
        if self._running is None:
            self._running = spawn(self._run(), name="commit")
        return future

    async def aclose(self) -> None:
        """Finish what waits, then release the thread."""
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)
        self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                # Files in order of first mention: history before events.
                dirty = list(dict.fromkeys(j for journals, _ in batch for j in journals))
                failed = await loop.run_in_executor(self._thread, _flush, dirty)
                for journals, future in batch:
                    _resolve(future, next((failed[j] for j in journals if j in failed), None))
        finally:
            self._running = None


def _flush(journals: list[Journal]) -> dict[Journal, StorageError]:
    failed: dict[Journal, StorageError] = {}
    for journal in journals:
        try:
            journal.sync()
        except StorageError as error:
            failed[journal] = error
        except Exception as error:  # noqa: BLE001 - others wait for the same flush
            _log.exception("flush failed: %s", journal.path)
            failed[journal] = journal.failure = StorageError(f"cannot flush to the disk: {error}")
    return failed


def _resolve(future: asyncio.Future[None], error: StorageError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
