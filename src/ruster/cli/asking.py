"""Answering what the agent asks in the middle of a turn, with lines and with keys.

One at a time has the terminal. While the person types, the turn's events wait: an answer that
begins to be streamed would be written into the line.
"""

from __future__ import annotations

import asyncio
import signal
from types import TracebackType
from typing import Protocol

from ruster.cli.approving import KeyAnswers
from ruster.cli.terminal import dim, red, visible
from ruster.cli.views import View
from ruster.client import Client
from ruster.client.answer import is_restart
from ruster.core.errors import RusterError
from ruster.core.tasks import spawn
from ruster.protocol.events import (
    ApprovalRequired,
    ApprovalResolved,
    Event,
    NoticeEvent,
    ProgressEvent,
    Question,
)
from ruster.protocol.parsed import ParsedEvent

__all__ = ["AnswerLines", "AskingView"]

_WHILE_IT_WAITS = (ApprovalRequired, ApprovalResolved, NoticeEvent, ProgressEvent)
"""What is told of a turn that waits for an answer; anything else says that it goes on."""


class AnswerLines(Protocol):
    """Where answers are typed."""

    async def answer(self) -> str | None:
        """Return a line; None when the person wants the turn to end."""
        ...


class AskingView:
    """A view in which the person answers; leaving it gives the terminal back.

    An answer goes into the session, as any client's would. A question that is answered elsewhere,
    or has waited too long, is taken back.
    """

    def __init__(self, view: View, client: Client, session_id: str, lines: AnswerLines) -> None:
        self._view = view
        self._client = client
        self._session_id = session_id
        self._lines = lines
        self._terminal = asyncio.Lock()
        self._keys = KeyAnswers(client, self._terminal)
        self._held: list[ParsedEvent] = []
        self._asking: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[str | None] | None = None
        self._over = False
        self._closed = False

    async def __aenter__(self) -> AskingView:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        if self._asking is not None:
            await asyncio.wait({self._asking})
        self._view.close()

    def show(self, parsed: ParsedEvent) -> None:
        event = parsed.event
        if isinstance(event, ApprovalResolved):
            self._keys.take(event)
        if self._asking is not None:
            self._held.append(parsed)
            if _goes_on(event):
                self._take_back()
            return
        self._view.show(parsed)
        if isinstance(event, ApprovalRequired):
            self._keys.take(event)
        elif isinstance(event, Question) and not self._closed:
            self._over = False
            self._asking = spawn(self._ask(parsed.turn), name="answer with a line")

    def close(self) -> None:
        """Ask for no more."""
        self._closed = True
        self._keys.close()
        self._take_back()

    async def _ask(self, turn: str | None) -> None:
        try:
            async with self._terminal:
                answer = await self._typed()
                if answer is not None:
                    await self._send(answer, turn)
        finally:
            self._asking = None
            held, self._held = self._held, []
            for parsed in held:
                self.show(parsed)

    async def _typed(self) -> str | None:
        """Return what the person says; None when the question is over, or the turn is to end."""
        while not self._over:
            self._reading = spawn(self._lines.answer(), name="read an answer", log_failure=False)
            await asyncio.wait({self._reading})
            if self._reading.cancelled() or self._over:
                return None
            answer = self._reading.result()
            if answer is None:  # Ctrl-C is a key while somebody types
                signal.raise_signal(signal.SIGINT)
                return None
            if answer.strip():
                return answer
        return None

    async def _send(self, answer: str, turn: str | None) -> None:
        try:
            joined = await self._client.submit(self._session_id, answer, "steer")
        except RusterError as error:
            print(red(visible(error.message)), flush=True)
            return
        if joined != turn:
            print(dim("[the question was over; what you said is a message of its own]"), flush=True)

    def _take_back(self) -> None:
        self._over = True
        if self._reading is not None:
            self._reading.cancel()


def _goes_on(event: Event) -> bool:
    return not isinstance(event, _WHILE_IT_WAITS) or is_restart(event)
