"""How what is no client speaks into sessions: jobs, goals, programs that bring events.

Who calls has made sure that it may. A ``source`` says who speaks, such as ``job:backup`` or
``server:mail``; a ``key`` is taken once, however often the same thing is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ruster.core.tools import TurnScope

__all__ = ["SessionInbox", "Spoken", "TurnEnd", "TurnReport"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something said to a session: ``owner`` is its uid, ``origins`` whose words it may hold.

    Whatever comes from outside names its origin; only what the person or ruster itself wrote has
    none.
    """

    owner: int
    session_id: str
    text: str
    source: str
    key: str
    origins: tuple[str, ...] = ()


class TurnEnd(StrEnum):
    """How a turn ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    ERROR = "error"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class TurnReport:
    """What became of a turn: the answer, or the error's sentence; ``tokens`` read and written."""

    turn: str
    end: TurnEnd
    text: str
    tokens: int = 0


class SessionInbox(Protocol):
    """Implemented by ``sessions``. All raise SessionError (no such session, or full) or
    StorageError, and nothing is kept then.
    """

    async def tell(self, spoken: Spoken) -> bool:
        """Tell everybody attached, as a ``proactive`` event; return whether somebody is.

        It is on the disk when this returns, and kept for who attaches next if nobody is there. The
        model is shown it with the session's next message.
        """
        ...

    async def note(self, spoken: Spoken) -> None:
        """Bring something before the model with the session's next message; on the disk now."""
        ...

    async def ask(self, spoken: Spoken, *, max_tokens: int = 0, timeout_s: float = 0) -> TurnReport:
        """Have a message answered in a turn of its own and return what became of it.

        The turn is ended beyond ``max_tokens`` or ``timeout_s`` (0: no limit but the session's
        own). Cancelling leaves the turn alone.
        """
        ...

    async def scope(self, owner: int, session_id: str) -> TurnScope:
        """Return what a tool is called with that is to act in a session by itself."""
        ...
