"""Which memories a command reaches: the caller's own, and those of his sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from ruster.core.errors import MemoryError
from ruster.core.memory import Record
from ruster.handlers.caller import Caller, owner_of, require_privilege
from ruster.memory.service import MemoryService
from ruster.memory.store import MemoryStore
from ruster.protocol.commands import MemoryCommand, SessionCommand
from ruster.sessions.info import session_key
from ruster.sessions.store import SessionStore

__all__ = ["Held", "Reach", "Scope", "Within"]

Within = Literal["owner", "session"]


@dataclass(frozen=True, slots=True)
class Scope:
    """An owner, and one of his sessions if the command names one."""

    owner: int
    session_id: str | None = None
    folder: Path | None = None

    @property
    def session_key(self) -> str:
        """The session's name in records; empty without a session."""
        return "" if self.session_id is None else session_key(self.owner, self.session_id)


class Held(NamedTuple):
    """A memory that is lent, and whose it is."""

    within: Within
    store: MemoryStore


class Reach:
    """Finds the memories of a command. Methods raise MemoryError, StorageError, SessionError."""

    def __init__(self, sessions: SessionStore, memory: MemoryService) -> None:
        self._sessions = sessions
        self.memory = memory

    async def scope(self, caller: Caller, command: MemoryCommand) -> Scope:
        """Return whose memory a command means; to others it does not exist."""
        if command.session_id is None:
            if command.owner not in (None, caller.uid):
                require_privilege(caller, "reach another user's memory")
            return Scope(caller.uid if command.owner is None else command.owner)
        named = SessionCommand(
            action=command.action, session_id=command.session_id, owner=command.owner
        )
        owner = owner_of(caller, named)
        session = await self._sessions.get(owner, command.session_id)
        return Scope(owner, session.id, session.folder)

    async def sessions_of(self, owner: int) -> list[tuple[str, Path]]:
        """Return the ids and folders of an owner's sessions."""
        infos = await self._sessions.infos(owner)
        return [(id, self._sessions.folder_of(owner, id)) for id, _ in infos]

    def file(self, scope: Scope) -> Path:
        """Return the file of the session's memory, or of the owner's if no session is named."""
        memories = self.memory.memories
        if scope.folder is None:
            return memories.owner_file(scope.owner)
        return memories.session_file(scope.folder)

    @asynccontextmanager
    async def all(self, scope: Scope) -> AsyncIterator[list[Held]]:
        """Lend what there is of both memories, the owner's first."""
        own = self.memory.memories.owner_file(scope.owner)
        async with self.memory.stores(scope.owner, scope.folder) as stores:
            yield [Held("owner" if it.path == own else "session", it) for it in stores]

    @asynccontextmanager
    async def one(self, scope: Scope) -> AsyncIterator[MemoryStore]:
        """Lend the session's memory, or the owner's if no session is named; made if need be."""
        async with self.memory.memories.lend(self.file(scope)) as store:
            yield store

    @asynccontextmanager
    async def holder(self, scope: Scope, id: str) -> AsyncIterator[tuple[Held, Record]]:
        """Lend the memory that holds a record; raises MemoryError (``record_not_found``)."""
        async with self.all(scope) as held:
            for it in held:
                record = await it.store.get(id)
                if record is not None:
                    yield it, record
                    return
            raise MemoryError(
                f"there is no memory with the id {id[:100]!r}", code="record_not_found"
            )
