"""A session's conversation: ``history.jsonl`` and the part of it that stays in memory.

The file is the truth and is only ever appended to. In memory are the newest ended turns (for the
model's context) and the open ones: accepted, not ended.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ruster.core.messages import Message, Role
from ruster.sessions.background import Background
from ruster.sessions.records import (
    Record,
    TurnLog,
    for_clients,
    summary_record,
    timestamp_of,
    to_message,
)
from ruster.sessions.sender import Sender
from ruster.sessions.settings import SessionSettings
from ruster.storage.disk import Disk
from ruster.storage.journal import Damage, Journal
from ruster.trust.taint import origins_of_record

__all__ = ["Transcript"]

_TAIL_RECORDS = 4096
_PAGE_BYTES = 1 << 20
_PAGE_RECORDS = 256


class Transcript:
    """The conversation of one session."""

    def __init__(self, path: Path, disk: Disk, settings: SessionSettings) -> None:
        """Open the file (blocks) and read its newest part; raises StorageError."""
        self.journal = Journal(path, disk)
        self.open_turns: dict[str, TurnLog] = {}
        self._settings = settings
        self._ended: deque[TurnLog] = deque()
        self._ended_bytes = 0
        self.notes = ""
        """What stands for the turns before those in memory; ``notes_origins`` is whose words."""
        self.notes_origins: tuple[str, ...] = ()
        self.last_ending: Record | None = None
        self.background = Background()
        self.last_seq = 0
        """The highest ``seq`` any line names: events up to it are already part of the history."""
        self._load(self.journal.records(max(0, len(self.journal) - _TAIL_RECORDS)))

    @property
    def damage(self) -> Damage:
        """What had to be repaired when the file was opened."""
        return self.journal.damage

    def append(self, record: Record) -> None:
        """Write one line and take it in; durable only after a commit. Raises StorageError."""
        self.journal.append_record(record)
        self._take(record)

    def undo_accept(self, turn: str) -> None:
        """Take back the line of a message that was never acknowledged: the last one written."""
        self.journal.undo()
        log = self.open_turns[turn]
        log.undo()
        log.accepted.pop()
        if not log.accepted:
            self.background.give_back(log.messages)
            del self.open_turns[turn]

    def undo_event(self, key: str) -> None:
        """Take back the line of an event that was never told: the last one written."""
        self.journal.undo()
        self.background.undo(key)

    def conversation(self, turn: str) -> Sequence[Sequence[Message]]:
        """Return the ended turns in memory, oldest first, and the open ``turn`` as it is now."""
        return [*(log.messages for log in self._ended), tuple(self.open_turns[turn].messages)]

    def sum_up(
        self, turn: str, count: int, notes: str, origins: tuple[str, ...], at: float
    ) -> None:
        """Have notes stand for the ``count`` oldest turns in memory; raises StorageError."""
        through = self._ended[count - 1].id
        self.append(summary_record(turn, notes, through=through, origins=origins, at=at))

    def ending(self, turn: str | None) -> Record | None:
        """Find the line that ended a turn, or the last one that ended any (blocks)."""
        end = len(self.journal)
        while end > 0:
            first = max(0, end - _PAGE_RECORDS)
            for body in reversed(list(self.journal.bodies(first, end))):
                record: Record = json.loads(body)
                if "end" in record and turn in (None, record.get("turn")):
                    return record
            end = first
        return None

    def recent(self, turns: int) -> list[Message]:
        """Return the messages of the newest ended turns, oldest first."""
        return [message for log in list(self._ended)[-turns:] for message in log.messages]

    def knows(self, turn: str) -> bool:
        """Whether a turn of the newest part of the history has this id."""
        return turn in self.open_turns or any(log.id == turn for log in self._ended)

    def page(self, offset: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Read up to ``limit`` lines from the ``offset``-th oldest on, and their total (blocks).

        A page ends early, after at least one line, where it grows beyond 1 MiB.
        """
        records, size = [], 0
        for body in self.journal.bodies(offset, offset + limit):
            records.append(for_clients(json.loads(body)))
            size += len(body)
            if size > _PAGE_BYTES:
                break
        return records, len(self.journal)

    def close(self) -> None:
        """Release the file."""
        self.journal.close()

    def _load(self, records: Iterable[Record]) -> None:
        for record in records:
            self._take(record)

    def _take(self, record: Record) -> None:
        """Sort one line into the turns."""
        self.last_seq = max(self.last_seq, record.get("seq", 0))
        turn = record.get("turn")
        if "through" in record:
            self._take_notes(record)
            return
        if self.background.take(record):
            return
        message = to_message(record)
        if turn is None or (message is None and "restarted" not in record):
            return
        log, events = self.open_turns.get(turn), list[Message]()
        if log is None:
            if record["role"] != Role.USER:
                return  # its beginning lies before the part that was read, or was damaged
            log = TurnLog(turn, timestamp_of(record), Sender.of_record(record))
            self.open_turns[turn] = log
            events = self.background.take_pending()
        if record["role"] == Role.USER:
            log.accepted.append(record)
        if "end" in record:
            log.answer_calls()
            log.accepted.clear()
        if message is not None:
            log.add(message)
        else:
            log.restart()
        log.begin_with(events)
        if "end" in record:
            self.last_ending = record
            self._end(self.open_turns.pop(turn))

    def _take_notes(self, record: Record) -> None:
        """Let notes stand for the turns they are about, if those are in memory."""
        ids = [log.id for log in self._ended]
        if record["through"] in ids:
            for _ in range(ids.index(record["through"]) + 1):
                self._ended_bytes -= self._ended.popleft().size_bytes
        self.notes = str(record.get("content", ""))
        self.notes_origins = origins_of_record(record)

    def _end(self, log: TurnLog) -> None:
        self._ended.append(log)
        self._ended_bytes += log.size_bytes
        while len(self._ended) > 1 and (
            len(self._ended) > self._settings.window_turns
            or self._ended_bytes > self._settings.window_bytes
        ):
            self._ended_bytes -= self._ended.popleft().size_bytes
