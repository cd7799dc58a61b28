"""Pages of a session's stored conversation, read back as the events that it was told with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruster.client import Client
from ruster.protocol import events

__all__ = ["Page", "Told", "read_page", "told_by"]

PAGE = 40
_LARGEST = 1000
_PREVIEW_CHARS = 500
_Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """An event with what its line was stamped with."""

    event: events.Event
    turn: str | None
    seq: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """Records of whole turns; ``first`` is the place of the first of them in the history."""

    records: Sequence[dict[str, Any]]
    first: int

    @property
    def cursor(self) -> int | None:
        """The ``seq`` that ended the last turn that has ended; None when none has."""
        ends = [it.get("seq") for it in self.records if it.get("end")]
        return next((seq for seq in reversed(ends) if isinstance(seq, int)), None)


async def read_page(client: Client, session_id: str, before: int | None = None) -> Page:
    """Read what comes last before a place, in whole turns; raises RusterError."""
    if before is None:
        before = (await client.history(session_id, limit=1)).total
    size = PAGE
    while before:
        first = max(0, before - size)
        read = (await client.history(session_id, limit=before - first, offset=first)).history
        start = 0 if first == 0 else _first_turn(read)
        page = Page(read[start:], first + start)
        if page.records and (page.cursor is not None or first == 0 or size == _LARGEST):
            return page
        if first == 0 or size == _LARGEST:
            break
        size = min(size * 5, _LARGEST)
    return Page((), 0)


def told_by(page: Page, session_id: str) -> Iterator[Told]:
    """Iterate over the events that a page's records stand for.

    Of a turn that has not ended there is only what was said to the agent: the rest will be told.
    """
    ended = {it.get("turn") for it in page.records if it.get("end")}
    calls: dict[str, Mapping[str, Any]] = {}
    for record in page.records:
        turn, seq = record.get("turn"), record.get("seq")
        if record.get("role") == "user" or turn in ended or turn is None:
            for event in _events(record, session_id, calls):
                yield Told(event, turn, seq)


def _first_turn(records: Sequence[_Record]) -> int:
    """Return the place of the first record that begins something."""
    for place, record in enumerate(records):
        if record.get("role") in ("user", "event"):
            return place
    return len(records)


def _events(
    record: _Record, session_id: str, calls: dict[str, Mapping[str, Any]]
) -> Iterator[events.Event]:
    content = str(record.get("content") or "")
    match record.get("role"):
        case "user":
            yield events.Accepted(
                session_id=session_id,
                message=content,
                mode=str(record.get("mode") or "queue"),
                source=record.get("source"),
            )
        case "event" if "seq" in record:
            yield events.Proactive(
                session_id=session_id, message=content, source=record.get("source")
            )
        case "assistant":
            if content:
                yield events.Response(session_id=session_id, delta=content)
            for call in record.get("tool_calls") or ():
                calls[str(call.get("id"))] = call
                yield _call(call, session_id)
            yield from _end(record, session_id)
        case "tool":
            call = calls.get(str(record.get("tool_call_id")), record)
            yield _call(call, session_id).model_copy(
                update={"phase": "end", "result_preview": content[:_PREVIEW_CHARS]}
            )


def _call(call: _Record, session_id: str) -> events.ToolCallEvent:
    arguments = call.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = {"arguments": arguments}
    return events.ToolCallEvent(
        session_id=session_id,
        tool=str(call.get("name")),
        arguments=arguments if isinstance(arguments, dict) else {},
        call_id=str(call.get("id") or call.get("tool_call_id")),
        phase="start",
    )


def _end(record: _Record, session_id: str) -> Iterator[events.Event]:
    match record.get("end"):
        case "done":
            yield events.Response(session_id=session_id, delta="", done=True)
        case "cancelled":
            yield events.Cancelled(session_id=session_id)
        case "error" | "expired" as end:
            error = record.get("error") or {}
            yield events.ErrorEvent(
                session_id=session_id,
                code=str(error.get("code") or end),
                error=str(error.get("message") or "the turn did not end"),
            )
