"""Facts by name: memory_set, memory_get, memory_delete, memory_keys, memory_flush."""

from __future__ import annotations

from ruster.core.clock import rfc3339
from ruster.core.errors import MemoryError, ProtocolError
from ruster.core.memory import Fact
from ruster.handlers.caller import Caller
from ruster.handlers.memory.reach import Reach, Scope
from ruster.protocol.commands import MemoryDelete, MemoryFlush, MemoryGet, MemoryKeys, MemorySet
from ruster.protocol.events import (
    MemoryDeleted,
    MemoryFlushed,
    MemoryKeyListing,
    MemoryValue,
    PastValue,
)

__all__ = ["FactHandlers"]


class FactHandlers:
    """The commands about what names hold: in the session's memory if one is named, else the
    owner's.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def set(self, caller: Caller, command: MemorySet) -> None:
        """Give a name a value."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.one(scope) as store:
            await store.facts.set(command.key, command.value)
            fact = await store.facts.get(command.key)
        caller.reply(_value(command.key, fact, scope), command)

    async def get(self, caller: Caller, command: MemoryGet) -> None:
        """Tell what a name holds, and what it held before."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.one(scope) as store:
            fact = await store.facts.get(command.key)
            past = await store.facts.history(command.key) if command.history else None
        if fact is None and not past:
            raise MemoryError(f"nothing is kept as {command.key!r}", code="fact_not_found")
        caller.reply(_value(command.key, fact, scope, past), command)

    async def delete(self, caller: Caller, command: MemoryDelete) -> None:
        """End what a name holds."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.one(scope) as store:
            deleted = await store.facts.delete(command.key)
        reply = MemoryDeleted(session_id=scope.session_id, key=command.key, deleted=deleted)
        caller.reply(reply, command)

    async def flush(self, caller: Caller, command: MemoryFlush) -> None:
        """End what all names hold, if that is confirmed."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.one(scope) as store:
            if not command.confirm:
                many = len(await store.facts.keys())
                raise ProtocolError(
                    f"memory_flush would end what all names hold (now {many}); what they held "
                    'stays in their history; say "confirm": true to do it',
                    code="invalid_command",
                )
            names = await store.facts.flush_all()
        caller.reply(MemoryFlushed(session_id=scope.session_id, names=names), command)

    async def keys(self, caller: Caller, command: MemoryKeys) -> None:
        """List names."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.one(scope) as store:
            keys = await store.facts.keys(command.pattern)
        left = [key for key in keys if command.after is None or key > command.after]
        reply = MemoryKeyListing(
            session_id=scope.session_id,
            keys=left[: command.limit],
            more=len(left) > command.limit,
        )
        caller.reply(reply, command)


def _value(
    key: str, fact: Fact | None, scope: Scope, past: list[Fact] | None = None
) -> MemoryValue:
    return MemoryValue(
        session_id=scope.session_id,
        key=key,
        value=None if fact is None else fact.value,
        since=None if fact is None else rfc3339(fact.since),
        origins=[] if fact is None else list(fact.origins),
        history=None if past is None else [_past(it) for it in past],
    )


def _past(fact: Fact) -> PastValue:
    until = fact.since if fact.until is None else fact.until
    return PastValue(value=fact.value, since=rfc3339(fact.since), until=rfc3339(until))
