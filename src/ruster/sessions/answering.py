"""Turns as whoever speaks another protocol sees them: the events of an inference, nothing more."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any

from ruster.core.errors import ProviderError, SessionError
from ruster.core.ids import check_name
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    ProcessStart,
    Progress,
    Thought,
    ThoughtPhase,
    Usage,
)
from ruster.core.messages import Message
from ruster.protocol.commands import SendMode
from ruster.sessions.session import Session
from ruster.sessions.store import SessionStore

__all__ = ["Answering"]

_ENDS = ("error", "cancelled")


class Answering:
    """Implements ``gateway.api.parts.AgentTurns``."""

    def __init__(self, store: Callable[[], SessionStore]) -> None:
        self._store = store

    async def sessions(self, uid: int) -> Sequence[str]:
        """Return the ids of a user's sessions."""
        return [session_id for session_id, _ in await self._store().infos(uid)]

    async def stream(
        self, uid: int, session_id: str, message: Message
    ) -> AsyncGenerator[InferenceEvent, None]:
        """Have a message answered in a session; see ``AgentTurns``."""
        session = await self._session(uid, check_name(session_id))
        told = _Told()
        stop = session.stream.observe(told.take)
        try:
            queued = await session.send(message.content, SendMode.QUEUE, None, message.images)
            try:
                yield ProcessStart(session.info.model)
                async for event in told.events(queued.id):
                    yield event
            finally:
                if not queued.finished.done():
                    session.cancel(turn=queued.id)
        finally:
            stop()

    async def _session(self, uid: int, session_id: str) -> Session:
        try:
            return await self._store().get(uid, session_id)
        except SessionError as error:
            if error.code != "session_not_found":
                raise
        return await self._store().create(uid, session_id, None, None)


class _Told:
    """What a session tells, until its turn has ended. An answer is bounded by the turn's own."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._closed = False

    def take(self, line: bytes | None) -> None:
        if line is None:
            self._closed = True
        else:
            self._lines.append(line)
        self._more.set()

    async def events(self, turn: str) -> AsyncGenerator[InferenceEvent, None]:
        """Yield the events of a turn; what its steps took comes together, before the end."""
        taken = Usage()
        while True:
            while self._lines:
                told = json.loads(self._lines.popleft())
                if told.get("turn") != turn:
                    continue
                for event in _events(told):
                    if isinstance(event, Usage):
                        taken = _sum(taken, event)
                        continue
                    if isinstance(event, Complete):
                        yield taken
                    yield event
                if told.get("done") or told["event"] in _ENDS:
                    return
            if self._closed:
                raise SessionError(
                    "the daemon is stopping; the answer is given after its start",
                    code="shutting_down",
                    retryable=True,
                )
            self._more.clear()
            await self._more.wait()


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.prompt + other.prompt, one.completion + other.completion, one.cached + other.cached
    )


def _events(told: dict[str, Any]) -> Iterator[InferenceEvent]:
    """Translate one event of a turn; raises ProviderError for a turn that failed."""
    match told["event"]:
        case "response" if told.get("done"):
            yield Complete(FinishReason(told.get("reason", "stop")))
        case "response" if "phase" not in told and told["delta"]:
            yield Content(told["delta"])
        case "thought":
            yield Thought(ThoughtPhase(told["phase"]), told.get("delta") or "")
        case "usage":
            yield Usage(told["prompt_tokens"], told["completion_tokens"], told["cached_tokens"])
        case "progress":
            yield Progress(told["what"], told["current"], told["total"])
        case "cancelled":
            yield Complete(FinishReason.STOP)
        case "error":
            raise ProviderError(told["error"], code=told["code"])
