"""A session: takes messages, has its turns run one after the other, tells what happens.

A message is acknowledged when it is on the disk, and answered from then on whoever is attached:
nothing here depends on a connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ruster.agent.turn import Agent
from ruster.core.clock import Clock
from ruster.core.errors import RusterError, SessionError, StorageError
from ruster.core.ids import new_id
from ruster.core.inbox import Spoken
from ruster.core.messages import Image, Message, Role
from ruster.core.ports import SessionState
from ruster.core.tools import TurnScope
from ruster.protocol.codec import CommandId, encode_event, error_event
from ruster.protocol.commands import SendMode
from ruster.protocol.events import Event, NoticeEvent, Proactive, Question
from ruster.sessions.activity import ActivityLog
from ruster.sessions.info import SessionInfo
from ruster.sessions.ledger import Ledger
from ruster.sessions.records import End, Ending
from ruster.sessions.running import CancelReason, QueuedTurn, RunningTurn
from ruster.sessions.scope import turn_scope
from ruster.sessions.sender import Sender
from ruster.sessions.settings import SessionSettings
from ruster.sessions.stream import EventStream, Subscriber
from ruster.sessions.transcript import Transcript
from ruster.sessions.turns import TurnCounts, TurnQueue
from ruster.storage.committer import Committer
from ruster.storage.disk import Disk

__all__ = ["Session", "SessionParts"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What all sessions share; ``state`` is what others keep of them."""

    agent: Agent
    committer: Committer
    disk: Disk
    clock: Clock
    settings: SessionSettings
    counts: TurnCounts
    state: SessionState | None = None


class Session:
    """One session, loaded."""

    def __init__(self, session_id: str, folder: Path, info: SessionInfo, parts: SessionParts):
        """Open the session's files (blocks; call in a thread); raises StorageError."""
        self.id = session_id
        self.info = info
        self.folder = folder
        self.last_used = parts.clock.monotonic()
        self.refused: set[str] = set()
        """Turns whose message was written but refused, because the disk did not keep it."""
        self.transcript = Transcript(folder / "history.jsonl", parts.disk, parts.settings)
        try:
            self.stream = EventStream(folder, session_id, parts.disk, parts.settings)
        except StorageError:
            self.transcript.close()
            raise
        self._parts = parts
        self._ledger = Ledger(
            session_id=session_id,
            folder=folder,
            transcript=self.transcript,
            stream=self.stream,
            activity=ActivityLog(folder),
            committer=parts.committer,
            clock=parts.clock,
        )
        self._turns = TurnQueue(
            self._ledger,
            parts.agent,
            parts.counts,
            lambda: self.info,
            parts.settings.cancel_patience_s,
        )
        self._unseen: list[bytes] = []
        self._closing = False
        self._readers = 0
        self._no_readers = asyncio.Event()

    # What clients ask

    async def send(
        self,
        message: str,
        mode: SendMode,
        command_id: CommandId | None,
        images: tuple[Image, ...] = (),
    ) -> QueuedTurn:
        """Accept a message: return once it is on the disk and ``accepted`` has been told.

        Raises SessionError (``queue_full``, ``message_too_large``, ``shutting_down``) or
        StorageError; the message is not accepted then.
        """
        self._check_open()
        self._check_size(message)
        running = self._turns.running
        if running is not None and _goes_into(running, mode):
            self._check_count(running.waiting_steering)
            queued = running.queued
            steering = replace(queued, sender=Sender(command_id))
            said = Message(Role.USER, message, images=images)
            commit = self._ledger.accept(steering, said, SendMode.STEER, waiting=0)
            running.steer(said)
        else:
            queued, commit = self._accept(
                new_id("t"), Message(Role.USER, message, images=images), mode, Sender(command_id)
            )
        await asyncio.shield(commit)
        return queued

    async def ask(self, spoken: Spoken, max_tokens: int = 0) -> QueuedTurn | None:
        """Accept a message that no client sent; its key is the turn's id.

        None if the turn has ended already. Raises as ``send`` does.
        """
        self._check_open()
        if (waiting := self._turns.find(spoken.key)) is not None:
            return waiting
        if self.transcript.knows(spoken.key):
            return None
        self._check_size(spoken.text)
        sender = Sender(None, spoken.source, spoken.origins, max_tokens)
        queued, commit = self._accept(
            spoken.key, Message(Role.USER, spoken.text), SendMode.QUEUE, sender
        )
        await asyncio.shield(commit)
        return queued

    async def say(self, spoken: Spoken) -> bool:
        """Say something unasked; return whether somebody was there. See ``SessionInbox``."""
        return await self._bring(spoken, self._ledger.tell)

    async def note(self, spoken: Spoken) -> None:
        """Bring something before the model with the next message. See ``SessionInbox``."""
        await self._bring(spoken, self._ledger.bring)

    def cancel(
        self, *, turn: str | None = None, queued: bool = False, reason: CancelReason = "cancel"
    ) -> tuple[str | None, int]:
        """End the running turn, and with ``queued`` what waits; return its id and the number.

        With ``turn`` only that one, whether it runs or waits.
        """
        dropped = self._turns.drop(lambda it: it.id == turn if turn else queued, reason)
        running = self._turns.running
        if running is None or turn not in (None, running.queued.id):
            return None, dropped
        return self._turns.cancel_running(reason), dropped

    async def attach(self, subscriber: Subscriber, since: int | None) -> int:
        """Attach a client; see ``EventStream.attach``. It also gets notices nobody has seen yet."""
        cursor = await self.stream.attach(subscriber, since)
        if not subscriber.closed:
            self._deliver_unseen(subscriber, cursor, is_new=since is None)
        unseen, self._unseen = self._unseen, []
        for line in unseen:
            subscriber.deliver(line)
        return cursor

    async def history(self, offset: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Read a page of the stored conversation and its total number of lines."""
        return await self._reading(self.transcript.page, offset, limit)

    async def ending(self, turn: str | None) -> dict[str, Any] | None:
        """Return the stored line that ended a turn, or the last one that ended any."""
        return await self._reading(self.transcript.ending, turn)

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
        running = self._turns.running
        return running.queued.id if running else None

    @property
    def idle(self) -> bool:
        """Whether the session can be closed without anybody noticing."""
        return self._turns.idle and not self._readers and not self.stream.watched

    @property
    def broken(self) -> bool:
        """Whether the disk refused to flush: the files must be read anew before more is kept."""
        return self._ledger.broken

    async def question(self, text: str, turn: str) -> bool:
        """Ask the person something in a running turn; return whether they said anything.

        What they say next is the answer, and comes to the turn as their message.
        """
        running = self._turns.running
        if running is None or running.queued.id != turn:
            return False
        running.emit(Question(session_id=self.id, question=text))
        return await running.wait_for_answer(self._parts.settings.question_timeout_s)

    def resume(self, queued: QueuedTurn) -> None:
        """Queue an accepted turn that was not answered before the last stop."""
        self._turns.add(queued)

    def scope(self) -> TurnScope:
        """Return what a turn would be run with that began now."""
        return turn_scope(self._ledger, self.info, new_id("t"))

    def notice(self, code: str, message: str) -> NoticeEvent:
        """Make a notice of this session."""
        return NoticeEvent(session_id=self.id, code=code, message=message)

    def tell(self, event: Event, turn: str) -> None:
        """Publish an event that is about a turn but does not come from it; raises StorageError."""
        running = self._turns.running
        if running is not None and running.queued.id == turn:
            running.emit(event)
        else:
            self.stream.publish(event, turn=turn)

    def tell_later(self, event: Event, turn: str | None = None) -> None:
        """Keep an event for the first client that attaches."""
        self._unseen.append(encode_event(event, turn=turn))

    def close_unanswered(self, turn: str, error: RusterError) -> None:
        """End an accepted turn that will not be answered, with an error."""
        queued = QueuedTurn(turn, Sender(), asyncio.get_running_loop().create_future())
        ending = Ending(End.EXPIRED, error=error)
        event = error_event(error, session_id=self.id)
        self._ledger.close(queued, ending, event, self.info.model)

    async def finished(self) -> None:
        """Return when no turn runs or waits."""
        await self._turns.finished()

    async def settle(self, patience_s: float) -> None:
        """Take no more messages and wait up to ``patience_s`` for the running turn.

        What is then unanswered is answered after the next start.
        """
        self._closing = True
        await self._turns.stop(patience_s)
        if (commit := self._ledger.last_commit) is not None and not commit.done():
            await asyncio.wait({commit})
        while self._readers:
            self._no_readers.clear()
            await self._no_readers.wait()

    def close(self) -> None:
        """Release the files; the session must have settled or be idle."""
        self._closing = True
        self._ledger.release()

    async def _reading(self, read: Callable[..., _T], *arguments: object) -> _T:
        """Read the files in a thread; they stay open meanwhile."""
        self._readers += 1
        try:
            return await asyncio.to_thread(read, *arguments)
        finally:
            self._readers -= 1
            if not self._readers:
                self._no_readers.set()

    # What is said unasked

    async def _bring(self, spoken: Spoken, write: Callable[[Spoken], asyncio.Future[None]]) -> bool:
        self._check_open()
        self._check_size(spoken.text)
        attended = self.stream.attended
        self.last_used = self._parts.clock.monotonic()
        if not self.transcript.background.knows(spoken.key):
            await asyncio.shield(write(spoken))
        return attended

    def _deliver_unseen(self, subscriber: Subscriber, cursor: int, *, is_new: bool) -> None:
        """Send what was said unasked while nobody was there, unless the cursor brought it."""
        unseen = [it for it in self.transcript.background.unseen if it.seq <= cursor]
        if not unseen:
            return
        for it in unseen if is_new else ():
            event = Proactive(session_id=self.id, message=it.text, source=it.source)
            subscriber.deliver(encode_event(event, seq=it.seq))
        with suppress(StorageError):  # it is told once more, at worst
            self._ledger.note_seen(cursor)

    # Accepting

    def _accept(
        self, turn: str, message: Message, mode: SendMode, sender: Sender
    ) -> tuple[QueuedTurn, asyncio.Future[None]]:
        """Write a message that begins a turn; the turn is queued when the disk has it."""
        self._check_count(len(self._turns))
        finished = asyncio.get_running_loop().create_future()
        queued = QueuedTurn(turn, sender, finished)
        waiting = len(self._turns) + (self._turns.running is not None)
        commit = self._ledger.accept(queued, message, mode, waiting)
        commit.add_done_callback(lambda done: self._enqueue(queued, mode, done))
        return queued, commit

    def _check_open(self) -> None:
        if self._closing:
            raise SessionError(
                "the daemon is stopping; send the message again after its start",
                code="shutting_down",
                retryable=True,
            )

    def _check_size(self, message: str) -> None:
        limit = self._parts.settings.max_message_bytes
        if len(message.encode()) > limit:
            raise SessionError(
                f"the message is larger than {limit} bytes; shorten it", code="message_too_large"
            )

    def _check_count(self, waiting: int) -> None:
        if waiting >= self._parts.settings.max_queued:
            raise SessionError(
                f"{waiting} messages wait already; wait for answers or cancel",
                code="queue_full",
                retryable=True,
            )

    def _enqueue(self, queued: QueuedTurn, mode: SendMode, commit: asyncio.Future[None]) -> None:
        """Have a turn run once its message is on the disk."""
        self.last_used = self._parts.clock.monotonic()
        failed = commit.cancelled() or commit.exception() is not None
        if failed:
            self.refused.add(queued.id)
        if failed or self._closing:
            queued.finished.set_result(None)
            return
        self._turns.add(queued, interrupt=mode is SendMode.INTERRUPT)


def _goes_into(running: RunningTurn, mode: SendMode) -> bool:
    """Whether a message belongs to the running turn: it steers, or answers a question."""
    if mode is SendMode.STEER:
        return running.open_to_steering
    return mode is SendMode.QUEUE and running.asking
