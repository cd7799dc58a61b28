"""All commands about the memory, by what they are about."""

from __future__ import annotations

from pathlib import Path

from ruster.core.clock import Clock
from ruster.core.ports import WebFetcher
from ruster.handlers.memory.adding import AddingHandlers
from ruster.handlers.memory.facts import FactHandlers
from ruster.handlers.memory.files import FileHandlers
from ruster.handlers.memory.forgetting import ForgettingHandlers
from ruster.handlers.memory.moves import MoveHandlers
from ruster.handlers.memory.reach import Reach
from ruster.handlers.memory.records import RecordHandlers
from ruster.memory.intake import Intake
from ruster.memory.service import MemoryService
from ruster.memory.settings import MemorySettings
from ruster.sessions.store import SessionStore

__all__ = ["MemoryHandlers"]


class MemoryHandlers:
    """The commands about the memory. ``backups`` is the folder of copies, ``web`` fetches pages."""

    def __init__(
        self,
        sessions: SessionStore,
        memory: MemoryService,
        settings: MemorySettings,
        backups: Path,
        clock: Clock,
        web: WebFetcher,
    ) -> None:
        reach = Reach(sessions, memory)
        self.records = RecordHandlers(reach, settings.searched_sessions)
        self.moves = MoveHandlers(reach, settings.upkeep)
        self.adding = AddingHandlers(reach, Intake(settings.documents), web)
        self.forgetting = ForgettingHandlers(reach)
        self.facts = FactHandlers(reach)
        self.files = FileHandlers(reach, backups, clock)
