"""Vectors made in the background: of chunks that wait for one, then of those of older generations.

The embedder is never asked inside a transaction. What it said is stored only if the chunk is still
there and still says the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from functools import partial
from typing import TYPE_CHECKING

from ruster.core.errors import MemoryError, RusterError
from ruster.core.memory import Embedder
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.memory.database.database import Database
from ruster.memory.index.entries import passages
from ruster.memory.index.formats import checked, many_encoded
from ruster.memory.index.vectors import (
    add_vectors,
    drop_generation,
    generation,
    generations,
    remove_vectors,
)

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["Vectorizer"]

_BATCH = 64
_MAX_FAILURES = 3
_log = logging.getLogger("ruster.memory")


class Vectorizer:
    """Keeps one memory's vectors up to date with its embedder."""

    def __init__(self, database: Database, zone: tzinfo | None) -> None:
        self._database = database
        self._zone = zone
        self._embedder: Embedder | None = None
        self._running: asyncio.Task[None] | None = None
        self._again = False
        self._told = False
        self._fresh = False

    def use(self, embedder: Embedder | None) -> None:
        """Take another embedder, or none, from the next batch on."""
        self._embedder = embedder
        self._told = False
        self._fresh = True

    def wake(self) -> None:
        """Look whether chunks wait; after a failure this also tries again."""
        self._again = True
        if self._embedder is not None and self._running is None and not self._database.closed:
            self._running = spawn(self._run(), name="memory-vectors")

    async def settle(self) -> None:
        """Wait until no chunk waits any more, or the embedder has failed."""
        self.wake()
        while self._running is not None:
            await asyncio.shield(self._running)

    async def aclose(self) -> None:
        """Stop."""
        if self._running is not None:
            await cancel_and_wait(self._running)

    async def _run(self) -> None:
        try:
            if self._fresh:  # what the one before could not take, this one may
                self._fresh = False
                await self._database.write(_try_again)
            while self._again and self._embedder is not None:
                self._again = False
                while await self._step(self._embedder):
                    pass
                self._told = False
        except RusterError as error:
            if not self._told and not self._database.closed:
                _log.warning("no vectors for new memories for now: %s", error.message)
            self._told = True
        finally:
            self._running = None

    async def _step(self, embedder: Embedder) -> bool:
        """Make vectors of some chunks; return whether there were any."""
        texts = await self._database.read(
            lambda it: passages(it, _waiting(it, embedder.id), self._zone)
        )
        if not texts:
            await self._drop_empty(embedder.id)
            return False
        chunks = list(texts)
        try:
            vectors = await embedder.embed([texts[chunk] for chunk in chunks], "document")
            made = _usable(chunks, vectors)
        except MemoryError as error:
            if error.retryable:
                raise
            made = await self._one_by_one(embedder, texts)
        store = partial(self._store, name=embedder.id, texts=texts, made=made)
        await self._database.write(store, durable=False)  # it can be made again
        return True

    async def _one_by_one(
        self, embedder: Embedder, texts: Mapping[int, str]
    ) -> dict[int, Sequence[float]]:
        """Find the texts that the embedder cannot take; fails when it takes none of several."""
        made: dict[int, Sequence[float]] = {}
        failure: MemoryError | None = None
        for chunk, text in texts.items():
            try:
                made |= _usable([chunk], await embedder.embed([text], "document"))
            except MemoryError as error:
                failure = error
        if not made and failure is not None and len(texts) > 1:
            raise failure
        return made

    def _store(
        self,
        connection: Connection,
        name: str,
        texts: Mapping[int, str],
        made: Mapping[int, Sequence[float]],
    ) -> None:
        now = passages(connection, list(texts), self._zone)
        good = [chunk for chunk in made if now.get(chunk) == texts[chunk]]
        layers = _layers(connection, good)
        good = [chunk for chunk in good if chunk in layers]
        remove_vectors(connection, good)
        encoded = many_encoded([made[chunk] for chunk in good])
        into = generation(connection, name, exact=self._database.has_vectors)
        rows = [(chunk, layers[chunk], it) for chunk, it in zip(good, encoded, strict=True)]
        add_vectors(connection, into, rows)
        connection.executemany("DELETE FROM pending WHERE chunk = ?", ((it,) for it in good))
        connection.executemany(
            "UPDATE pending SET failures = failures + 1 WHERE chunk = ?",
            ((it,) for it in texts if it not in made),
        )

    async def _drop_empty(self, name: str) -> None:
        """Delete older generations that have nothing left."""

        def work(connection: Connection) -> None:
            for it in generations(connection):
                if it.name != name and not it.size:
                    drop_generation(connection, it.number)

        if any(it.name != name for it in await self._database.read(generations)):
            await self._database.write(work)


def _try_again(connection: Connection) -> None:
    connection.execute("UPDATE pending SET failures = 0 WHERE failures > 0")


def _waiting(connection: Connection, name: str) -> list[int]:
    """Return chunks without a vector, or else some with one of an older generation."""
    ask = "SELECT chunk FROM pending WHERE failures < ? ORDER BY failures, chunk DESC LIMIT ?"
    chunks = [chunk for (chunk,) in connection.execute(ask, (_MAX_FAILURES, _BATCH))]
    for it in generations(connection):
        if not chunks and it.name != name:
            ask = f"SELECT chunk FROM vectors_{it.number} ORDER BY chunk DESC LIMIT ?"
            chunks = [chunk for (chunk,) in connection.execute(ask, (_BATCH,))]
    return chunks


def _layers(connection: Connection, chunks: Sequence[int]) -> dict[int, int]:
    ask = "SELECT c.id, i.layer FROM chunks c JOIN items i ON i.n = c.item "
    ask += "WHERE c.id IN (SELECT value FROM json_each(?)) AND i.hidden IS NULL"
    return dict(connection.execute(ask, (str(list(chunks)),)))


def _usable(
    chunks: Sequence[int], vectors: Sequence[Sequence[float]]
) -> dict[int, Sequence[float]]:
    if len(vectors) != len(chunks):
        raise MemoryError("the embedder gave too few or too many vectors", code="vector_invalid")
    return {chunk: checked(it) for chunk, it in zip(chunks, vectors, strict=True)}
