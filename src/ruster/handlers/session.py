"""Sessions: create, send, list, delete, history, attach, detach, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from ruster.core.errors import SessionError
from ruster.handlers.caller import Caller, owner_of, require_privilege
from ruster.protocol import events
from ruster.protocol.commands import (
    Attach,
    Cancel,
    Create,
    Delete,
    Detach,
    History,
    ListSessions,
    Send,
    Why,
)
from ruster.protocol.events import (
    Attached,
    CancelReport,
    Created,
    Deleted,
    Detached,
    HistoryPage,
    SessionList,
    SessionSummary,
)
from ruster.sessions.session import Session
from ruster.sessions.store import SessionStore
from ruster.trust.taint import origins_of_record

__all__ = ["SessionHandlers"]


class SessionHandlers:
    """The commands about sessions."""

    def __init__(self, store: SessionStore, is_here: Callable[[str], Awaitable[bool]]) -> None:
        self._store = store
        self._is_here = is_here

    async def create(self, caller: Caller, command: Create) -> None:
        """Open a session and attach the caller to it."""
        owner = owner_of(caller, command)
        if command.model is not None:
            await self._check_model(caller, command.model)
        session = await self._store.create(owner, command.session_id, command.model, command.title)
        await self._attach(caller, session)
        created = Created(
            session_id=session.id, model=session.info.model, seq=session.stream.told_seq
        )
        caller.reply(created, command)

    async def send(self, caller: Caller, command: Send) -> asyncio.Future[None]:
        """Accept a message; the returned future is done when its answer has been told."""
        session = await self._store.get(owner_of(caller, command), command.session_id)
        await self._attach(caller, session)
        queued = await session.send(command.message, command.mode, command.id, command.pictures())
        return queued.finished

    async def list(self, caller: Caller, command: ListSessions) -> None:
        """Name the sessions the caller can see."""
        if command.all:
            require_privilege(caller, "list everybody's sessions")
        found = await self._store.infos(None if command.all else caller.uid)
        details = [
            SessionSummary(
                session_id=session_id,
                model=info.model,
                title=info.title,
                created=info.created,
                owner=info.owner,
            )
            for session_id, info in found
        ]
        caller.reply(
            SessionList(sessions=[d.session_id for d in details], details=details), command
        )

    async def delete(self, caller: Caller, command: Delete) -> None:
        """Remove a session with everything it left on the disk."""
        owner = owner_of(caller, command)
        session = await self._store.get(owner, command.session_id)
        _detach(caller, session)
        await self._store.delete(owner, command.session_id)
        caller.reply(Deleted(session_id=command.session_id), command)

    async def history(self, caller: Caller, command: History) -> None:
        """Send a page of the stored conversation."""
        session = await self._store.get(owner_of(caller, command), command.session_id)
        page, total = await session.history(command.offset, command.limit)
        reply = HistoryPage(
            session_id=session.id,
            history=page,
            total=total,
            offset=command.offset,
            limit=command.limit,
        )
        caller.reply(reply, command)

    async def attach(self, caller: Caller, command: Attach) -> None:
        """Attach the caller: what followed ``since`` first, then ``attached``, then live."""
        session = await self._store.get(owner_of(caller, command), command.session_id)
        cursor = await self._attach(caller, session, since=command.since, anew=True)
        caller.stays_open = True
        reply = Attached(
            session_id=session.id, seq=cursor, running=session.running_turn is not None
        )
        caller.reply(reply, command)

    async def detach(self, caller: Caller, command: Detach) -> None:
        """Detach the caller."""
        session = await self._store.get(owner_of(caller, command), command.session_id)
        if not _detach(caller, session):
            raise SessionError(
                f"this connection is not attached to {session.id!r}", code="not_attached"
            )
        caller.reply(Detached(session_id=session.id), command)

    async def cancel(self, caller: Caller, command: Cancel) -> None:
        """End the running turn."""
        session = await self._store.get(owner_of(caller, command), command.session_id)
        cancelled, dropped = session.cancel(turn=command.turn, queued=command.queued)
        reply = CancelReport(session_id=session.id, cancelled=cancelled, dropped=dropped)
        caller.reply(reply, command)

    async def why(self, caller: Caller, command: Why) -> None:
        """Tell how an answer came about."""
        session = await self._store.get(owner_of(caller, command), command.session_id)
        record = await session.ending(command.turn)
        if record is None:
            what = "that turn" if command.turn else "any turn"
            raise SessionError(f"{session.id!r} has no end of {what} yet", code="turn_not_found")
        reply = events.Why(
            session_id=session.id,
            turn=str(record.get("turn", "")),
            end=str(record["end"]),
            model=str(record.get("model", "")),
            ended=str(record.get("timestamp", "")),
            account=record.get("why") or {},
            origins=list(origins_of_record(record)),
        )
        caller.reply(reply, command)

    async def _check_model(self, caller: Caller, model: str) -> None:
        """Keep others from pointing the daemon at files, and from filling its disk."""
        if model.partition("/")[2].startswith(("/", "~", ".")):
            require_privilege(caller, "name a model by the path of its file")
        if not caller.privileged and not await self._is_here(model):
            require_privilege(caller, f"have {model} downloaded; choose one that is here")

    async def _attach(
        self, caller: Caller, session: Session, since: int | None = None, *, anew: bool = False
    ) -> int:
        """Attach a caller unless it is attached already; it is detached when it goes away."""
        key = (session.info.owner, session.id)
        if caller.on_close is None:
            caller.on_close = {}
        if key in caller.on_close and not anew and session.stream.has(caller):
            return session.stream.told_seq
        cursor = await session.attach(caller, since)
        if caller.closed:  # it went away meanwhile: nobody would ever detach it
            session.stream.detach(caller)
        else:
            caller.on_close[key] = partial(self._store.leave, *key, caller)
        return cursor


def _detach(caller: Caller, session: Session) -> bool:
    if caller.on_close is not None:
        caller.on_close.pop((session.info.owner, session.id), None)
    if not caller.on_close:  # nothing more will come by itself
        caller.stays_open = False
    return session.stream.detach(caller)
