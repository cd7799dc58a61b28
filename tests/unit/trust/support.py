"""What the tests of trust are made of: scopes, actions, and a trust that shows into a list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ruster.core.clock import Clock
from ruster.core.tools import Action, ActionKind, Decision, Effect, Risk, Taint, TurnScope
from ruster.storage.committer import Committer
from ruster.storage.disk import Disk
from ruster.testing import ManualClock
from ruster.trust.approval import Approval
from ruster.trust.settings import TrustSettings
from ruster.trust.trust import Trust, TrustParts

OWNER = 1000
ASK = Decision(ActionKind.ASK, "built in: all else", "no rule allows it")


def scope(folder: Path, **fields: Any) -> TurnScope:
    """Return the scope of an attended turn of the daemon's own user."""
    session = fields.pop("session_id", "work")
    attended = fields.pop("attended", True)
    known: dict[str, Any] = {
        "session_id": session,
        "session_key": f"{fields.get('owner', OWNER)}/{session}",
        "turn": "t-1",
        "owner": OWNER,
        "privileged": True,
        "folder": folder / "session",
        "presence": lambda: attended,
    }
    return TurnScope(**known | fields)


def tainted(folder: Path, **fields: Any) -> TurnScope:
    return scope(folder, taint=Taint({"web:example.com"}), **fields)


def shell(line: str, **arguments: Any) -> Action:
    effects = frozenset({Effect.EXECUTES})
    return Action("shell", {"command": line, **arguments}, effects, Risk.HIGH, line)


def reading(path: Path | str) -> Action:
    effects = frozenset({Effect.READS})
    return Action("file_read", {"path": str(path)}, effects, Risk.LOW, str(path))


def writing(path: Path | str, content: str = "x") -> Action:
    arguments = {"path": str(path), "content": content}
    return Action("file_write", arguments, frozenset({Effect.WRITES}), Risk.MEDIUM, str(path))


def fetching(url: str) -> Action:
    return Action("fetch", {"url": url}, frozenset({Effect.NETWORK}), Risk.MEDIUM, url)


class Board:
    """Where questions are shown. ``fail`` makes showing fail."""

    def __init__(self) -> None:
        self.shown: list[Approval] = []
        self.closed: list[Approval] = []
        self.fail: Exception | None = None
        self._changed = asyncio.Event()

    def __call__(self, approval: Approval) -> None:
        if self.fail is not None:
            raise self.fail
        (self.shown if approval.answer is None else self.closed).append(approval)
        self._changed.set()

    async def asked(self, count: int = 1) -> Approval:
        """Wait for a number of questions and return the last one."""
        async with asyncio.timeout(20):
            while len(self.shown) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.shown[-1]


class House:
    """A trust with files below a folder."""

    def __init__(self, folder: Path, clock: Clock, disk: Disk, **settings: Any) -> None:
        for name in ("config", "state", "session"):
            (folder / name).mkdir(exist_ok=True)
        self.folder = folder
        self.board = Board()
        self.committer = Committer()
        self.trust = Trust(
            TrustParts(
                settings=TrustSettings(**settings),
                config=folder / "config",
                state=folder / "state",
                protected=(folder / "config", folder / "state"),
                disk=disk,
                committer=self.committer,
                clock=clock,
                show=self.board,
            )
        )
        self.approvals = self.trust.approvals
        self.policy = self.trust.rules

    def records(self) -> list[dict[str, Any]]:
        """Read what the journal holds."""
        text = (self.folder / "state" / "approvals.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@asynccontextmanager
async def house(
    folder: Path, clock: Clock | None = None, disk: Disk | None = None, **settings: Any
) -> AsyncIterator[House]:
    """Open a trust, and close it as the daemon does."""
    built = House(folder, clock or ManualClock(), disk or Disk(), **settings)
    await built.trust.open()
    try:
        yield built
    finally:
        built.trust.close()
        await built.committer.aclose()


def rules(*items: dict[str, Any]) -> str:
    return json.dumps({"rules": list(items)})
