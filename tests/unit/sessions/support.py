"""A session store without a daemon around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ruster.agent.no_tools import NoTools
from ruster.agent.settings import AgentSettings
from ruster.agent.turn import Agent
from ruster.core.clock import Clock
from ruster.core.ports import Provider, SessionState
from ruster.llm.registry import Registry
from ruster.llm.router import Models
from ruster.llm.settings import LlmSettings
from ruster.protocol.commands import SendMode
from ruster.sessions.session import Session, SessionParts
from ruster.sessions.settings import SessionSettings
from ruster.sessions.store import SessionStore
from ruster.sessions.turns import TurnCounts
from ruster.storage.committer import Committer
from ruster.storage.disk import Disk
from ruster.testing import ManualClock

UID = 1000


class Listener:
    """A subscriber that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.closed = False
        self._more = asyncio.Event()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for event in self.events if "seq" in event]

    def deliver(self, line: bytes) -> None:
        self.lines.append(line)
        self._more.set()

    async def drained(self) -> None:
        await asyncio.sleep(0)

    async def until(self, **fields: Any) -> dict[str, Any]:
        """Wait for an event with these fields."""
        seen = 0
        async with asyncio.timeout(20):
            while True:
                for event in self.events[seen:]:
                    if fields.items() <= event.items():
                        return event
                seen = len(self.lines)
                self._more.clear()
                if seen == len(self.lines):
                    await self._more.wait()

    async def end(self) -> dict[str, Any]:
        """Wait for the end of a turn."""
        return await self.until(event="response", done=True)


@asynccontextmanager
async def open_store(
    folder: Path,
    *,
    disk: Disk | None = None,
    clock: Clock | None = None,
    providers: Mapping[str, Provider] | None = None,
    agent: AgentSettings | None = None,
    state: SessionState | None = None,
    **settings: Any,
) -> AsyncIterator[SessionStore]:
    """Open the sessions below ``folder``; they are answered by ``pinky/echo``."""
    kept, clock = SessionSettings(**settings), clock or ManualClock()
    committer = Committer(sync=kept.sync)
    given = {name: _maker(provider) for name, provider in (providers or {}).items()}
    models = Models(Registry(LlmSettings(), given))
    parts = SessionParts(
        agent=Agent(models, NoTools(), agent or AgentSettings(), clock),
        committer=committer,
        disk=disk or Disk(),
        clock=clock,
        settings=kept,
        counts=TurnCounts(),
        state=state,
    )
    store = SessionStore(folder, UID, "pinky/echo", parts)
    try:
        yield store
    finally:
        await store.aclose(5)
        await committer.aclose()
        await models.aclose()


async def listen(session: Session, since: int | None = None) -> Listener:
    """Attach a new listener."""
    listener = Listener()
    await session.attach(listener, since)
    return listener


async def say(session: Session, text: str) -> None:
    """Send a message and wait until its turn has ended."""
    queued = await session.send(text, SendMode.QUEUE, None)
    async with asyncio.timeout(20):
        await queued.finished


def history(folder: Path) -> list[dict[str, Any]]:
    """Read a session's history file."""
    text = (folder / "history.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def stored_events(folder: Path) -> list[dict[str, Any]]:
    """Read a session's file of events."""
    text = (folder / "events.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def open_files() -> int:
    """Count this process's open descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


def _maker(provider: Provider) -> Any:
    return lambda: provider
