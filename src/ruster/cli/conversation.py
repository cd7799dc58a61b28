"""The chat's state: the session it is in, and what is heard there unasked."""

from __future__ import annotations

import asyncio
import contextlib

from ruster.cli.asking import AnswerLines, AskingView
from ruster.cli.terminal import dim, visible
from ruster.cli.turns import Outcome, TurnRun
from ruster.cli.views import AnswerView, JsonView, TurnView, View
from ruster.client import Client
from ruster.core.errors import RusterError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.protocol.events import Event, NoticeEvent, Proactive

__all__ = ["Conversation"]

_PAGE = 500
_LABEL = "\x1b[1mAI > \x1b[0m"


class Conversation:
    """One person talking in one session at a time; with ``lines`` at a terminal."""

    def __init__(self, client: Client, lines: AnswerLines | None, *, as_json: bool) -> None:
        self.client = client
        self.session_id = ""
        self.model = ""
        self.think = True
        self.skills: set[str] = set()
        """Names of skills, as far as they are known."""
        self.on_terminal = lines is not None
        self._lines = lines
        self._as_json = as_json
        self._listening: asyncio.Task[None] | None = None
        self._answering = False
        self._unsaid: list[str] = []

    async def enter(self, session_id: str, model: str | None = None) -> None:
        """Go to a session, created if it is missing; raises RusterError."""
        created = await self.client.create(session_id, model)
        self.model = created.model
        if session_id != self.session_id or self._listening is None or self._listening.done():
            self.session_id = session_id
            await self.leave()
            if self.on_terminal:
                self._listening = spawn(self._listen(session_id), name="listen to the session")

    async def leave(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            await cancel_and_wait(self._listening)
            self._listening = None

    async def say(self, message: str) -> Outcome:
        """Send a message and show the answer; raises RusterError if it cannot be sent."""
        self._answering = True
        try:
            return await self._say(message)
        finally:
            self._answering = False
            for line in self._unsaid:
                print(line)
            self._unsaid.clear()

    async def learn_skills(self) -> None:
        """Ask which skills there are; raises RusterError."""
        names: set[str] = set()
        offset, total = 0, 1
        while offset < total:
            page = await self.client.skill_list(limit=_PAGE, offset=offset)
            names.update(skill.name for skill in page.skills if not skill.banned)
            offset, total = offset + _PAGE, page.total
        self.skills = names

    async def has_skill(self, name: str) -> bool:
        """Whether there is a skill of that name; raises RusterError."""
        if name not in self.skills:  # it may have come since
            await self.learn_skills()
        return name in self.skills

    async def _say(self, message: str) -> Outcome:
        if self._lines is None:
            return await self._run(message, JsonView() if self._as_json else AnswerView())
        shown = TurnView(_LABEL, think=self.think)
        async with AskingView(shown, self.client, self.session_id, self._lines) as view:
            return await self._run(message, view)

    async def _run(self, message: str, view: View) -> Outcome:
        return await TurnRun(self.client, self.session_id, view).run(message)

    async def _listen(self, session_id: str) -> None:
        """Show what the agent says unasked, and what a person should know."""
        try:
            async with contextlib.aclosing(self.client.attach(session_id)) as events:
                async for parsed in events:
                    if parsed.turn is None:
                        self._hear(parsed.event)
        except RusterError as error:
            self._tell(dim(f"[{visible(error.message)}]"))

    def _hear(self, event: Event) -> None:
        if isinstance(event, Proactive):
            self._tell(f"{_LABEL}{visible(event.message)}")
        elif isinstance(event, NoticeEvent):
            self._tell(dim(f"[{visible(event.message)}]"))

    def _tell(self, line: str) -> None:
        """Print a line, after the answer if one is on its way."""
        if self._answering:
            self._unsaid.append(line)
        else:
            print(line, flush=True)
