"""The memory before it is needed: a daemon that nobody talks to has none of it loaded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ruster.core.memory import Brought
from ruster.core.messages import Message
from ruster.core.tool_ports import Deleted, Recollection
from ruster.core.tools import TurnScope
from ruster.memory.places import owner_file
from ruster.memory.settings import MemorySettings

if TYPE_CHECKING:
    from ruster.memory.service import MemoryService
    from ruster.memory.store import MemoryStore

__all__ = ["LateMemory", "Load"]

Load = Callable[[], "Callable[[], MemoryService]"]
"""Imports the memory (it blocks) and returns what makes the service, in the event loop."""


class LateMemory:
    """Does what ``MemoryService`` does for turns, tools and sessions, once there is a need.

    ``root`` has the memories of owners.
    """

    def __init__(self, load: Load, settings: MemorySettings, root: Path) -> None:
        self._load = load
        self._settings = settings
        self._root = root
        self._service: MemoryService | None = None

    @property
    def service(self) -> MemoryService:
        """The memory itself; at the first time it is imported, which blocks."""
        if self._service is None:
            self._service = self._load()()
        return self._service

    async def loaded(self) -> MemoryService:
        """Return the memory itself, imported in a thread if need be."""
        if self._service is None:
            make = await asyncio.to_thread(self._load)
            if self._service is None:  # another turn may have waited for the same
                self._service = make()
        return self._service

    async def bring(self, scope: TurnScope, message: str, visible: Collection[str] = ()) -> Brought:
        """Find what fits a message; see ``TurnMemory``."""
        if not self._settings.enabled:
            return Brought()
        return await (await self.loaded()).bring(scope, message, visible)

    def keep(self, scope: TurnScope, model: str, messages: Sequence[Message]) -> None:
        """Keep what was said and done in a turn; see ``TurnMemory``."""
        if self._settings.enabled:
            self.service.keep(scope, model, messages)

    async def remember(self, scope: TurnScope, text: str) -> None:
        """Keep a fact; see ``MemoryPort``."""
        await (await self.loaded()).remember(scope, text)

    async def recall(self, scope: TurnScope, query: str, limit: int) -> Sequence[Recollection]:
        """Return what fits the query best; see ``MemoryPort``."""
        return await (await self.loaded()).recall(scope, query, limit)

    async def delete(self, scope: TurnScope, query: str) -> Deleted:
        """Delete what says what the query says; see ``MemoryPort``."""
        return await (await self.loaded()).delete(scope, query)

    async def forget(self, session_key: str) -> None:
        """Drop what is kept of a session; see ``SessionState``."""
        owner = int(session_key.partition("/")[0])
        if self._service is None and not owner_file(self._root, owner).exists():
            return  # what its folder has goes with that
        await (await self.loaded()).forget(session_key)

    @asynccontextmanager
    async def lend(self, file: Path) -> AsyncIterator[MemoryStore]:
        """Lend a memory; see ``Memories.lend``."""
        async with (await self.loaded()).memories.lend(file) as store:
            yield store

    async def aclose(self) -> None:
        """Keep what waits, then close all memories."""
        if self._service is not None:
            await self._service.aclose()
