"""All commands about the memory, by what they are about."""

from __future__ import annotations

from dataclasses import dataclass
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
from ruster.handlers.memory.stats import StatsHandlers
from ruster.memory.embedding.meaning import AskMeaning
from ruster.memory.intake import Intake
from ruster.memory.service import MemoryService
from ruster.memory.settings import MemorySettings
from ruster.sessions.store import SessionStore

__all__ = ["MemoryHandlers", "MemoryParts"]


@dataclass(frozen=True, slots=True)
class MemoryParts:
    """What the commands need of the rest of the house.

    ``backups`` is the folder of copies, ``web`` fetches pages, ``meaning`` tells how things are
    found.
    """

    backups: Path
    clock: Clock
    web: WebFetcher
    meaning: AskMeaning


class MemoryHandlers:
    """The commands about the memory."""

    def __init__(
        self,
        sessions: SessionStore,
        memory: MemoryService,
        settings: MemorySettings,
        parts: MemoryParts,
    ) -> None:
        reach = Reach(sessions, memory)
        self.records = RecordHandlers(reach, settings.searched_sessions)
        self.stats = StatsHandlers(reach, parts.meaning)
        self.moves = MoveHandlers(reach, settings.upkeep)
        self.adding = AddingHandlers(reach, Intake(settings.documents), parts.web)
        self.forgetting = ForgettingHandlers(reach)
        self.facts = FactHandlers(reach)
        self.files = FileHandlers(reach, parts.backups, parts.clock)
