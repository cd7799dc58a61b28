"""Keeping turns after they have ended: one after the other, in the background, in a bounded queue.

What was said goes into the session's memory as it is. What of it holds beyond the session is for a
learner to find; that goes to the owner.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from ruster.core.errors import RusterError
from ruster.core.memory import Layer, Record
from ruster.core.messages import Message, Role
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.core.tool_ports import FORGET
from ruster.core.tools import TurnScope
from ruster.memory.memories import Memories

__all__ = ["TOOL_KIND", "Keeper", "Learned", "Learner", "forgets"]

TOOL_KIND = "tool"
"""The kind of records that hold what tools brought."""

_log = structlog.stdlib.get_logger("ruster.memory")
_PATIENCE_S = 2.0
_QUIET_S = 0.5
_MAX_CHARS = 32_768
_FORGETTING = re.compile(rf"\s*(?:/tool\s+{FORGET}\b|\[tool:{FORGET}\])")
_SPEAKERS = {Role.USER: "user", Role.ASSISTANT: "assistant", Role.TOOL: "tool"}


@dataclass(frozen=True, slots=True)
class Learned:
    """A fact found in a turn, and the ids of what it takes the place of."""

    record: Record
    supersedes: tuple[str, ...] = ()


class Learner(Protocol):
    """Finds what of a turn is worth keeping beyond its session."""

    async def learn(
        self, scope: TurnScope, model: str, messages: Sequence[Message]
    ) -> Sequence[Learned]:
        """Return facts, preferences, decisions and promises; raises errors of the tree."""
        ...


@dataclass(frozen=True, slots=True)
class _Turn:
    scope: TurnScope
    model: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class _Use:
    scope: TurnScope
    ids: tuple[str, ...]


class Keeper:
    """Takes turns and keeps them; ``settled`` waits until all are kept."""

    def __init__(self, memories: Memories, learner: Learner | None, max_waiting: int) -> None:
        self._memories = memories
        self._learner = learner
        self._waiting: deque[_Turn | _Use] = deque()
        self._max_waiting = max_waiting
        self._worker: asyncio.Task[None] | None = None
        self._session = ""
        self._closed = False
        self._taken = 0
        self._rested_at = 0
        self._hurry = asyncio.Event()

    def keep(self, scope: TurnScope, model: str, messages: Sequence[Message]) -> None:
        """Take a turn that has ended; beyond the bound the oldest one that waits is left out."""
        self._put(_Turn(scope, model, tuple(messages)))

    def note_use(self, scope: TurnScope, ids: Sequence[str]) -> None:
        """Note that records were shown in a turn, when there is time for it."""
        self._put(_Use(scope, tuple(ids)))

    async def settled(self) -> None:
        """Keep all that waits at once and return when nothing does."""
        self._hurry.set()
        try:
            while (worker := self._worker) is not None:
                await asyncio.wait({worker})
        finally:
            self._hurry.clear()

    async def drop(self, session_key: str) -> None:
        """Leave out what waits of a session that goes, and let go of what is being kept of it."""
        for turn in [it for it in self._waiting if it.scope.session_key == session_key]:
            self._waiting.remove(turn)
        if self._session == session_key and self._worker is not None:
            await cancel_and_wait(self._worker)
            self._worker = None
            if self._waiting:
                self._worker = spawn(self._work(), name="keep turns in mind")

    async def aclose(self) -> None:
        """Finish what waits, for a moment, and take no more."""
        self._closed = True
        self._hurry.set()
        if (worker := self._worker) is not None:
            await asyncio.wait({worker}, timeout=_PATIENCE_S)
            await cancel_and_wait(worker)

    def _put(self, work: _Turn | _Use) -> None:
        if self._closed:
            return
        if len(self._waiting) >= self._max_waiting:
            left_out = self._waiting.popleft()
            _log.warning("turn_not_remembered", turn=left_out.scope.turn)
        self._waiting.append(work)
        self._taken += 1
        if self._worker is None:
            self._worker = spawn(self._work(), name="keep turns in mind")

    async def _pause(self) -> None:
        """Wait until nothing more has come for a moment: turns come before what is made of them."""
        while self._rested_at != self._taken and not self._hurry.is_set():
            if len(self._waiting) >= self._max_waiting // 2:
                return
            self._rested_at = self._taken
            with suppress(TimeoutError):
                async with asyncio.timeout(_QUIET_S):
                    await self._hurry.wait()

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._pause()
                if not self._waiting:  # its session is gone
                    return
                turn = self._waiting.popleft()
                self._session = turn.scope.session_key
                try:
                    await self._keep(turn)
                except RusterError as error:
                    _log.error("turn_not_remembered", turn=turn.scope.turn, why=error.message)
        finally:
            self._session = ""
            self._worker = None

    async def _keep(self, turn: _Turn | _Use) -> None:
        scope = turn.scope
        if isinstance(turn, _Use):
            for file in (
                self._memories.owner_file(scope.owner),
                self._memories.session_file(scope.folder),
            ):
                if file.exists():
                    async with self._memories.lend(file) as store:
                        await store.used(turn.ids)
            return
        if forgets(turn.messages):
            return
        async with self._memories.lend(self._memories.session_file(scope.folder)) as store:
            await store.insert_many(_records(turn))
        if self._learner is None:
            return
        learned = await self._learner.learn(scope, turn.model, turn.messages)
        if not learned:
            return
        async with self._memories.lend(self._memories.owner_file(scope.owner)) as store:
            for one in learned:
                await store.keep(one.record, one.supersedes)


def forgets(messages: Sequence[Message]) -> bool:
    """Whether something was to be forgotten in a turn: keeping what tells of it would undo that.

    A person may have called the tool with ``/tool``, which leaves texts only.
    """
    return any(
        it.name == FORGET if it.role is Role.TOOL else _FORGETTING.match(it.content)
        for it in messages
    )


def _records(turn: _Turn) -> Iterator[Record]:
    for message in turn.messages:
        text = message.content.replace("\0", " ").encode(errors="replace").decode()[:_MAX_CHARS]
        speaker = _SPEAKERS.get(message.role)
        if speaker is None or not text.strip():
            continue
        if message.role is Role.TOOL:
            text = f"{message.name}: {text}"
        yield Record(
            text,
            layer=Layer.INTERACT,
            kind=TOOL_KIND if message.role is Role.TOOL else "message",
            session=turn.scope.session_key,
            speaker=speaker,
            source=turn.scope.turn,
            origins=message.origins,
        )
