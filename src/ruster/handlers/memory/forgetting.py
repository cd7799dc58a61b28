"""What is deleted for good: memory_forget."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ruster.core.errors import MemoryError, ProtocolError
from ruster.core.memory import Record
from ruster.handlers.caller import Caller
from ruster.handlers.memory.beside import beside
from ruster.handlers.memory.reach import Held, Reach, Scope
from ruster.handlers.memory.wording import summary
from ruster.memory.learning.finding import find_meant, too_many
from ruster.memory.store import MemoryStore
from ruster.protocol.commands import MemoryForget
from ruster.protocol.events import MemoryForgotten, MemorySummary

__all__ = ["ForgettingHandlers"]

_SHOWN = 100
_NAMED = 1000


@dataclass(slots=True)
class _Found:
    """What one memory holds of what is to go."""

    held: Held
    ids: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


class ForgettingHandlers:
    """The command that deletes, and proves it."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def forget(self, caller: Caller, command: MemoryForget) -> asyncio.Future[None]:
        """Delete memories, or tell what would be deleted; it takes a while in a large memory."""
        scope = await self._reach.scope(caller, command)
        named = (command.memory_ids, command.query, command.path, command.key)
        if sum(it is not None for it in named) != 1:
            raise ProtocolError(
                'memory_forget needs one of "memory_ids", "query", "path" and "key"',
                code="invalid_command",
            )
        if command.memory_ids is None and command.dry_run == command.confirm:
            raise ProtocolError(
                'memory_forget: "dry_run" shows what would be deleted, "confirm" deletes it; '
                "one of them must be true",
                code="invalid_command",
            )
        return beside(caller, self._forget(caller, command, scope), "forget")

    async def _forget(self, caller: Caller, command: MemoryForget, scope: Scope) -> None:
        if command.query is not None and command.confirm:
            await self._reach.memory.settled()  # a turn that waits must not bring it back
        async with self._reach.all(scope) as held:
            found = await _find(held, command, scope)
            ids = [id for it in found for id in it.ids]
            missing = [id for id in dict.fromkeys(command.memory_ids or ()) if id not in ids]
            if command.memory_ids and not ids:
                raise MemoryError(
                    f"there is no memory with the id {missing[0][:100]!r}",
                    code="record_not_found",
                )
            if command.dry_run:
                reply = await self._preview(found, scope)
            else:
                reply = await self._delete(found, command.key, scope)
        told = {
            "memory_ids": ids[:_NAMED],
            "total": len(ids),
            "missing": missing,
            "keys": [key for it in found for key in it.keys],
        }
        caller.reply(reply.model_copy(update=told), command)

    async def _preview(self, found: Sequence[_Found], scope: Scope) -> MemoryForgotten:
        shown = list[MemorySummary]()
        for it in found:
            records = await _records(it.held.store, it.ids[: _SHOWN - len(shown)])
            shown += [summary(record, it.held.within) for record in records]
        return MemoryForgotten(session_id=scope.session_id, dry_run=True, memories=shown)

    async def _delete(
        self, found: Sequence[_Found], key: str | None, scope: Scope
    ) -> MemoryForgotten:
        summaries: list[str] = []
        pieces = vectors = left = 0
        for it in found:
            store = it.held.store
            if it.ids:
                gone = await store.forget(it.ids)
                summaries += gone.summaries
                pieces, vectors = pieces + gone.chunks, vectors + gone.vectors
                left += len(await _records(store, [*it.ids, *gone.summaries]))
            if it.keys and key is not None:
                await store.forget_facts(key)
                left += len(await store.facts.keys(key, ended=True))
        return MemoryForgotten(
            session_id=scope.session_id,
            summaries=summaries,
            pieces=pieces,
            vectors=vectors,
            left=left,
        )


async def _find(held: Sequence[Held], command: MemoryForget, scope: Scope) -> list[_Found]:
    """Find in each memory what a command means."""
    if command.query is not None:
        return await _meant(held, command.query, None if command.dry_run else command.limit)
    return [await _named(it, command, scope) for it in held]


async def _meant(held: Sequence[Held], query: str, most: int | None) -> list[_Found]:
    """Find what a question means; raises MemoryError if that is more than goes unseen."""
    meant = await find_meant([it.store for it in held], query)
    if most is not None and too_many(meant, most):
        total = sum(len(records) for _, records in meant)
        raise MemoryError(
            f'the question means {total} memories and nothing was deleted; see them with "dry_run"'
            ', say more, or raise "limit"',
            code="query_invalid",
        )
    ids = {store: [it.id for it in records] for store, records in meant}
    return [_Found(it, ids=ids.get(it.store, [])) for it in held]


async def _named(held: Held, command: MemoryForget, scope: Scope) -> _Found:
    """Find in one memory what a command names; facts only in the one that it is about."""
    if command.path is not None:
        return _Found(held, ids=await held.store.documents.ids(command.path))
    if command.key is not None:
        meant = "owner" if scope.session_id is None else "session"
        keys = await held.store.facts.keys(command.key, ended=True) if held.within == meant else []
        return _Found(held, keys=keys)
    records = await _records(held.store, dict.fromkeys(command.memory_ids or ()))
    return _Found(held, ids=[it.id for it in records])


async def _records(store: MemoryStore, ids: Iterable[str]) -> list[Record]:
    """Return those records that are there."""
    found = [await store.get(id) for id in ids]
    return [it for it in found if it is not None]
