"""What is told to be remembered: memory_add, memory_export, memory_import."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ruster.core.errors import ProtocolError
from ruster.core.memory import KeptAs, Layer, Record
from ruster.core.ports import WebFetcher
from ruster.handlers.caller import Caller, require_privilege
from ruster.handlers.memory.beside import beside
from ruster.handlers.memory.reach import Reach, Scope
from ruster.memory.exchange import export_page, take_in
from ruster.memory.intake import Intake, Labels, Taken
from ruster.protocol.commands import MemoryAdd, MemoryExport, MemoryImport
from ruster.protocol.events import (
    MemoryAdded,
    MemoryDocuments,
    MemoryExportPage,
    MemoryImported,
    ProgressEvent,
)

__all__ = ["AddingHandlers"]

_TOLD_SCORE = 0.8
"""How much something matters that a person has told to be remembered."""


class AddingHandlers:
    """The commands that bring something into the memory, and out of it as a whole."""

    def __init__(self, reach: Reach, intake: Intake, web: WebFetcher) -> None:
        self._reach = reach
        self._intake = intake
        self._web = web

    async def add(self, caller: Caller, command: MemoryAdd) -> asyncio.Future[None] | None:
        """Remember a text, or documents; these take a while."""
        scope = await self._reach.scope(caller, command)
        if sum(it is not None for it in (command.text, command.path, command.url)) != 1:
            raise ProtocolError(
                'memory_add needs one of "text", "path" and "url"', code="invalid_command"
            )
        if command.text is None and command.name is not None:
            raise ProtocolError("files and pages have their own names", code="invalid_command")
        if command.path is not None:
            require_privilege(caller, "have files read; send their text")
            work = self._add_path(caller, command, scope, Path(command.path))
        elif command.url is not None:
            require_privilege(caller, "have pages fetched; send their text")
            work = self._add_page(caller, command, scope, command.url)
        elif command.name is not None:
            work = self._add_document(caller, command, scope, command.name)
        else:
            await self._add_text(caller, command, scope)
            return None
        return beside(caller, work, "take documents in", ends=True)

    async def export(self, caller: Caller, command: MemoryExport) -> None:
        """Send a page of a memory."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.one(scope) as store:
            page = await export_page(store, command.after, command.limit)
        reply = MemoryExportPage(session_id=scope.session_id, items=page.items, next=page.next)
        caller.reply(reply, command)

    async def take_in(self, caller: Caller, command: MemoryImport) -> None:
        """Take in what was exported."""
        scope = await self._reach.scope(caller, command)
        async with self._reach.one(scope) as store:
            done = await take_in(store, scope.owner, command.items)
        reply = MemoryImported(
            session_id=scope.session_id,
            memories=done.memories,
            facts=done.facts,
            known=done.known,
        )
        caller.reply(reply, command)

    async def _add_text(self, caller: Caller, command: MemoryAdd, scope: Scope) -> None:
        record = Record(
            command.text or "",
            layer=Layer(command.layer or Layer.INSIGHTS),
            kind=command.kind,
            tags=tuple(command.tags),
            project=command.project or "",
            session=scope.session_key,
            speaker="user",
            pinned=command.pinned,
            score=_TOLD_SCORE,
        )
        async with self._reach.one(scope) as store:
            if record.layer is Layer.INTERACT:
                reply = MemoryAdded(
                    session_id=scope.session_id,
                    memory_id=(await store.insert(record)).id,
                    how=KeptAs.NEW.value,
                )
            else:
                kept = await store.keep(record)
                reply = MemoryAdded(
                    session_id=scope.session_id,
                    memory_id=kept.id,
                    how=kept.how.value,
                    replaced=list(kept.replaced),
                )
        caller.reply(reply, command)

    async def _add_document(
        self, caller: Caller, command: MemoryAdd, scope: Scope, name: str
    ) -> None:
        async with self._reach.one(scope) as store:
            taken = await self._intake.text(
                store, name, command.text or "", _labels(command, scope)
            )
        caller.reply(_documents(taken, scope, name), command)

    async def _add_page(self, caller: Caller, command: MemoryAdd, scope: Scope, url: str) -> None:
        source = url.partition("#")[0]
        answer = await self._web.fetch(source)
        async with self._reach.one(scope) as store:
            taken = await self._intake.page(store, source, answer, _labels(command, scope))
        caller.reply(_documents(taken, scope, source), command)

    async def _add_path(self, caller: Caller, command: MemoryAdd, scope: Scope, path: Path) -> None:
        if not path.is_absolute() or ".." in path.parts:
            raise ProtocolError(
                f'"path" is to be absolute and without "..": {str(path)[:200]!r}',
                code="invalid_command",
            )

        async def tell(name: str, done: int, total: int) -> None:
            told = ProgressEvent(
                session_id=scope.session_id,
                what=f"reading {name}",
                current=done,
                total=total,
                unit="files",
            )
            caller.reply(told, command)
            await caller.drained()

        async with self._reach.one(scope) as store:
            taken = await self._intake.path(store, path, _labels(command, scope), tell)
        caller.reply(_documents(taken, scope, str(path)), command)


def _labels(command: MemoryAdd, scope: Scope) -> Labels:
    return Labels(
        layer=Layer(command.layer or Layer.ASSETS),
        tags=tuple(command.tags),
        project=command.project or "",
        session=scope.session_key,
        pinned=command.pinned,
        trusted=command.trusted,
    )


def _documents(taken: Taken, scope: Scope, source: str) -> MemoryDocuments:
    return MemoryDocuments(
        session_id=scope.session_id,
        source=source,
        added=taken.added,
        changed=taken.changed,
        unchanged=taken.unchanged,
        removed=taken.removed,
        pieces=taken.pieces,
        failed=taken.failed,
        failures=taken.failures,
        more=taken.more,
    )
