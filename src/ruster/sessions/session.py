"""A session: takes messages, runs its turns one after the other, tells what happens.

A message is acknowledged when it is on the disk, and answered from then on whoever is attached:
nothing here depends on a connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from ruster.agent.turn import Agent, TurnInput
from ruster.core.clock import Clock
from ruster.core.errors import RusterError, SessionError, StorageError
from ruster.core.ids import new_id
from ruster.core.inference import FinishReason
from ruster.core.messages import Message, Role
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.protocol.codec import CommandId, encode_event, error_event
from ruster.protocol.commands import SendMode
from ruster.protocol.events import Accepted, Cancelled, Event, Notice, Response
from ruster.sessions.activity import ActivityLog
from ruster.sessions.info import SessionInfo
from ruster.sessions.records import End, Ending, closing_record, user_record
from ruster.sessions.running import CancelReason, QueuedTurn, RunningTurn
from ruster.sessions.settings import SessionSettings
from ruster.sessions.stream import EventStream, Subscriber
from ruster.sessions.transcript import Transcript
from ruster.storage.committer import Committer
from ruster.storage.disk import Disk

__all__ = ["Session", "SessionParts", "TurnCounts"]

_log = structlog.stdlib.get_logger("ruster.sessions")


@dataclass(slots=True)
class TurnCounts:
    """Turns of all sessions since the daemon started."""

    running: int = 0
    total: int = 0
    failed: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What all sessions share."""

    agent: Agent
    committer: Committer
    disk: Disk
    clock: Clock
    settings: SessionSettings
    counts: TurnCounts


class Session:
    """One session, loaded."""

    def __init__(self, session_id: str, folder: Path, info: SessionInfo, parts: SessionParts):
        """Open the session's files (blocks; call in a thread); raises StorageError."""
        self.id = session_id
        self.info = info
        self.folder = folder
        self.last_used = parts.clock.monotonic()
        self._parts = parts
        self.transcript = Transcript(folder / "history.jsonl", parts.disk, parts.settings)
        try:
            self.stream = EventStream(folder, session_id, parts.disk, parts.settings)
        except StorageError:
            self.transcript.close()
            raise
        self.refused: set[str] = set()
        """Turns whose message was written but refused, because the disk did not keep it."""
        self._activity = ActivityLog(folder)
        self._queue: deque[QueuedTurn] = deque()
        self._running: RunningTurn | None = None
        self._worker: asyncio.Task[None] | None = None
        self._unseen: list[bytes] = []
        self._closing = False
        self._trimming_told = False
        self._last_commit: asyncio.Future[None] | None = None
        self._readers = 0
        self._no_readers = asyncio.Event()

    # What clients ask

    async def send(self, message: str, mode: SendMode, command_id: CommandId | None) -> QueuedTurn:
        """Accept a message: return once it is on the disk and ``accepted`` has been told.

        Raises SessionError (``queue_full``, ``message_too_large``, ``shutting_down``) or
        StorageError; the message is not accepted then.
        """
        self._check_room(message)
        running = self._running
        steered = mode is SendMode.STEER and running is not None and running.open_to_steering
        if steered and running is not None:
            self._check_count(running.waiting_steering)
            queued = running.queued
        else:
            finished = asyncio.get_running_loop().create_future()
            queued = QueuedTurn(new_id("t"), command_id, finished)
        commit = self._accept(queued.id, message, mode, command_id)
        if steered and running is not None:
            running.steer(Message(Role.USER, message))
        else:
            commit.add_done_callback(lambda done: self._enqueue(queued, mode, done))
        await asyncio.shield(commit)
        return queued

    def cancel(
        self, *, turn: str | None = None, queued: bool = False, reason: CancelReason = "cancel"
    ) -> tuple[str | None, int]:
        """End the running turn, and with ``queued`` what waits; return its id and the number.

        With ``turn`` only that one, whether it runs or waits.
        """
        dropped = [w for w in self._queue if (w.id == turn if turn else queued)]
        for waiting in dropped:
            self._queue.remove(waiting)
            self._close_turn(
                waiting, Ending(End.CANCELLED), Cancelled(session_id=self.id, reason=reason)
            )
        running = self._running
        if running is None or running.cancel_reason is not None:
            return None, len(dropped)
        if turn not in (None, running.queued.id):
            return None, len(dropped)
        running.cancel(reason, self._parts.settings.cancel_patience_s)
        return running.queued.id, len(dropped)

    async def attach(self, subscriber: Subscriber, since: int | None) -> int:
        """Attach a client; see ``EventStream.attach``. It also gets notices nobody has seen yet."""
        cursor = await self.stream.attach(subscriber, since)
        unseen, self._unseen = self._unseen, []
        for line in unseen:
            subscriber.deliver(line)
        return cursor

    async def history(self, offset: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Read a page of the stored conversation and its total number of lines."""
        self._readers += 1
        try:
            return await asyncio.to_thread(self.transcript.page, offset, limit)
        finally:
            self._readers -= 1
            if not self._readers:
                self._no_readers.set()

    async def change(self, model: str | None, title: str | None) -> None:
        """Set the model of the turns to come, or the title; durable when this returns."""
        info = replace(
            self.info,
            model=self.info.model if model is None else model,
            title=self.info.title if title is None else title,
        )
        if info != self.info:
            await asyncio.to_thread(info.write, self.folder, self._parts.disk)
            self.info = info

    # Its life

    @property
    def running_turn(self) -> str | None:
        """The id of the running turn."""
        return self._running.queued.id if self._running else None

    @property
    def idle(self) -> bool:
        """Whether the session can be closed without anybody noticing."""
        busy = self._worker is not None or self._queue or self._readers
        return not busy and not self.stream.watched

    @property
    def broken(self) -> bool:
        """Whether the disk refused to flush: the files must be read anew before more is kept."""
        return (self.transcript.journal.failure or self.stream.journal.failure) is not None

    def resume(self, queued: QueuedTurn) -> None:
        """Queue an accepted turn that was not answered before the last stop."""
        self._queue.append(queued)
        self._wake()

    def tell_later(self, event: Event, turn: str | None = None) -> None:
        """Keep an event for the first client that attaches."""
        self._unseen.append(encode_event(event, turn=turn))

    def close_unanswered(self, turn: str, error: RusterError) -> None:
        """End an accepted turn that will not be answered, with an error."""
        queued = QueuedTurn(turn, None, asyncio.get_running_loop().create_future())
        ending = Ending(End.EXPIRED, error=error)
        self._close_turn(queued, ending, error_event(error, session_id=self.id))

    async def settle(self, patience_s: float) -> None:
        """Take no more messages and wait up to ``patience_s`` for the running turn.

        What is then unanswered is answered after the next start.
        """
        self._closing = True
        self._queue.clear()
        if (worker := self._worker) is not None:
            await asyncio.wait({worker}, timeout=patience_s)
            await cancel_and_wait(worker)
        if self._last_commit is not None and not self._last_commit.done():
            await asyncio.wait({self._last_commit})
        while self._readers:
            self._no_readers.clear()
            await self._no_readers.wait()

    def close(self) -> None:
        """Release the files; the session must have settled or be idle."""
        self._closing = True
        self.transcript.close()
        self.stream.close()

    # Accepting

    def _check_room(self, message: str) -> None:
        settings = self._parts.settings
        if self._closing:
            raise SessionError(
                "the daemon is stopping; send the message again after its start",
                code="shutting_down",
                retryable=True,
            )
        if len(message.encode()) > settings.max_message_bytes:
            raise SessionError(
                f"the message is larger than {settings.max_message_bytes} bytes; shorten it",
                code="message_too_large",
            )
        self._check_count(len(self._queue))

    def _check_count(self, waiting: int) -> None:
        if waiting >= self._parts.settings.max_queued:
            raise SessionError(
                f"{waiting} messages wait already; wait for answers or cancel",
                code="queue_full",
                retryable=True,
            )

    def _accept(
        self, turn: str, message: str, mode: SendMode, command_id: CommandId | None
    ) -> asyncio.Future[None]:
        """Write the message and its ``accepted`` event; return their commit."""
        now = self._parts.clock.now()
        seq = self.stream.last_seq + 1
        self.transcript.append(
            user_record(turn, message, seq=seq, mode=mode, at=now, command_id=command_id)
        )
        waiting = len(self._queue) + (self._running is not None)
        event = Accepted(session_id=self.id, message=message, mode=mode.value, waiting=waiting)
        try:
            held = self.stream.hold(event, turn=turn, command_id=command_id)
        except StorageError:
            self.transcript.undo_accept(turn)
            raise
        commit = self._commit()
        self.stream.tell_after(held, commit)
        self._activity.write("User", message, now)
        return commit

    def _commit(self) -> asyncio.Future[None]:
        commit = self._parts.committer.commit(self.transcript.journal, self.stream.journal)
        self._last_commit = commit
        return commit

    def _enqueue(self, queued: QueuedTurn, mode: SendMode, commit: asyncio.Future[None]) -> None:
        failed = commit.cancelled() or commit.exception() is not None
        if failed:
            self.refused.add(queued.id)
        if failed or self._closing:
            queued.finished.set_result(None)
            return
        if mode is SendMode.INTERRUPT:
            self._queue.appendleft(queued)
            self.cancel(reason="interrupt")
        else:
            self._queue.append(queued)
        self._wake()

    # Running

    def _wake(self) -> None:
        if self._worker is None and self._queue and not self._closing:
            self._worker = spawn(self._work(), name=f"session {self.id}")

    async def _work(self) -> None:
        """Run what waits, until nothing does."""
        try:
            while self._queue:
                await self._run(self._queue.popleft())
                self.last_used = self._parts.clock.monotonic()
        finally:
            self._worker = None

    async def _run(self, queued: QueuedTurn) -> None:
        """Run one turn and close it. Only a stop of the daemon leaves it open."""
        counts = self._parts.counts
        counts.running += 1
        counts.total += 1
        running = RunningTurn(queued, self.transcript, self.stream, self._parts.clock)
        self._running = running
        turn = self._parts.agent.turn(self._turn_input(queued), running)
        try:
            reason = await running.run(turn)
        except asyncio.CancelledError:
            if running.cancel_reason is None:
                raise
            self._running = None
            event = Cancelled(session_id=self.id, reason=running.cancel_reason)
            await self._end_turn(queued, Ending(End.CANCELLED, turn.text), event)
        except Exception as error:  # noqa: BLE001 - the boundary: a turn's failure becomes an event
            counts.failed += 1
            known = self._as_known(error)
            self._running = None
            ending = Ending(End.ERROR, turn.text, known)
            await self._end_turn(queued, ending, error_event(known, session_id=self.id))
        else:
            self._running = None
            await self._end_turn(queued, Ending(End.DONE, turn.text), self._last_piece(reason))
        finally:
            counts.running -= 1
            counts.tokens += turn.tokens
            self._trimming_told = turn.trimmed
            self._running = None

    def _turn_input(self, queued: QueuedTurn) -> TurnInput:
        return TurnInput(
            session_id=self.id,
            session_key=f"{self.info.owner}/{self.id}",
            model=self.info.model,
            turns=self.transcript.conversation(queued.id),
            trimming_told=self._trimming_told,
        )

    def _last_piece(self, reason: FinishReason) -> Response:
        return Response(session_id=self.id, delta="", done=True, reason=reason.value)

    def _as_known(self, error: Exception) -> RusterError:
        if isinstance(error, RusterError):
            return error
        _log.error("turn failed", session=self.id, exc_info=error)
        return RusterError("something in ruster itself failed; the log has the details")

    # Ending

    async def _end_turn(self, queued: QueuedTurn, ending: Ending, event: Event) -> None:
        """Close a turn and return when its end has been told."""
        self._close_turn(queued, ending, event)
        await queued.finished
        self.stream.rotate_if_large()

    def _close_turn(self, queued: QueuedTurn, ending: Ending, event: Event) -> None:
        """Write a turn's last line and terminal event, told once they are on the disk."""
        now = self._parts.clock.now()
        record = closing_record(
            ending, turn=queued.id, model=self.info.model, seq=self.stream.last_seq + 1, at=now
        )
        try:
            self.transcript.append(record)
            held = self.stream.hold(event, turn=queued.id, command_id=queued.command_id)
        except StorageError as failure:
            self._fail_untold(queued, failure)
            return
        commit = self._commit()
        self.stream.tell_after(held, commit)
        commit.add_done_callback(lambda done: self._told(queued, done))
        _log.info(
            "turn",
            session=self.id,
            owner=self.info.owner,
            turn=queued.id,
            end=ending.end.value,
            model=self.info.model,
            answer_bytes=len(ending.text),
            error=ending.error.code if ending.error else None,
        )
        said = ending.error.message if ending.error else ending.text
        self._activity.write("Assistant", said, now)

    def _told(self, queued: QueuedTurn, commit: asyncio.Future[None]) -> None:
        failure = None if commit.cancelled() else commit.exception()
        if isinstance(failure, StorageError):
            self._fail_untold(queued, failure)
        elif not queued.finished.done():
            queued.finished.set_result(None)

    def _fail_untold(self, queued: QueuedTurn, failure: StorageError) -> None:
        """Say outside the numbered stream that a turn's end could not be kept."""
        _log.error("turn end not kept", session=self.id, turn=queued.id, error=failure.message)
        line = encode_event(
            error_event(failure, session_id=self.id),
            turn=queued.id,
            command_id=queued.command_id,
        )
        self.stream.broadcast(line)
        if not queued.finished.done():
            queued.finished.set_result(None)

    def notice(self, code: str, message: str) -> Notice:
        """Make a notice of this session."""
        return Notice(session_id=self.id, code=code, message=message)
