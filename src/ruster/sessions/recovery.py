"""What a session owes after the daemon stopped without finishing: decided once, when it is loaded.

An accepted message without an answer is answered if it is young enough and has not brought the
daemon down repeatedly; else its turn is closed, marked, and told to whoever attaches.

The history and the events are two files. A kill between two writes, or a power cut, can leave one
of them ahead; what is missing in the other is written here, so that both tell the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from ruster.core.clock import Clock
from ruster.core.errors import RusterError, SessionError, StorageError
from ruster.core.messages import Message, Role
from ruster.protocol.commands import SendMode
from ruster.protocol.events import Cancelled, ErrorEvent, Event, Proactive, Response
from ruster.sessions.ledger import accepted_event
from ruster.sessions.records import End, Record, TurnLog, restart_record, user_record
from ruster.sessions.running import QueuedTurn
from ruster.sessions.sender import Sender
from ruster.sessions.session import Session
from ruster.sessions.settings import SessionSettings

__all__ = ["recover"]

_MAX_RESTARTS = 3


def recover(
    session: Session, clock: Clock, settings: SessionSettings, refused: Collection[str] = ()
) -> None:
    """Answer or close every open turn of a freshly loaded session; raises StorageError.

    ``refused`` are turns whose message the client was told to be lost.
    """
    _tell_damage(session)
    _adopt_accepted(session, clock)
    known_seq = session.stream.last_seq
    _announce_ending(session, known_seq)
    for it in session.transcript.background.unseen:
        if it.seq > known_seq:
            event = Proactive(session_id=session.id, message=it.text, source=it.source)
            session.stream.publish(event)
    for log in list(session.transcript.open_turns.values()):
        for record in log.accepted:
            if record.get("seq", 0) > known_seq:
                _announce_acceptance(session, record)
        age_s = max(0.0, clock.now() - log.accepted_at)
        if log.id in refused:
            session.close_unanswered(log.id, StorageError("the message was refused"))
        elif age_s <= settings.replay_max_age_s and log.restarts < _MAX_RESTARTS:
            _restart(session, log, clock)
        else:
            _expire(session, log, age_s)


def _adopt_accepted(session: Session, clock: Clock) -> None:
    """Take messages into the history of which only the ``accepted`` event reached the disk."""
    for event in session.stream.accepted_before:
        new = event["seq"] > session.transcript.last_seq
        if new and not session.transcript.knows(event["turn"]):
            record = user_record(
                event["turn"],
                _kept_of(event),
                seq=event["seq"],
                mode=SendMode(event["mode"]),
                at=clock.now(),
                sender=Sender.of_record(event),
            )
            session.transcript.append(record)
    session.stream.accepted_before.clear()


def _kept_of(event: Record) -> Message:
    """Return what an ``accepted`` event keeps of a message; its pictures are lost."""
    lost = f"\n[pictures lost: {event['images']}]" if event.get("images") else ""
    return Message(Role.USER, event["message"] + lost)


def _announce_acceptance(session: Session, record: Record) -> None:
    """Write the ``accepted`` event of a message that only reached the history."""
    session.stream.publish(
        accepted_event(
            session.id,
            record["content"],
            SendMode(record.get("mode", "queue")),
            sender := Sender.of_record(record),
            images=len(record.get("images", ())),
        ),
        turn=record["turn"],
        command_id=sender.command_id,
    )


def _announce_ending(session: Session, known_seq: int) -> None:
    """Write the events of an answer whose end only reached the history."""
    record = session.transcript.last_ending
    if record is None or record["seq"] <= known_seq:
        return
    if session.stream.ended_lately(record["turn"]):  # told anew by an earlier recovery
        return
    missing = record["content"].removeprefix(session.stream.answer_told(record["turn"]))
    if missing:
        piece = Response(session_id=session.id, delta=missing)
        session.stream.publish(piece, turn=record["turn"])
    session.stream.publish(_ending_event(session.id, record), turn=record["turn"])


def _ending_event(session_id: str, record: Record) -> Event:
    if record["end"] == End.DONE:
        return Response(session_id=session_id, delta="", done=True)
    if record["end"] == End.CANCELLED:
        return Cancelled(session_id=session_id)
    error = record.get("error", {"code": "internal", "message": "the turn failed"})
    return ErrorEvent(code=error["code"], error=error["message"], session_id=session_id)


def _restart(session: Session, log: TurnLog, clock: Clock) -> None:
    session.transcript.append(restart_record(log.id, clock.now()))
    session.stream.publish(
        session.notice(
            "turn_restarted",
            "the daemon stopped before this message was answered; here is the answer anew",
        ),
        turn=log.id,
        command_id=log.sender.command_id,
    )
    finished = asyncio.get_running_loop().create_future()
    session.resume(QueuedTurn(log.id, log.sender, finished))


def _expire(session: Session, log: TurnLog, age_s: float) -> None:
    quoted = _said(log)[:80]
    why = "kept stopping the daemon" if log.restarts else f"is {round(age_s / 60)} minutes old"
    error: RusterError = SessionError(
        f"a message was not answered before the daemon stopped and {why}; send it again if it "
        f"still matters: {quoted!r}",
        code="message_expired",
        retryable=True,
    )
    session.close_unanswered(log.id, error)
    session.tell_later(session.notice("message_expired", error.message), turn=log.id)


def _tell_damage(session: Session) -> None:
    damage = session.transcript.damage
    if damage.lines:
        session.tell_later(
            session.notice(
                "history_damaged",
                f"{damage.lines} lines of this session's history were damaged and set aside in "
                f"{session.folder / 'history.damaged'}; the rest is whole",
            )
        )


def _said(log: TurnLog) -> str:
    said = (m.content for m in log.messages if m.role is Role.USER and not m.in_background)
    return next(said, "")
