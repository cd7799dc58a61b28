"""An inbox that keeps what is spoken into it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ruster.core.errors import SessionError
from ruster.core.inbox import SessionInbox, Spoken, TurnEnd, TurnReport
from ruster.core.tools import TurnScope

__all__ = ["InboxRecorder"]


class InboxRecorder(SessionInbox):
    """Fulfils ``core.inbox.SessionInbox`` for sessions that need not exist.

    ``spoken`` has every call as (way, what), but for keys that were taken before. While ``open`` is
    not set, nothing returns; ``gone`` are sessions that there are not. ``answer`` is what turns
    bring, ``attended`` whether somebody is there.
    """

    def __init__(self) -> None:
        self.spoken: list[tuple[str, Spoken]] = []
        self.limits: list[tuple[int, float]] = []
        self.gone: set[str] = set()
        self.attended = True
        self.answer = TurnReport("", TurnEnd.DONE, "done", 7)
        self.open = asyncio.Event()
        self.open.set()
        self.running = 0
        self.most_running = 0
        self._changed = asyncio.Event()

    async def tell(self, spoken: Spoken) -> bool:
        await self._take("tell", spoken)
        return self.attended

    async def note(self, spoken: Spoken) -> None:
        await self._take("note", spoken)

    async def ask(self, spoken: Spoken, *, max_tokens: int = 0, timeout_s: float = 0) -> TurnReport:
        self.limits.append((max_tokens, timeout_s))
        await self._take("ask", spoken)
        return self.answer

    async def scope(self, owner: int, session_id: str) -> TurnScope:
        if session_id in self.gone:
            raise SessionError(f"there is no session {session_id!r}")
        key = f"{owner}/{session_id}"
        return TurnScope(session_id, key, "t-0", owner, privileged=True, folder=Path("/nowhere"))

    def texts(self, session_id: str | None = None) -> list[str]:
        """Return what was said, in one session or in all."""
        return [it.text for _, it in self.spoken if session_id in (None, it.session_id)]

    @property
    def keys(self) -> list[str]:
        """The keys of what was told, in order."""
        return [it.key for way, it in self.spoken if way == "tell"]

    async def until(self, count: int) -> None:
        """Return when so many things were said."""
        while len(self.spoken) < count:
            self._changed.clear()
            await self._changed.wait()

    async def _take(self, way: str, spoken: Spoken) -> None:
        if spoken.session_id in self.gone:
            raise SessionError(f"there is no session {spoken.session_id!r}")
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        if spoken.key not in {it.key for _, it in self.spoken}:
            self.spoken.append((way, spoken))
        self._changed.set()
        try:
            await self.open.wait()
        finally:
            self.running -= 1
