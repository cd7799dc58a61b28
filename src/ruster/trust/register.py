"""The journal of approvals: what was asked, and what became of it.

Two kinds of lines, ``asked`` and ``closed``; a ``closed`` one may hold the ``grant`` of a session.
After a restart nothing is pending: what was is withdrawn, since its turn is answered anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from ruster.core.clock import Clock
from ruster.core.errors import StorageError
from ruster.protocol.commands import ApprovalScope
from ruster.storage.committer import Committer
from ruster.storage.disk import Disk
from ruster.storage.journal import Journal
from ruster.trust.approval import Answer, Approval, Question, State
from ruster.trust.grants import Grants
from ruster.trust.rules import Rule

__all__ = ["RESTARTED", "Register"]

_MAX_BYTES = 4 << 20
_Record = Mapping[str, Any]
RESTARTED = Answer(State.WITHDRAWN, "the daemon was restarted")
_log = structlog.stdlib.get_logger("ruster.trust")


class Register:
    """The journal; nothing happens before ``open``. ``withdrawn`` are questions of before that."""

    def __init__(self, path: Path, disk: Disk, committer: Committer, clock: Clock) -> None:
        self.withdrawn: tuple[Question, ...] = ()
        self._path = path
        self._disk = disk
        self._committer = committer
        self._clock = clock
        self._open: Journal | None = None
        self._late: list[dict[str, Any]] | None = None
        self._rewriting = asyncio.Lock()
        self._sessions: set[str] = set()

    def open(self, grants: Grants) -> None:
        """Read the file, close what was left open, give back what sessions were granted (blocks).

        Raises StorageError.
        """
        journal = self._open = Journal(self._path, self._disk)
        pending: dict[str, Question] = {}
        for record in journal.records():
            self._replay(record, pending, grants)
        self.withdrawn = tuple(pending.values())
        for question in self.withdrawn:
            journal.append_record(self._closed_record(question, RESTARTED, None))

    def asked(self, question: Question) -> asyncio.Future[None]:
        """Write a question; the future is done when it is on the disk. Raises StorageError."""
        return self._append({"kind": "asked", **question.to_record()})

    def answered(self, approval: Approval, answer: Answer) -> asyncio.Future[None]:
        """Write an answer; the future is done when it is on the disk. Raises StorageError."""
        grant = approval.rule if answer.scope is ApprovalScope.SESSION else None
        return self._append(self._closed_record(approval.question, answer, grant))

    async def forget(self, session_key: str) -> None:
        """Remove all lines of a session; raises StorageError."""
        if session_key in self._sessions:
            self._sessions.discard(session_key)
            await self._rewrite(lambda record: record.get("session_key") != session_key)

    async def compact(self) -> None:
        """Keep a large file small: only what sessions have been granted, and what is open."""
        if self._journal.size <= _MAX_BYTES:
            return
        closed = {record.get("id") for record in self._journal.records() if _closes(record)}
        await self._rewrite(
            lambda record: (
                "grant" in record
                or (record.get("kind") == "asked" and record.get("id") not in closed)
            )
        )

    def close(self) -> None:
        """Release the file."""
        if self._open is not None:
            self._open.close()

    @property
    def _journal(self) -> Journal:
        if self._open is None:
            raise StorageError(f"{self._path} is not open; try again", retryable=True)
        return self._open

    def _append(self, record: dict[str, Any]) -> asyncio.Future[None]:
        self._journal.append_record(record)
        self._sessions.add(record["session_key"])
        if self._late is not None:
            self._late.append(record)
        return self._committer.commit(self._journal)

    def _closed_record(
        self, question: Question, answer: Answer, grant: Rule | None
    ) -> dict[str, Any]:
        record: dict[str, Any] = {
            "kind": "closed",
            "id": question.id,
            "session_key": question.session_key,
            "state": answer.state.value,
            "by": answer.by,
            "scope": answer.scope.value,
            "at": self._clock.now(),
        }
        if answer.reason is not None:
            record["reason"] = answer.reason
        if grant is not None:
            record["grant"] = grant.model_dump(mode="json", exclude_none=True)
        return record

    def _replay(self, record: _Record, pending: dict[str, Question], grants: Grants) -> None:
        """Take one line; what cannot be read counts as never asked, so as never allowed."""
        try:
            if record.get("kind") == "asked":
                question = Question.from_record(record)
                pending[question.id] = question
                self._sessions.add(question.session_key)
            elif _closes(record):
                pending.pop(record["id"], None)
                self._sessions.add(record["session_key"])
                if record["state"] == State.APPROVED and "grant" in record:
                    rule = Rule.model_validate(record["grant"])
                    grants.allow_in_session(record["session_key"], rule)
        except (KeyError, TypeError, ValidationError) as error:
            _log.warning("approval_unreadable", error=str(error))

    async def _rewrite(self, wanted: Callable[[_Record], bool]) -> None:
        """Write the lines that are wanted to a new file and put it in place."""
        async with self._rewriting:
            self._late = []
            try:
                journal, count = self._journal, len(self._journal)
                fresh = await asyncio.to_thread(self._copy, journal, count, wanted)
                for record in filter(wanted, self._late):
                    fresh.append_record(record)
                if self._late:
                    fresh.sync()  # rare, and a few lines: what was durable must stay so
            finally:
                self._late = None
            fresh.path.replace(self._path)
            self._open = fresh
            journal.close()
            await asyncio.to_thread(self._disk.sync_folder, self._path.parent)

    def _copy(self, journal: Journal, count: int, wanted: Callable[[_Record], bool]) -> Journal:
        """Write the first ``count`` lines, as far as they are wanted, beside the journal."""
        path = self._path.with_suffix(".fresh")
        path.unlink(missing_ok=True)
        fresh = Journal(path, self._disk)
        try:
            for record in filter(wanted, journal.records(0, count)):
                fresh.append_record(record)
            fresh.sync()
        except BaseException:
            fresh.close()
            raise
        return fresh


def _closes(record: _Record) -> bool:
    return record.get("kind") == "closed"
