"""What tools may ask of the conversation they are used in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ruster.core.messages import Message
from ruster.core.tools import TurnScope
from ruster.sessions.session import Session
from ruster.sessions.store import SessionStore

__all__ = ["Conversing"]

_MAX_TURNS = 50


class Conversing:
    """Implements ``core.tool_ports.ConversationView`` and ``Asker``.

    ``store`` is asked for when it is first needed: sessions have tools, and tools ask sessions.
    """

    def __init__(self, store: Callable[[], SessionStore]) -> None:
        self._store = store

    async def model(self, scope: TurnScope) -> str:
        """Return the full name of the session's model."""
        return (await self._session(scope)).info.model

    async def tail(self, scope: TurnScope, limit: int) -> tuple[int, Sequence[Message]]:
        """Return how many lines the history has, and the last ``limit`` messages."""
        transcript = (await self._session(scope)).transcript
        ended = transcript.recent(_MAX_TURNS)
        current = transcript.open_turns.get(scope.turn)
        messages = [*ended, *(current.messages if current is not None else ())]
        return len(transcript.journal), messages[-limit:]

    async def question(self, text: str, scope: TurnScope) -> bool:
        """Ask the person of the session; see ``Asker``."""
        return await (await self._session(scope)).question(text, scope.turn)

    async def _session(self, scope: TurnScope) -> Session:
        return await self._store().get(scope.owner, scope.session_id)
