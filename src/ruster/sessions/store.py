"""All sessions of all users: where they lie, who may see them, which are open in memory.

The daemon's own user has ``sessions/{id}``, every other user ``sessions/.uid-{uid}/{id}``, so that
names of one user say nothing about another's.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path
from weakref import WeakValueDictionary

from ruster.core.clock import rfc3339
from ruster.core.errors import RusterError, SessionError, StorageError
from ruster.core.ids import new_id
from ruster.core.tasks import spawn
from ruster.protocol.codec import encode_event
from ruster.protocol.events import Deleted, Event
from ruster.sessions.info import INFO_FILE, SessionInfo, session_key
from ruster.sessions.recovery import recover
from ruster.sessions.session import Session, SessionParts
from ruster.sessions.stream import Subscriber
from ruster.storage.disk import storage_error
from ruster.storage.files import make_private_folder

__all__ = ["SessionStore"]

_log = logging.getLogger("ruster.sessions")
_Key = tuple[int, str]
_TRASH = ".trash-"
_IN_HAND_S = 5.0


class SessionStore:
    """Finds, opens, creates and removes sessions. ``owner`` is always a uid."""

    def __init__(self, root: Path, daemon_uid: int, default_model: str, parts: SessionParts):
        self._root = root
        self._daemon_uid = daemon_uid
        self.default_model = default_model
        self._parts = parts
        self._open: dict[_Key, Session] = {}
        self._locks: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()
        self._closing = False

    @property
    def open_count(self) -> int:
        """Sessions open in memory."""
        return len(self._open)

    async def get(self, owner: int, session_id: str) -> Session:
        """Return a session, opening it if need be; raises SessionError if there is none."""
        session = self._open.get((owner, session_id))
        if session is None or session.broken:
            async with self._lock(owner, session_id):
                session = await self._load(owner, session_id)
        session.last_used = self._parts.clock.monotonic()
        return session

    async def create(
        self, owner: int, session_id: str, model: str | None, title: str | None
    ) -> Session:
        """Return the session after creating it, or after changing its model or title."""
        async with self._lock(owner, session_id):
            folder = self._folder(owner, session_id)
            if not (folder / INFO_FILE).exists():
                await self._check_count(owner)
                now = rfc3339(self._parts.clock.now())
                info = SessionInfo(owner, model or self.default_model, now, title or "")
                await asyncio.to_thread(self._make, folder, info)
            session = await self._load(owner, session_id)
        await session.change(model, title)
        return session

    async def delete(self, owner: int, session_id: str) -> None:
        """End a session, remove its folder and what others keep of it; all attached are told."""
        async with self._lock(owner, session_id):
            session = await self._load(owner, session_id)
            del self._open[owner, session_id]  # whoever asks for it now waits for the lock
            session.cancel(queued=True, reason="delete")
            await session.settle(self._parts.settings.cancel_patience_s + 0.1)
            try:
                await self._forget(owner, session_id)
                await asyncio.to_thread(self._remove, session.folder)
                session.stream.broadcast(encode_event(Deleted(session_id=session_id)))
            finally:
                session.close()

    def folder_of(self, owner: int, session_id: str) -> Path:
        """Return where a session lies, or would lie; raises SessionError for a bad name."""
        return self._folder(owner, session_id)

    def notice(self, owner: int, session_id: str, code: str, message: str) -> None:
        """Tell those attached to a session something that is not part of its numbered stream."""
        session = self._open.get((owner, session_id))
        if session is not None:
            session.stream.broadcast(encode_event(session.notice(code, message)))

    def is_attended(self, key: str) -> bool:
        """Whether some client is attached to the session of a key (``session_key``)."""
        owner, _, session_id = key.partition("/")
        session = self._open.get((int(owner), session_id))
        return session is not None and session.stream.attended

    def tell(self, owner: int, session_id: str, event: Event, turn: str) -> None:
        """Publish an event about a turn of an open session; raises SessionError, StorageError."""
        session = self._open.get((owner, session_id))
        if session is None:
            raise SessionError(f"the session {session_id!r} is not open")
        session.tell(event, turn)

    def leave(self, owner: int, session_id: str, subscriber: Subscriber) -> None:
        """Detach a client that is gone from a session, if that is open."""
        session = self._open.get((owner, session_id))
        if session is not None:
            session.stream.detach(subscriber)

    async def infos(self, owner: int | None) -> list[tuple[str, SessionInfo]]:
        """Return the ids and infos of a user's sessions, or of everybody's, in order of id."""
        return await asyncio.to_thread(self._scan, owner)

    async def resume_recent(self) -> None:
        """Open every session touched shortly before the start, so that owed answers are given."""
        for owner, session_id in await asyncio.to_thread(self._touched_recently):
            try:
                await self.get(owner, session_id)
            except RusterError as error:
                _log.error("session %s of uid %d: %s", session_id, owner, error.message)

    async def aclose(self, patience_s: float) -> None:
        """Let running turns finish for up to ``patience_s`` seconds, then close everything."""
        self._closing = True
        await asyncio.gather(*(s.settle(patience_s) for s in self._open.values()))
        for session in self._open.values():
            session.close()
        self._open.clear()

    # Opening and closing

    def _lock(self, owner: int, session_id: str) -> asyncio.Lock:
        lock = self._locks.get((owner, session_id))
        if lock is None:
            lock = self._locks[owner, session_id] = asyncio.Lock()
        return lock

    async def _load(self, owner: int, session_id: str) -> Session:
        """Open a session unless it is open and whole; the caller holds its lock."""
        key = (owner, session_id)
        session = self._open.get(key)
        if session is not None and not session.broken:
            return session
        if self._closing:
            raise _stopping()
        followers: tuple[Subscriber, ...] = ()
        refused: set[str] = set()
        told = 0
        if session is not None:  # the disk failed under it
            del self._open[key]
            followers, told = session.stream.followers(), session.stream.told_seq
            await session.settle(0)
            refused = session.refused
            session.close()
        folder = self._folder(owner, session_id)
        if not (folder / INFO_FILE).exists():
            raise SessionError(
                f"there is no session {session_id!r}; create it with "
                f'{{"action":"create","session_id":"{session_id}"}}'
            )
        info = await asyncio.to_thread(SessionInfo.read, folder)
        session = await asyncio.to_thread(Session, session_id, folder, info, self._parts)
        try:
            if self._closing:
                raise _stopping()
            recover(session, self._parts.clock, self._parts.settings, refused)
        except RusterError:
            await session.settle(0)
            session.close()
            raise
        self._open[key] = session
        for follower in followers:
            spawn(session.stream.attach(follower, told), name=f"follow {session_id}")
        self._close_least_used()
        return session

    def _close_least_used(self) -> None:
        surplus = len(self._open) - self._parts.settings.max_loaded
        if surplus <= 0:
            return
        # Whoever was given one just now may not have come to use it yet.
        since = self._parts.clock.monotonic() - _IN_HAND_S
        idle = [(k, s) for k, s in self._open.items() if s.idle and s.last_used < since]
        idle.sort(key=lambda item: item[1].last_used)
        for key, session in idle[:surplus]:
            del self._open[key]
            session.close()

    # On the disk

    def _folder(self, owner: int, session_id: str) -> Path:
        return self._home(owner) / session_id

    def _home(self, owner: int) -> Path:
        return self._root if owner == self._daemon_uid else self._root / f".uid-{owner}"

    def _make(self, folder: Path, info: SessionInfo) -> None:
        """Create a session's folder; it counts as a session once its info file is there."""
        make_private_folder(folder / "memory")
        info.write(folder, self._parts.disk)
        self._parts.disk.sync_folder(folder.parent)

    def _remove(self, folder: Path) -> None:
        """Remove a folder; after the rename it is no session any more, even if this is killed."""
        try:
            trash = folder.rename(folder.parent / new_id(_TRASH))
            shutil.rmtree(trash)
        except OSError as error:
            raise storage_error(error, f"remove {folder}") from error

    async def _forget(self, owner: int, session_id: str) -> None:
        """Have dropped what others keep of a session, while it still is one."""
        if (state := self._parts.state) is not None:
            try:
                await state.forget(session_key(owner, session_id))
            except OSError as error:
                raise storage_error(error, f"remove all of {session_id}") from error

    async def _check_count(self, owner: int) -> None:
        limit = self._parts.settings.max_per_owner
        if len(await self.infos(owner)) >= limit:
            raise SessionError(
                f"you have {limit} sessions already; delete some", code="session_limit"
            )

    def _scan(self, owner: int | None) -> list[tuple[str, SessionInfo]]:
        try:
            homes = [self._home(owner)] if owner is not None else self._homes()
            found = [item for home in homes for item in self._sessions_in(home)]
        except OSError as error:
            raise storage_error(error, "list the sessions") from error
        return sorted(found, key=lambda item: item[0])

    def _homes(self) -> list[Path]:
        others = (p for p in self._root.glob(".uid-*") if p.name[len(".uid-") :].isdecimal())
        return [self._root, *others]

    def _sessions_in(self, home: Path) -> list[tuple[str, SessionInfo]]:
        found = []
        for path in home.glob(f"*/{INFO_FILE}"):
            if not path.parent.name.startswith("."):
                try:
                    found.append((path.parent.name, SessionInfo.read(path.parent)))
                except StorageError as error:
                    _log.error("%s", error.message)
        return found

    def _touched_recently(self) -> list[_Key]:
        """Find sessions whose history changed within the replay age; clear away old trash."""
        since = self._parts.clock.now() - self._parts.settings.replay_max_age_s
        found: list[_Key] = []
        for home in self._homes():
            owner = int(home.name.removeprefix(".uid-")) if home != self._root else self._daemon_uid
            for folder in home.iterdir():
                if folder.name.startswith(_TRASH):
                    shutil.rmtree(folder, ignore_errors=True)
                    continue
                history = folder / "history.jsonl"
                if history.exists() and history.stat().st_mtime >= since:
                    found.append((owner, folder.name))
        return found


def _stopping() -> SessionError:
    return SessionError("the daemon is stopping", code="shutting_down", retryable=True)
