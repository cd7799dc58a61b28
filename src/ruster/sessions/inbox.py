"""How jobs and other programs speak into sessions: the store as they see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ruster.core.errors import SessionError
from ruster.core.inbox import Spoken, TurnEnd, TurnReport
from ruster.core.tools import TurnScope
from ruster.sessions.session import Session
from ruster.sessions.store import SessionStore

__all__ = ["Inbox"]


class Inbox:
    """Implements ``core.inbox.SessionInbox``.

    ``store`` is asked for when it is first needed: sessions have tools, and tools make jobs.
    """

    def __init__(self, store: Callable[[], SessionStore]) -> None:
        self._store = store

    async def tell(self, spoken: Spoken) -> bool:
        """Tell everybody attached; see ``SessionInbox``."""
        return await (await self._session(spoken)).say(spoken)

    async def note(self, spoken: Spoken) -> None:
        """Bring something before the model with the next message; see ``SessionInbox``."""
        await (await self._session(spoken)).note(spoken)

    async def ask(self, spoken: Spoken, *, max_tokens: int = 0, timeout_s: float = 0) -> TurnReport:
        """Have a message answered and return what became of it; see ``SessionInbox``."""
        session = await self._session(spoken)
        queued = await session.ask(spoken, max_tokens)
        if queued is not None:
            await asyncio.wait({queued.finished}, timeout=timeout_s or None)
            if not queued.finished.done():
                session.cancel(turn=queued.id)
                await asyncio.wait({queued.finished})
        return _report(spoken, await session.ending(spoken.key))

    async def scope(self, owner: int, session_id: str) -> TurnScope:
        """Return what a tool is called with; see ``SessionInbox``."""
        session = await self._store().get(owner, session_id)
        return replace(session.scope(), surface="proactive")

    async def _session(self, spoken: Spoken) -> Session:
        return await self._store().get(spoken.owner, spoken.session_id)


def _report(spoken: Spoken, ending: dict[str, Any] | None) -> TurnReport:
    """Tell of a turn by the line that ended it."""
    if ending is None:
        raise SessionError(
            f"the turn {spoken.key} was stopped before it had an end",
            code="shutting_down",
            retryable=True,
        )
    error = ending.get("error")
    text = str(error["message"]) if error else str(ending.get("content", ""))
    return TurnReport(spoken.key, TurnEnd(ending["end"]), text, _tokens(ending.get("why", {})))


def _tokens(why: dict[str, Any]) -> int:
    """Add up what the models of a turn read and wrote."""
    return int(why.get("prompt_tokens", 0)) + int(why.get("completion_tokens", 0))
