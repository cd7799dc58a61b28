"""A session's events: numbered without gaps, written to ``events.jsonl``, then told.

An event is in the file before any client sees it, so ``seq`` never repeats with another content,
even across ``kill -9``. Durable events are told after the disk has them; what follows waits.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ruster.core.errors import SessionError
from ruster.protocol.codec import CommandId, encode_event
from ruster.protocol.events import Event, NoticeEvent
from ruster.sessions.settings import SessionSettings
from ruster.storage.disk import Disk
from ruster.storage.journal import DAMAGED, Journal

__all__ = ["EventStream", "Held", "Subscriber"]

_REPLAY_CHUNK = 256
_TAIL_EVENTS = 512


class Subscriber(Protocol):
    """Where events go: one client's connection."""

    @property
    def closed(self) -> bool:
        """Whether the client is gone."""
        ...

    def deliver(self, line: bytes) -> None:
        """Take one line; must not block or raise."""
        ...

    async def drained(self) -> None:
        """Return once the client has caught up enough to be sent more."""
        ...


@dataclass(slots=True, eq=False)
class Held:
    """An event that waits for the disk, or behind one that does."""

    line: bytes
    ready: bool = False


class EventStream:
    """The stream of one session."""

    def __init__(
        self, folder: Path, session_id: str, disk: Disk, settings: SessionSettings
    ) -> None:
        """Open the files (blocks); raises StorageError."""
        self._path = folder / "events.jsonl"
        self._older_path = folder / "events.1.jsonl"
        self._session_id = session_id
        self._disk = disk
        self._settings = settings
        self.journal = Journal(self._path, disk)
        try:
            self._first_seq = self._number_of_first()
            self.accepted_before = self._read_accepted()
            """The newest ``accepted`` events of the file as it was opened."""
        except BaseException:
            self.journal.close()
            raise
        self.last_seq = self._first_seq + len(self.journal) - 1
        self._told = self.last_seq
        self._subscribers: list[Subscriber] = []
        self._observers: list[Callable[[bytes | None], None]] = []
        self._held: deque[Held] = deque()
        self._recent: deque[bytes] = deque()
        self._recent_bytes = 0
        self._catching_up = 0
        self._closed = False

    @property
    def told_seq(self) -> int:
        """The last event that clients may have seen."""
        return self._told

    @property
    def attended(self) -> bool:
        """Whether anybody is attached."""
        return bool(self._subscribers)

    def publish(
        self, event: Event, *, turn: str | None = None, command_id: CommandId | None = None
    ) -> int:
        """Write an event, tell it, and return its ``seq``. Raises StorageError, nothing told."""
        line = self._write(event, turn, command_id)
        if self._held:
            self._held.append(Held(line, ready=True))
        else:
            self._tell(line)
        return self.last_seq

    def hold(
        self, event: Event, *, turn: str | None = None, command_id: CommandId | None = None
    ) -> Held:
        """Write an event that ``tell_after`` tells once the disk has it. Raises StorageError."""
        held = Held(self._write(event, turn, command_id))
        self._held.append(held)
        return held

    def tell_after(self, held: Held, commit: asyncio.Future[None]) -> None:
        """Tell ``held``, and what waits behind it, when ``commit`` succeeds; never if it fails."""
        commit.add_done_callback(lambda done: self._release(held, done))

    def broadcast(self, line: bytes) -> None:
        """Tell everybody attached something that is not part of the numbered stream."""
        for subscriber in tuple(self._subscribers):
            subscriber.deliver(line)
        for observe in tuple(self._observers):
            observe(line)

    async def attach(self, subscriber: Subscriber, since: int | None) -> int:
        """Send everything told after ``since`` and then live events; return the cursor.

        Raises SessionError (``cursor_invalid``, ``cursor_expired``) and sends nothing then.
        """
        cursor = self._told if since is None else since
        if cursor > self._told:
            raise SessionError(
                f"since is {cursor} but the session's last event is {self._told}",
                code="cursor_invalid",
            )
        self._catching_up += 1
        try:
            await self._check_kept(cursor)
            self.detach(subscriber)
            cursor = await self._catch_up(subscriber, cursor)
        finally:
            self._catching_up -= 1
        # No await between the end of catching up and this: nothing is missed or told twice.
        if self._closed:
            raise SessionError(f"the session {self._session_id!r} was closed meanwhile; try again")
        if not subscriber.closed:
            self._subscribers.append(subscriber)
        return cursor

    def observe(self, observer: Callable[[bytes | None], None]) -> Callable[[], None]:
        """Tell ``observer`` every line from now on, and None when the session is closed; return
        how to stop that.

        It is nobody who could answer a question: the session is as unattended as before.
        """
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def followers(self) -> tuple[Subscriber, ...]:
        """Return everybody attached."""
        return tuple(self._subscribers)

    def detach(self, subscriber: Subscriber) -> bool:
        """Stop telling ``subscriber``; return whether it was attached."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)
            return True
        return False

    def has(self, subscriber: Subscriber) -> bool:
        """Whether ``subscriber`` is attached."""
        return subscriber in self._subscribers

    @property
    def watched(self) -> bool:
        """Whether anybody is told of events or about to be, or an event waits for the disk."""
        waited_for = self._subscribers or self._observers or self._catching_up or self._held
        return bool(waited_for)

    def rotate_if_large(self) -> None:
        """Put the file aside when it has grown large; only between turns, with nothing unsynced."""
        small = self.journal.size < self._settings.event_file_bytes
        if small or self._held or self._catching_up:
            return
        self.journal.close()
        self._path.replace(self._older_path)
        self.journal = Journal(self._path, self._disk)
        self._first_seq = self.last_seq + 1

    def answer_told(self, turn: str) -> str:
        """Return the text of a turn's last model step as the file tells it (reads all of it)."""
        pieces: list[str] = []
        for event in self.journal.records():
            if event.get("turn") == turn and event.get("event") == "response":
                if "phase" in event:
                    pieces.clear()
                else:
                    pieces.append(event["delta"])
        return "".join(pieces)

    def ended_lately(self, turn: str) -> bool:
        """Whether one of the newest events is the end of ``turn``."""
        for event in self.journal.records(max(0, len(self.journal) - _TAIL_EVENTS)):
            ends = event.get("done") or event.get("event") in ("cancelled", "error")
            if ends and event.get("turn") == turn:
                return True
        return False

    def _read_accepted(self) -> list[dict[str, Any]]:
        start = max(0, len(self.journal) - _TAIL_EVENTS)
        bodies = self.journal.bodies(start)
        return [json.loads(body) for body in bodies if body.startswith(b'{"event":"accepted"')]

    def close(self) -> None:
        """Release the files."""
        self._closed = True
        self._subscribers.clear()
        for observe in tuple(self._observers):
            observe(None)
        self.journal.close()

    def _release(self, held: Held, commit: asyncio.Future[None]) -> None:
        if commit.cancelled() or commit.exception() is not None:
            return  # the journal is closed for good; the session is opened anew on its next use
        held.ready = True
        while self._held and self._held[0].ready:
            self._tell(self._held.popleft().line)

    async def _catch_up(self, subscriber: Subscriber, cursor: int) -> int:
        """Send what was told after ``cursor`` until nothing is left; return the new cursor."""
        while cursor < self._told:
            lines = self._recent_after(cursor)
            if lines is None:
                lines = await asyncio.to_thread(self._read_after, cursor)
            for line in lines:
                subscriber.deliver(line)
            cursor += len(lines)
            await subscriber.drained()
        return cursor

    def _write(self, event: Event, turn: str | None, command_id: CommandId | None) -> bytes:
        line = encode_event(event, turn=turn, seq=self.last_seq + 1, command_id=command_id)
        self.journal.append(line[:-1])
        self.last_seq += 1
        return line

    def _tell(self, line: bytes) -> None:
        self._told += 1
        self._recent.append(line)
        self._recent_bytes += len(line)
        while self._recent_bytes > self._settings.recent_events_bytes and len(self._recent) > 1:
            self._recent_bytes -= len(self._recent.popleft())
        self.broadcast(line)

    def _recent_after(self, cursor: int) -> list[bytes] | None:
        """Return the told lines after ``cursor`` if memory still has them all."""
        missing = self._told - cursor
        if missing > len(self._recent):
            return None
        return list(self._recent)[len(self._recent) - missing :][:_REPLAY_CHUNK]

    async def _check_kept(self, cursor: int) -> None:
        if cursor + 1 >= self._first_seq or cursor == self._told:
            return
        oldest = await asyncio.to_thread(self._oldest_kept)
        if cursor + 1 < oldest:
            raise SessionError(
                f"events up to {oldest - 1} are no longer kept; read the history and attach "
                f"since {oldest - 1}",
                code="cursor_expired",
            )

    def _oldest_kept(self) -> int:
        return self._first_seq - self._older_count()

    def _older_count(self) -> int:
        if not self._older_path.exists():
            return 0
        older = Journal(self._older_path, self._disk)
        try:
            return len(older)
        finally:
            older.close()

    def _read_after(self, cursor: int) -> list[bytes]:
        """Read up to a chunk of told lines after ``cursor`` from the files (blocks)."""
        start = cursor + 1 - self._first_seq
        count = min(_REPLAY_CHUNK, self._told - cursor)
        if start >= 0:
            bodies = list(self.journal.bodies(start, start + count))
        else:
            older = Journal(self._older_path, self._disk)
            try:
                begin = len(older) + start
                bodies = list(older.bodies(begin, min(begin + count, len(older))))
            finally:
                older.close()
        return [self._as_line(body, cursor + 1 + n) for n, body in enumerate(bodies)]

    def _as_line(self, body: bytes, seq: int) -> bytes:
        if body.startswith(b'{"event":'):
            return body + b"\n"
        return encode_event(
            NoticeEvent(
                session_id=self._session_id,
                code="history_damaged",
                message="this event was damaged on the disk and set aside",
            ),
            seq=seq,
        )

    def _number_of_first(self) -> int:
        """Find the ``seq`` of the file's first event; put a file aside whose count is broken."""
        for index, record in enumerate(self.journal.records()):
            if DAMAGED not in record:
                first = int(record["seq"]) - index
                last = next(self.journal.records(len(self.journal) - 1))
                if DAMAGED in last or int(last["seq"]) == first + len(self.journal) - 1:
                    return first
                return self._start_over(int(last["seq"]) + 1)
        if len(self.journal):  # nothing readable: its length is the best guess
            return self._start_over(self._after_older() + len(self.journal))
        return self._after_older()

    def _start_over(self, first: int) -> int:
        self.journal.close()
        self._path.replace(self._path.with_suffix(".unusable"))
        self._older_path.unlink(missing_ok=True)
        self.journal = Journal(self._path, self._disk)
        return first

    def _after_older(self) -> int:
        """Return the number that follows the older file's last event; 1 without one."""
        if not self._older_path.exists():
            return 1
        older = Journal(self._older_path, self._disk)
        try:
            last = next(older.records(len(older) - 1)) if len(older) else {}
        finally:
            older.close()
        return int(last["seq"]) + 1 if "seq" in last else 1
