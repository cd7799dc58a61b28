"""One database file and its threads: one that writes, two that read, all off the event loop.

Writes that wait at the same time share a transaction and so a flush; each is whole or not at all.
Readers see what was committed when they began, and never wait for a writer.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ruster.storage.files import make_private_folder
from ruster.storage.sqlite.subject import Subject

if TYPE_CHECKING:
    from ruster.storage.sqlite.native import Connection

__all__ = ["Database"]

_T = TypeVar("_T")
_READERS = 2
_MAX_WAITING = 10_000
_BATCH = 256


@dataclass(frozen=True, slots=True)
class _Write:
    work: Callable[[Connection], None]
    future: Future[None]
    durable: bool


class Database:
    """A file opened by ``open``; its errors are those of its ``subject``."""

    def __init__(
        self,
        path: Path,
        subject: Subject,
        on_connect: Callable[[Connection], None] | None = None,
        readers: int = _READERS,
    ) -> None:
        """``on_connect`` is called with every new connection, on its thread.

        ``on_write``, which may be set later, is called after every durable write.
        """
        self.path = path
        self.on_write: Callable[[], None] | None = None
        self._subject = subject
        self._writer = _Thread(path, subject, on_connect, writes=True)
        self._readers = [_Thread(path, subject, on_connect, writes=False) for _ in range(readers)]
        self._waiting: deque[_Write] = deque()
        self._lock = threading.Lock()
        self._draining = False
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether ``aclose`` was called."""
        return self._closed

    async def open(self, prepare: Callable[[Connection], None]) -> None:
        """Create the file and its folder if need be, and let ``prepare`` bring it up to date.

        Raises the subject's error (``…_corrupt``, ``…_too_new``, ``…_busy``) or StorageError.
        """
        make_private_folder(self.path.parent)
        try:
            await self._writer.run(prepare)
        except BaseException:
            await self.aclose()
            raise

    async def write(self, work: Callable[[Connection], _T], *, durable: bool = True) -> _T:
        """Run ``work`` in a transaction and return once it is on the disk.

        It may be rolled back alone and then fails alone. Unless ``durable``, it is not flushed: a
        power cut may undo it, the end of the process does not. Raises what ``work`` raises, the
        subject's error or StorageError. Cancelling gives it up only before it has begun.
        """
        self._check_open()
        results: list[_T] = []
        future: Future[None] = Future()
        with self._lock:
            if len(self._waiting) >= _MAX_WAITING:
                raise self._subject.error(
                    f"too much waits to be written to the {self._subject.name}; try again later",
                    code=f"{self._subject.name}_busy",
                    retryable=True,
                )
            self._waiting.append(
                _Write(lambda connection: results.append(work(connection)), future, durable)
            )
            start, self._draining = not self._draining, True
        if start:
            self._writer.submit(self._drain)
        await asyncio.wrap_future(future)
        if durable and self.on_write is not None:
            self.on_write()
        return results[0]

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run ``work`` on a snapshot of the database; cancelling interrupts it."""
        self._check_open()
        reader = min(self._readers, key=lambda it: it.load)
        return await reader.run(lambda connection: _snapshot(connection, work))

    async def alone(self, work: Callable[[Connection], _T]) -> _T:
        """Run ``work`` between writes and outside of any transaction."""
        self._check_open()
        return await self._writer.run(work)

    async def aclose(self) -> None:
        """Finish what waits, write the log into the file, and close it."""
        if not self._closed:
            self._closed = True
            for thread in (*self._readers, self._writer):
                await asyncio.to_thread(thread.close)

    def _check_open(self) -> None:
        if self._closed:
            raise self._subject.error(
                f"the {self._subject.name} {self.path} is closed",
                code=f"{self._subject.name}_closed",
            )

    def _drain(self, connection: Connection) -> None:
        """Run what waits, many writes to a transaction."""
        while True:
            with self._lock:
                size = min(_BATCH, len(self._waiting))
                batch = [self._waiting.popleft() for _ in range(size)]
                self._draining = bool(batch)
            if not batch:
                return
            self._commit(
                connection, [it for it in batch if it.future.set_running_or_notify_cancel()]
            )

    def _commit(self, connection: Connection, batch: list[_Write]) -> None:
        failed: dict[int, BaseException] = {}
        try:
            flushed = any(it.durable for it in batch)
            connection.pragma("synchronous", "full" if flushed else "normal")
            connection.execute("BEGIN IMMEDIATE")
            for number, it in enumerate(batch):
                try:
                    if len(batch) == 1:
                        it.work(connection)
                    else:
                        _guarded(connection, it.work)
                except Exception as error:  # others share the transaction
                    failed[number] = error
                    if len(batch) == 1 or not connection.in_transaction:
                        raise
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - goes to whoever waits
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            failed = dict.fromkeys(range(len(batch)), error)
        for number, it in enumerate(batch):
            if number in failed:
                it.future.set_exception(self._writer.translate(failed[number]))
            else:
                it.future.set_result(None)


class _Thread:
    """A thread with a connection of its own, both made at the first use."""

    def __init__(
        self,
        path: Path,
        subject: Subject,
        on_connect: Callable[[Connection], None] | None,
        *,
        writes: bool,
    ) -> None:
        self._path = path
        self._subject = subject
        self._on_connect = on_connect
        self._writes = writes
        name = f"ruster-{subject.name}-{'write' if writes else 'read'}"
        self._pool = ThreadPoolExecutor(1, name)
        self._connection: Connection | None = None
        self.load = 0

    async def run(self, work: Callable[[Connection], _T]) -> _T:
        future = self.submit(work)
        self.load += 1
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not self._writes and future.running() and self._connection is not None:
                self._connection.interrupt()
            raise
        finally:
            self.load -= 1

    def submit(self, work: Callable[[Connection], _T]) -> Future[_T]:
        return self._pool.submit(self._work, work)

    def close(self) -> None:
        """Finish what was submitted and close the connection (blocks)."""
        self._pool.submit(self._close).result()
        self._pool.shutdown()

    def translate(self, error: BaseException) -> BaseException:
        from ruster.storage.sqlite.native import translated

        try:
            with translated(self._path, self._subject):
                raise error
        except Exception as ours:  # noqa: BLE001 - it is what was asked for
            return ours

    def _work(self, work: Callable[[Connection], _T]) -> _T:
        # Here and in `translate` apsw is loaded, when a database is first used.
        from ruster.storage.sqlite.native import open_connection, translated

        with translated(self._path, self._subject):
            if self._connection is None:
                self._connection = open_connection(self._path, self._subject, writes=self._writes)
                if self._on_connect is not None:
                    self._on_connect(self._connection)
            return work(self._connection)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _guarded(connection: Connection, work: Callable[[Connection], None]) -> None:
    """Run a write that shares its transaction; it alone is undone when it fails."""
    with connection:
        work(connection)


def _snapshot(connection: Connection, work: Callable[[Connection], _T]) -> _T:
    connection.execute("BEGIN")
    try:
        return work(connection)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
