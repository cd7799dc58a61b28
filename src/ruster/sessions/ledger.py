"""What a session writes down of its turns: the message that begins one, the line that ends it.

Both go to the history and the event stream, and are told when the disk has them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import structlog

from ruster.core.clock import Clock
from ruster.core.errors import StorageError
from ruster.core.inbox import Spoken
from ruster.core.messages import Message
from ruster.protocol.codec import encode_event, error_event
from ruster.protocol.commands import SendMode
from ruster.protocol.events import Accepted, Event, Proactive
from ruster.sessions.activity import ActivityLog
from ruster.sessions.records import (
    Ending,
    closing_record,
    event_record,
    seen_record,
    user_record,
)
from ruster.sessions.running import QueuedTurn
from ruster.sessions.sender import Sender
from ruster.sessions.stream import EventStream
from ruster.sessions.transcript import Transcript
from ruster.storage.committer import Committer

__all__ = ["Ledger", "accepted_event"]

_log = structlog.stdlib.get_logger("ruster.sessions")


@dataclass(slots=True)
class Ledger:
    """The files of one session's turns."""

    session_id: str
    folder: Path
    transcript: Transcript
    stream: EventStream
    activity: ActivityLog
    committer: Committer
    clock: Clock
    last_commit: asyncio.Future[None] | None = None

    @property
    def broken(self) -> bool:
        """Whether the disk refused to flush: the files must be read anew before more is kept."""
        return (self.transcript.journal.failure or self.stream.journal.failure) is not None

    def accept(
        self, queued: QueuedTurn, message: Message, mode: SendMode, waiting: int
    ) -> asyncio.Future[None]:
        """Write a message and its ``accepted`` event; return their commit. Raises StorageError."""
        now = self.clock.now()
        self.transcript.append(
            user_record(
                queued.id,
                message,
                seq=self.stream.last_seq + 1,
                mode=mode,
                at=now,
                sender=queued.sender,
            )
        )
        event = accepted_event(
            self.session_id, message.content, mode, queued.sender, waiting, len(message.images)
        )
        try:
            held = self.stream.hold(event, turn=queued.id, command_id=queued.command_id)
        except StorageError:
            self.transcript.undo_accept(queued.id)
            raise
        commit = self._commit()
        self.stream.tell_after(held, commit)
        self.activity.write(queued.sender.source or "User", message.content, now)
        return commit

    def bring(self, spoken: Spoken) -> asyncio.Future[None]:
        """Write what the model is to be shown with the next message; return its commit."""
        now = self.clock.now()
        self.transcript.append(event_record(spoken, at=now))
        self.activity.write(spoken.source, spoken.text, now)
        return self._commit()

    def tell(self, spoken: Spoken) -> asyncio.Future[None]:
        """Write a ``proactive`` event, told when the disk has it; return its commit.

        Raises StorageError.
        """
        now = self.clock.now()
        seq = self.stream.last_seq + 1
        attended = self.stream.attended
        self.transcript.append(event_record(spoken, at=now, seq=seq, attended=attended))
        event = Proactive(session_id=self.session_id, message=spoken.text, source=spoken.source)
        try:
            held = self.stream.hold(event)
        except StorageError:
            self.transcript.undo_event(spoken.key)
            raise
        commit = self._commit()
        self.stream.tell_after(held, commit)
        self.activity.write(spoken.source, spoken.text, now)
        return commit

    def note_seen(self, seq: int) -> None:
        """Write that a client was sent all ``proactive`` events up to ``seq``; StorageError."""
        self.transcript.append(seen_record(seq, self.clock.now()))
        self._commit().add_done_callback(_ignore)

    def close(self, queued: QueuedTurn, ending: Ending, event: Event, model: str) -> None:
        """Write a turn's last line and its terminal event; ``queued.finished`` follows.

        ``model`` is the one that answered. When the disk refuses, clients are told so outside the
        numbered stream, and the turn stays open in the history.
        """
        now = self.clock.now()
        seq = self.stream.last_seq + 1
        record = closing_record(ending, turn=queued.id, model=model, seq=seq, at=now)
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
            session=self.session_id,
            turn=queued.id,
            end=ending.end.value,
            model=model,
            answer_bytes=len(ending.text),
            error=ending.error.code if ending.error else None,
        )
        said = ending.error.message if ending.error else ending.text
        self.activity.write("Assistant", said, now)

    def release(self) -> None:
        """Release the files."""
        self.transcript.close()
        self.stream.close()

    def _commit(self) -> asyncio.Future[None]:
        self.last_commit = self.committer.commit(self.transcript.journal, self.stream.journal)
        return self.last_commit

    def _told(self, queued: QueuedTurn, commit: asyncio.Future[None]) -> None:
        failure = None if commit.cancelled() else commit.exception()
        if isinstance(failure, StorageError):
            self._fail_untold(queued, failure)
        elif not queued.finished.done():
            queued.finished.set_result(None)

    def _fail_untold(self, queued: QueuedTurn, failure: StorageError) -> None:
        """Say outside the numbered stream that a turn's end could not be kept."""
        _log.error(
            "turn end not kept", session=self.session_id, turn=queued.id, error=failure.message
        )
        line = encode_event(
            error_event(failure, session_id=self.session_id),
            turn=queued.id,
            command_id=queued.command_id,
        )
        self.stream.broadcast(line)
        if not queued.finished.done():
            queued.finished.set_result(None)


def accepted_event(
    session_id: str,
    message: str,
    mode: SendMode,
    sender: Sender,
    waiting: int = 0,
    images: int = 0,
) -> Accepted:
    """Make the event that says that a message is on the disk."""
    return Accepted(
        session_id=session_id,
        message=message,
        mode=mode.value,
        waiting=waiting,
        source=sender.source,
        origins=sender.origins or None,
        max_tokens=sender.max_tokens or None,
        images=images or None,
    )


def _ignore(commit: asyncio.Future[None]) -> None:
    """Take note of a failure that nothing depends on: it is told once more, at worst."""
    if not commit.cancelled():
        commit.exception()
