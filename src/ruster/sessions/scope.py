"""For whom the turns of a session are run."""

from __future__ import annotations

import os

from ruster.core.tools import TurnScope
from ruster.sessions.info import SessionInfo, session_key
from ruster.sessions.ledger import Ledger

__all__ = ["turn_scope"]


def turn_scope(ledger: Ledger, info: SessionInfo, turn: str, surface: str = "socket") -> TurnScope:
    """Return what the skills, the tools and the policy are told of a turn."""
    return TurnScope(
        session_id=ledger.session_id,
        session_key=session_key(info.owner, ledger.session_id),
        turn=turn,
        owner=info.owner,
        privileged=info.owner in (0, os.geteuid()),
        folder=ledger.folder,
        surface=surface,
        presence=lambda: ledger.stream.attended,
    )
