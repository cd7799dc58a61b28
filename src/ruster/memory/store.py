"""A memory in one file: the facade that the rest of ruster talks to.

Everything blocking happens on the database's threads. What is told to the caller is on the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from ruster.core.clock import Clock
from ruster.core.errors import MemoryError
from ruster.core.memory import Embedder, Forgotten, Hit, Kept, Layer, LogEntry, Record, Reranker
from ruster.memory.database.database import Database
from ruster.memory.database.schema import migrate
from ruster.memory.embedding.keys import DropVectors
from ruster.memory.index.entries import vector_keys
from ruster.memory.index.nearest import Nearest
from ruster.memory.index.vectors import layer_code
from ruster.memory.index.words import WORDS, create_words
from ruster.memory.places import FILE_NAME
from ruster.memory.records import forgetting, keeping, listing, log, rows, writing
from ruster.memory.records.checks import check_text, checked_record
from ruster.memory.records.documents import Documents
from ruster.memory.records.facts import Facts
from ruster.memory.records.moving import move_by_hand
from ruster.memory.records.stats import MemoryStats, count
from ruster.memory.search.lexical import register_rank
from ruster.memory.search.query import Query
from ruster.memory.search.recipe import Recipe
from ruster.memory.search.searcher import Searcher
from ruster.memory.search.source import Source
from ruster.memory.upkeep.repair import disagreements, rebuild
from ruster.memory.upkeep.settings import UpkeepSettings
from ruster.memory.upkeep.upkeep import Upkeep
from ruster.memory.upkeep.vectorizer import Vectorizer

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["FILE_NAME", "MemoryStore"]

_WIPE_TRIES = 3
_LIST = 100


class MemoryStore:
    """Made by ``open``. Methods raise MemoryError and StorageError."""

    def __init__(self, database: Database, clock: Clock, zone: tzinfo | None) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self.facts = Facts(database, clock)
        self.searcher = Searcher(clock, zone)
        self._vectorizer = Vectorizer(database, zone)
        self.documents = Documents(database, clock, zone, self._vectorizer.wake, self._drop)
        self.drop_vectors: DropVectors | None = None
        """Has vectors dropped that others keep of texts that are deleted for good."""
        self._repairing = asyncio.Lock()
        self.source = Source(database, Nearest(has_vec0=database.has_vectors), self.repair)

    @classmethod
    async def open(
        cls,
        path: Path,
        clock: Clock,
        zone: tzinfo | None = None,
        embedders: Sequence[Embedder] = (),
        reranker: Reranker | None = None,
        recipe: Recipe | None = None,
    ) -> MemoryStore:
        """Open or create the file ``path``. ``zone`` is where days begin; None is the machine's.

        The first embedder makes vectors; the others are those of older generations. Raises
        MemoryError (``memory_corrupt``, ``memory_too_new``, ``memory_busy``), StorageError.
        """
        database = Database(path, register_rank)
        await database.open(_prepare)
        store = cls(database, clock, zone)
        store.searcher = Searcher(clock, zone, embedders, reranker, recipe)
        store.use(embedders, reranker)
        return store

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._database.path

    def use(self, embedders: Sequence[Embedder], reranker: Reranker | None = None) -> None:
        """Work with other models from now on; vectors of another first embedder are made anew."""
        self.searcher.embedders = tuple(embedders)
        self.searcher.reranker = reranker
        self._vectorizer.use(embedders[0] if embedders else None)
        self._vectorizer.wake()

    async def insert(self, record: Record) -> Record:
        """Add a record and return it with its id and time.

        It is found by words at once, and by its vector soon. What goes to ``interact`` is not
        flushed: a power cut may take the last of it, which the session's own journal has. Raises
        MemoryError: ``text_invalid``, ``text_too_large``, ``record_invalid``, ``record_exists``,
        ``vector_invalid``.
        """
        return (await self.insert_many([record]))[0]

    async def insert_many(self, records: Iterable[Record]) -> list[Record]:
        """Add records, all or none; raises as ``insert`` does."""
        now = self._clock.now()
        whole = [writing.completed(checked_record(it), now) for it in records]
        generation = next((it.id for it in self.searcher.embedders), None)

        def work(connection: Connection) -> None:
            numbers = writing.insert(connection, whole, self._zone)
            exact = self._database.has_vectors
            writing.vectors_given(connection, whole, numbers, generation, exact)

        durable = any(it.layer is not Layer.INTERACT for it in whole)
        await self._database.write(work, durable=durable)
        self._vectorizer.wake()
        return [replace(it, embedding=None) for it in whole]

    async def keep(self, record: Record, supersedes: Sequence[str] = ()) -> Kept:
        """Keep a fact: merged with one that says the same, or in place of one it contradicts.

        It contradicts what has the same slot, and the records that ``supersedes`` names.
        """
        now = self._clock.now()
        layer = Layer.INSIGHTS if record.layer is Layer.INTERACT else record.layer
        whole = writing.completed(checked_record(replace(record, layer=layer)), now)
        kept = await self._database.write(
            lambda it: keeping.keep(it, whole, supersedes, now, self._zone)
        )
        self._vectorizer.wake()
        return kept

    def search(self, text: str, k: int = 10) -> Query:
        """Return a search to be refined and awaited: ``await memory.search("cats", 5)``."""
        return Query(text, self._run, k)

    async def get(self, id: str) -> Record | None:
        """Return a record that is there, also one that is superseded or was moved out of sight."""
        found = await self._records("id = ?", (check_text(id, "id"),))
        return found[0] if found else None

    async def history(self, id: str) -> list[Record]:
        """Return what a record took the place of, step by step, newest first."""
        found: list[Record] = []
        left = [check_text(id, "id")]
        while left and len(found) < _LIST:
            earlier = await self._records("superseded_by = ? ORDER BY ts DESC", (left.pop(0),))
            found += earlier
            left += [it.id for it in earlier]
        return found

    async def recent(
        self,
        layer: Layer | None = None,
        *,
        before: float | None = None,
        before_id: str = "",
        limit: int = _LIST,
    ) -> list[Record]:
        """Return what can be found, newest first.

        A page goes on ``before`` the time of the last record of the page before, and before its id
        among those of the same time.
        """
        layers = tuple(Layer) if layer is None else (layer,)
        place = None if before is None else (before, before_id)
        return await self._database.read(lambda it: listing.newest(it, layers, place, limit))

    async def since(self, number: int, limit: int = _LIST) -> list[tuple[int, Record]]:
        """Return what can be found as it came, with numbers: what came after ``number``."""
        return await self._database.read(lambda it: listing.since(it, number, limit))

    async def stats(self, *, details: bool = False) -> MemoryStats:
        """Count what there is; with ``details`` every record is looked at."""
        return await self._database.read(lambda it: count(it, details=details))

    async def of_source(self, source: str, layer: Layer = Layer.INTERACT) -> list[Record]:
        """Return what comes from one turn or document, in the order in which it was added."""
        wanted = (check_text(source, "source"), layer_code(layer))
        return await self._records("source = ? AND layer = ? ORDER BY n", wanted)

    async def ids_of_session(self, session: str) -> list[str]:
        """Return the ids of all that was said in a session, out of sight or not."""
        check_text(session, "session")
        ask = "SELECT id FROM items WHERE session = ?"
        return await self._database.read(
            lambda it: [str(id) for (id,) in it.execute(ask, (session,))]
        )

    async def edit(self, id: str, text: str) -> Record:
        """Give a record another text; raises MemoryError (``record_not_found``) as all below do."""
        check_text(text)
        if not text.strip():
            raise MemoryError("the text is empty", code="text_invalid")
        await self._change(id, lambda it, n: writing.rewrite(it, n, text, self._zone))
        self._vectorizer.wake()
        return await self._present(id)

    async def pin(self, id: str, pinned: bool = True) -> Record:
        """Pin a record, so that it never moves or expires, or take the pin off."""
        ask = "UPDATE items SET pinned = ? WHERE n = ?"
        await self._change(id, lambda it, n: it.execute(ask, (int(pinned), n)))
        return await self._present(id)

    async def move(self, id: str, layer: Layer) -> Record:
        """Bring a record to another layer, because a person says so; the log tells of it."""
        now = self._clock.now()
        await self._change(id, lambda it, n: move_by_hand(it, n, layer, now))
        return await self._present(id)

    async def used(self, ids: Sequence[str]) -> None:
        """Note that records were shown to a model or a person."""
        now = self._clock.now()
        ask = "UPDATE items SET uses = uses + 1, last_used = ? WHERE id = ?"
        if ids:
            used = [(now, id) for id in ids]
            await self._database.write(lambda it: it.executemany(ask, used), durable=False)

    async def forget(self, ids: Sequence[str]) -> Forgotten:
        """Delete records for good, with the summaries made of them.

        When this returns, no byte of them is left in the database's files, nor their vectors
        in the cache. Ids that are not there
        are left out of the answer. Raises MemoryError (``memory_busy``) when another program keeps
        an old state open; they are deleted then, but not gone from the disk yet.
        """
        now = self._clock.now()
        gone, keys = await self._database.write(
            lambda it: forgetting.forget(it, ids, now, self._zone)
        )
        try:
            await self.wipe()
        finally:  # now nobody reads the texts any more, to make vectors of them
            await self._drop(list(keys))
        return gone

    async def forget_vectors(self) -> None:
        """Have the vectors of all texts dropped where they are cached: the file is to go."""
        zone = self._zone

        def work(connection: Connection) -> set[bytes]:
            numbers = [int(n) for (n,) in connection.execute("SELECT n FROM items")]
            return vector_keys(connection, numbers, zone)

        if self.drop_vectors is not None:
            await self._vectorizer.aclose()
            await self._drop(list(await self._database.read(work)))

    async def forget_facts(self, pattern: str) -> Forgotten:
        """Delete facts by name for good, with their history; ``*`` stands for any characters."""
        keys = await self.facts.keys(pattern, ended=True)

        def work(connection: Connection) -> None:
            for table in ("facts", "fact_history"):
                ask = f"DELETE FROM {table} WHERE key = ?"
                connection.executemany(ask, ((key,) for key in keys))

        await self._database.write(work)
        await self.wipe()
        return Forgotten((), (), 0, 0, tuple(keys))

    async def wipe(self) -> None:
        """Make sure that nothing deleted is left on the disk; raises MemoryError."""
        for _ in range(_WIPE_TRIES):
            if await self._database.alone(
                lambda it: forgetting.wipe(it, exact=self._database.has_vectors)
            ):
                return  # else SQLite has waited for the readers in vain
        raise MemoryError(
            "deleted, but another program still reads the memory; try again to wipe it",
            code="memory_busy",
            retryable=True,
        )

    async def log(
        self, id: str | None = None, *, before: int | None = None, limit: int = _LIST
    ) -> list[LogEntry]:
        """Return the moves of a record or of all, newest first."""
        return await self._database.read(
            lambda it: log.entries(it, id=id, before=before, limit=limit)
        )

    def upkeep(self, settings: UpkeepSettings | None = None) -> Upkeep:
        """Return what moves records as they age, mends the indexes and undoes moves."""
        wake = self._vectorizer.wake
        return Upkeep(self._database, self._clock, self._zone, settings or UpkeepSettings(), wake)

    async def settle(self) -> None:
        """Wait until all vectors are made, or the embedder has failed."""
        await self._vectorizer.settle()

    async def check(self) -> list[str]:
        """Return what is wrong with the file, in words; empty when all is well. Reads all of it."""
        return await self._database.read(disagreements)

    async def repair(self) -> None:
        """Make all indexes anew from the records; raises MemoryError if these are damaged."""
        async with self._repairing:
            exact = self._database.has_vectors
            await self._database.write(lambda it: rebuild(it, self._zone, exact=exact))
        self._vectorizer.wake()

    async def aclose(self) -> None:
        """Finish what was begun and close the file."""
        await self._vectorizer.aclose()
        await self._database.aclose()

    async def _run(self, query: Query) -> list[Hit]:
        return await self.searcher.run(query, [self.source])

    async def _drop(self, keys: Sequence[bytes]) -> None:
        if self.drop_vectors is not None and keys:
            await self.drop_vectors(keys)

    async def _records(self, where: str, values: Sequence[str | float | None]) -> list[Record]:
        return await self._database.read(lambda it: rows.records_of(it, where, values))

    async def _present(self, id: str) -> Record:
        record = await self.get(id)
        if record is None:
            raise _not_found(id)
        return record

    async def _change(self, id: str, change: Callable[[Connection, int], object]) -> None:
        check_text(id, "id")

        def work(connection: Connection) -> None:
            ask = "SELECT n FROM items WHERE id = ? AND hidden IS NULL"
            row = connection.execute(ask, (id,)).fetchone()
            if row is None:
                raise _not_found(id)
            change(connection, row[0])

        await self._database.write(work)


def _not_found(id: str) -> MemoryError:
    return MemoryError(f"there is no memory with the id {id[:100]!r}", code="record_not_found")


def _prepare(connection: Connection) -> None:
    migrate(connection)
    ask = "SELECT 1 FROM sqlite_schema WHERE name = ?"
    if connection.execute(ask, (WORDS,)).fetchone() is None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute(ask, (WORDS,)).fetchone() is None:
                create_words(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
