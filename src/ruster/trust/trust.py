"""Policy and approvals of one daemon, built from its settings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from ruster.core.clock import Clock
from ruster.core.tools import Approver, Policy, Questions
from ruster.protocol.events import ApprovalResolved
from ruster.storage.committer import Committer
from ruster.storage.disk import Disk
from ruster.trust.approval import Question
from ruster.trust.approvals import Approvals, Shown
from ruster.trust.grants import Grants
from ruster.trust.policy import RulePolicy, open_sources
from ruster.trust.register import RESTARTED, Register
from ruster.trust.settings import TrustSettings
from ruster.trust.sources import RuleFile
from ruster.trust.wire import closing_event

__all__ = ["Trust", "TrustParts"]


@dataclass(frozen=True, slots=True)
class TrustParts:
    """What trust is built from: ``config`` and ``state`` are folders, ``protected`` ruster's own.

    ``show`` puts a question, and later what became of it, before people. ``readable`` are folders
    that may be read beside those of the settings.
    """

    settings: TrustSettings
    config: Path
    state: Path
    protected: tuple[Path, ...]
    disk: Disk
    committer: Committer
    clock: Clock
    show: Shown
    readable: tuple[Path, ...] = ()


class Trust:
    """``policy`` decides, ``approver`` asks."""

    def __init__(self, parts: TrustParts) -> None:
        """Read the rules (blocks); raises ConfigError (``policy_invalid``)."""
        self._grants = Grants(RuleFile(parts.config / "grants.json"), parts.disk)
        self.rules = RulePolicy(
            open_sources(parts.settings, parts.config / "policy.json"),
            self._grants,
            folders=(*parts.settings.folders, *parts.readable),
            protected=parts.protected,
        )
        path = parts.state / "approvals.jsonl"
        self._register = Register(path, parts.disk, parts.committer, parts.clock)
        self.approvals = Approvals(
            self._register, self._grants, parts.settings, parts.clock, parts.show
        )

    async def open(self) -> None:
        """Read what was asked before; raises StorageError."""
        await asyncio.to_thread(self._register.open, self._grants)

    @property
    def withdrawn(self) -> tuple[tuple[Question, ApprovalResolved], ...]:
        """The questions that were open when the daemon was last stopped, and what to tell."""
        return tuple((it, closing_event(it, RESTARTED)) for it in self._register.withdrawn)

    @property
    def policy(self) -> Policy:
        """What decides on calls of tools."""
        return self.rules

    @property
    def approver(self) -> Approver:
        """What asks people."""
        return self.approvals

    @property
    def questions(self) -> Questions:
        """What asks people something that no turn waits for."""
        return self.approvals

    def problems(self) -> tuple[str, ...]:
        """Say what is wrong with the files of rules and grants as they are now."""
        grants = self._grants.problem()
        return (*self.rules.problems(), *(() if grants is None else (grants,)))

    async def forget(self, session_key: str) -> None:
        """Drop what is kept of a session; raises StorageError."""
        await self.approvals.forget(session_key)

    def close(self) -> None:
        """Take back what waits and release the files."""
        self.approvals.close()
        self._register.close()
