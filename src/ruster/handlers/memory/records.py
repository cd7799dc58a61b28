"""Single memories, found and corrected: memory_search, memory_list, memory_show, memory_edit,
memory_pin.
"""

from __future__ import annotations

import asyncio
from heapq import merge
from itertools import islice

from ruster.core.errors import ProtocolError
from ruster.core.memory import Layer, Record
from ruster.handlers.caller import Caller
from ruster.handlers.memory.beside import beside
from ruster.handlers.memory.reach import Held, Reach, Scope
from ruster.handlers.memory.sessions import session_memories
from ruster.handlers.memory.wording import hit_of, log_entries, moment, summary
from ruster.memory.everywhere import Everywhere
from ruster.memory.records.listing import place_of
from ruster.memory.search.query import Query
from ruster.protocol.commands import (
    MemoryEdit,
    MemoryList,
    MemoryPin,
    MemorySearch,
    MemoryShow,
)
from ruster.protocol.events import (
    MemoryListing,
    MemoryReport,
    MemoryResults,
)
from ruster.sessions.info import session_key

__all__ = ["RecordHandlers"]

_LOGGED = 50
_HISTORY = 50


class RecordHandlers:
    """The commands that find, show and correct. A search looks into ``most`` sessions at most."""

    def __init__(self, reach: Reach, most: int) -> None:
        self._reach = reach
        self._most = most

    async def search(self, caller: Caller, command: MemorySearch) -> asyncio.Future[None] | None:
        """Find what fits a question; everywhere, that takes a while."""
        scope = await self._reach.scope(caller, command)
        if command.everywhere:
            work = self._search_everywhere(caller, command, scope)
            return beside(caller, work, "search everywhere", ends=True)
        memory = self._reach.memory
        found = memory.search(scope.owner, scope.folder, command.query, command.limit)
        hits = await _refined(found, command, scope)
        async with self._reach.all(scope) as held:
            ids = [hit.record.id for hit in hits]
            own = {id for it in held if it.within == "owner" for id in await _ids_in(it, ids)}
            results = [hit_of(hit, "owner" if hit.record.id in own else "session") for hit in hits]
            caller.reply(MemoryResults(session_id=scope.session_id, results=results), command)
            for it in held:
                await it.store.used(ids)
        return None

    async def newest(self, caller: Caller, command: MemoryList) -> None:
        """Name what is remembered, newest first."""
        scope = await self._reach.scope(caller, command)
        layer = None if command.layer is None else Layer(command.layer)
        before, before_id = None, ""
        if command.before is not None:
            async with self._reach.holder(scope, command.before) as (_, last):
                before, before_id = place_of(last)
        async with self._reach.all(scope) as held:
            pages = [
                [
                    (record, it.within)
                    for record in await it.store.recent(
                        layer, before=before, before_id=before_id, limit=command.limit + 1
                    )
                ]
                for it in held
            ]
        merged = merge(*pages, key=lambda it: place_of(it[0]), reverse=True)
        found = list(islice(merged, command.limit + 1))
        reply = MemoryListing(
            session_id=scope.session_id,
            memories=[summary(*it) for it in found[: command.limit]],
            more=len(found) > command.limit,
        )
        caller.reply(reply, command)

    async def show(self, caller: Caller, command: MemoryShow) -> None:
        """Tell all of one memory."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.holder(scope, command.memory_id) as (held, record):
            earlier = await held.store.history(record.id)
            entries = await held.store.log(record.id, limit=_LOGGED)
        reply = MemoryReport(
            session_id=scope.session_id,
            memory=summary(record, held.within, None),
            history=[summary(it, held.within) for it in earlier[:_HISTORY]],
            log=log_entries(entries),
        )
        caller.reply(reply, command)

    async def edit(self, caller: Caller, command: MemoryEdit) -> None:
        """Give a memory another text."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.holder(scope, command.memory_id) as (held, _):
            record = await held.store.edit(command.memory_id, command.text)
        self._told(caller, command, scope, held, record)

    async def pin(self, caller: Caller, command: MemoryPin) -> None:
        """Pin a memory, or take the pin off."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.holder(scope, command.memory_id) as (held, _):
            record = await held.store.pin(command.memory_id, command.pinned)
        self._told(caller, command, scope, held, record)

    async def _search_everywhere(self, caller: Caller, command: MemorySearch, scope: Scope) -> None:
        """Find what fits a question in all memories of the owner, or in so many of them."""
        if command.session_id is not None:
            raise ProtocolError(
                '"everywhere" is about all sessions; leave "session_id" out',
                code="invalid_command",
            )
        own = self._reach.memory.memories.owner_file(scope.owner)
        there = await session_memories(self._reach, scope.owner)
        names = {it.file: it.session_id for it in there[: self._most]}
        owned = [own] if await asyncio.to_thread(own.exists) else []
        everywhere = Everywhere(self._reach.memory.memories, [*owned, *names])
        query = everywhere.query(command.query, command.limit)
        hits = await _refined(query, command, scope)
        results = [
            hit_of(hit, "owner" if file == own else "session", names.get(file))
            for hit, file in ((hit, everywhere.file_of(hit)) for hit in hits)
        ]
        searched = len([it for it in everywhere.searched if it != own])
        reply = MemoryResults(results=results, searched=searched, left_out=len(there) - searched)
        caller.reply(reply, command)
        await everywhere.used(hits)

    def _told(
        self,
        caller: Caller,
        command: MemoryEdit | MemoryPin,
        scope: Scope,
        held: Held,
        record: Record,
    ) -> None:
        memory = summary(record, held.within, None)
        caller.reply(MemoryReport(session_id=scope.session_id, memory=memory), command)


def _refined(query: Query, command: MemorySearch, scope: Scope) -> Query:
    """Return a search with all that a command asks of it."""
    query = (
        query.with_layers(command.layers)
        .with_kinds(command.kinds)
        .with_tags(command.tags)
        .with_sessions(session_key(scope.owner, it) for it in command.sessions)
        .between(moment(command.after, "after"), moment(command.before, "before"))
    )
    if command.project is not None:
        query = query.with_project(command.project)
    return query.rerank(command.rerank) if command.rerank else query


async def _ids_in(held: Held, ids: list[str]) -> list[str]:
    """Return those ids that a memory holds."""
    return [id for id in ids if await held.store.get(id) is not None]
