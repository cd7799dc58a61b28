"""Reading a ``state.json`` that another daemon left. What cannot be used is named and left out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from ruster.core.errors import JobError
from ruster.core.ids import new_id
from ruster.proactive.goals.goal import MAX_GOALS, MAX_NOTES, Goal, Note
from ruster.proactive.jobs.actions import CheckHttp, EmitLog, action_from_record
from ruster.proactive.jobs.job import Job, Outcome, Receipt, State
from ruster.proactive.schedules.schedule import Every, from_record, next_due, to_record

__all__ = ["Legacy", "read_legacy"]

_T = TypeVar("_T")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
_TEXT_CHARS = 4000
_NOT_OURS = ("codex_health_check", "codex_drain_queue_one")
_WELL = ("ok", "done", "success", "executed")


@dataclass(slots=True)
class Legacy:
    """What a file held that can be used; ``problems`` says what was left out, and why."""

    jobs: list[tuple[Job, State]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _For:
    owner: int
    now: float
    shortest_gap_s: int


def read_legacy(data: object, owner: int, now: float, *, max_jobs: int, gap_s: int) -> Legacy:
    """Read a file's JSON; never raises. Intervals are not shorter than ``gap_s`` seconds."""
    found = Legacy()
    if not isinstance(data, Mapping):
        found.problems.append("it is no JSON object")
        return found
    who = _For(owner, now, gap_s)
    found.jobs = list(_read(data, "jobs", lambda it: _job(it, who), max_jobs, found.problems))
    found.goals = list(_read(data, "goals", lambda it: _goal(it, who), MAX_GOALS, found.problems))
    if data.get("pending_approvals"):
        found.problems.append("pending_approvals: what waited for an answer waits no longer")
    return found


def _read(
    data: Mapping[str, Any],
    name: str,
    read: Callable[[Mapping[str, Any]], _T],
    most: int,
    problems: list[str],
) -> Iterator[_T]:
    entries = data.get(name, [])
    if not isinstance(entries, list):
        problems.append(f"{name} is no list")
        return
    ids: set[str] = set()
    for number, entry in enumerate(entries):
        try:
            if len(ids) >= most:
                raise ValueError(f"there are more than {most}")
            if not isinstance(entry, Mapping):
                raise ValueError("it is no object")
            if (name_of := _id(entry)) in ids:
                raise ValueError(f"{name_of!r} is there twice")
            yield read(entry)
            ids.add(name_of)
        except (ValueError, OverflowError, JobError) as error:
            why = error.message if isinstance(error, JobError) else error
            problems.append(f"{name}[{number}]: {why}")


def _job(entry: Mapping[str, Any], who: _For) -> tuple[Job, State]:
    seconds = entry.get("interval_secs")
    if type(seconds) is not int or seconds < 1:
        raise ValueError("interval_secs is no whole number from 1 on")
    gap_s = max(seconds, who.shortest_gap_s)
    due = _moment(entry.get("next_due_at"))
    anchor = who.now if due is None else due - gap_s
    schedule = from_record(to_record(Every(gap_s, anchor)))
    job_id = _id(entry)
    job = Job(job_id, who.owner, schedule, _action(entry.get("action")), created=who.now)
    enabled = entry.get("enabled", True)
    runs = entry.get("runs", 0)
    state = State(
        enabled=enabled is True,
        due=next_due(schedule, who.now),
        runs=runs if type(runs) is int and 0 <= runs < 1 << 53 else 0,
        last=_receipt(entry, job_id, who.owner),
    )
    return job, state


def _action(action: object) -> EmitLog | CheckHttp:
    if action in _NOT_OURS:
        raise ValueError(f"ruster has no {action}: it looks after its providers by itself")
    read = action_from_record(action)
    if not isinstance(read, EmitLog | CheckHttp):
        raise ValueError("its action can only be emit_log or http_health_check")
    return read


def _receipt(entry: Mapping[str, Any], job_id: str, owner: int) -> Receipt | None:
    at = _moment(entry.get("last_run_at"))
    if at is None:
        return None
    well = str(entry.get("last_status")).lower() in _WELL
    outcome = Outcome.DONE if well else Outcome.FAILED
    message = _text(entry.get("last_message") or "", "last_message")
    return Receipt(
        new_id("r"), job_id, owner, at, outcome, started=at, ended=at, message=message, by="import"
    )


def _goal(entry: Mapping[str, Any], who: _For) -> Goal:
    description = _text(entry.get("description"), "description")
    if not description.strip():
        raise ValueError("it has no description")
    at = _moment(entry.get("updated_at"))
    at = who.now if at is None else at
    notes = entry.get("notes") or []
    notes = [notes] if isinstance(notes, str) else notes
    if not isinstance(notes, list):
        raise ValueError("notes is no list")
    kept = tuple(Note(at, _text(it, "a note")) for it in notes[-MAX_NOTES:])
    achieved = entry.get("achieved") is True
    return Goal(_id(entry), who.owner, description.strip(), at, at, achieved, kept)


def _id(entry: Mapping[str, Any]) -> str:
    found = entry.get("id")
    if not isinstance(found, str) or not _ID.match(found):
        raise ValueError(
            "its id is not 1 to 64 small letters, digits, _ or -, beginning with a letter or digit"
        )
    return found


def _text(text: object, what: str) -> str:
    if not isinstance(text, str) or any("\ud800" <= it <= "\udfff" or it == "\0" for it in text):
        raise ValueError(f"{what} is no text")
    return text[:_TEXT_CHARS]


def _moment(text: object) -> float | None:
    """Read a time in RFC 3339; None for what is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        found = moment.timestamp() if moment.tzinfo is not None else math.nan
    except (ValueError, OverflowError, OSError):
        return None
    return found if 0 <= found < 1e11 else None
