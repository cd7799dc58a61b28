"""Sessions as jobs and other programs see them, kept in memory."""

from __future__ import annotations

from pathlib import Path

from ruster.core.errors import SessionError
from ruster.core.inbox import Spoken, TurnEnd, TurnReport
from ruster.core.tools import TurnScope

__all__ = ["FakeInbox"]


class FakeInbox:
    """Implements ``core.inbox.SessionInbox``; keys are taken once, as the real one does."""

    def __init__(self, *sessions: str, attended: bool = True) -> None:
        self.sessions = set(sessions or ("work",))
        self.attended = attended
        self.told: dict[str, Spoken] = {}
        self.noted: dict[str, Spoken] = {}
        self.asked: dict[str, Spoken] = {}
        self.answer = TurnReport("", TurnEnd.DONE, "an answer", 10)

    @property
    def texts(self) -> list[str]:
        """What was told, in order."""
        return [it.text for it in self.told.values()]

    async def tell(self, spoken: Spoken) -> bool:
        self._check(spoken.session_id)
        self.told.setdefault(spoken.key, spoken)
        return self.attended

    async def note(self, spoken: Spoken) -> None:
        self._check(spoken.session_id)
        self.noted.setdefault(spoken.key, spoken)

    async def ask(self, spoken: Spoken, *, max_tokens: int = 0, timeout_s: float = 0) -> TurnReport:
        self._check(spoken.session_id)
        self.asked.setdefault(spoken.key, spoken)
        return self.answer

    async def scope(self, owner: int, session_id: str) -> TurnScope:
        self._check(session_id)
        return TurnScope(
            session_id, f"{owner}/{session_id}", "t-1", owner, True, Path("/nowhere"), "proactive"
        )

    def _check(self, session_id: str) -> None:
        if session_id not in self.sessions:
            raise SessionError(f"there is no session {session_id!r}")
