"""Running one turn for a person: its events go to a view, Ctrl-C cancels it."""

from __future__ import annotations

import asyncio
import signal
from types import TracebackType
from typing import Literal

from ruster.cli.views import View
from ruster.client import Client
from ruster.core.errors import RusterError
from ruster.core.tasks import spawn
from ruster.protocol.events import Cancelled, Deleted, ErrorEvent
from ruster.protocol.parsed import ParsedEvent

__all__ = ["Outcome", "TurnRun"]

Outcome = Literal["done", "cancelled", "failed", "interrupted"]


class TurnRun:
    """One message and its answer. The first Ctrl-C cancels the turn, the second stops waiting."""

    def __init__(self, client: Client, session_id: str, view: View) -> None:
        self._client = client
        self._session_id = session_id
        self._view = view
        self._turn: str | None = None
        self._interrupts = 0
        self._waiting: asyncio.Task[Outcome | RusterError] | None = None

    async def run(self, message: str) -> Outcome:
        """Send the message and show what comes; raises RusterError if it cannot be sent.

        A turn's own failure is shown and returned as ``failed``.
        """
        with _InterruptsTo(self):
            self._waiting = spawn(self._follow(message), name="turn at the terminal")
            try:
                await asyncio.wait({self._waiting})
            finally:
                self._waiting.cancel()
                self._view.close()
        if self._waiting.cancelled():
            return "interrupted"
        outcome = self._waiting.result()
        if isinstance(outcome, RusterError):
            raise outcome
        return "interrupted" if self._interrupts and outcome == "cancelled" else outcome

    def interrupt(self) -> None:
        """Take a Ctrl-C."""
        self._interrupts += 1
        if self._interrupts > 1 and self._waiting is not None:
            self._waiting.cancel()
        elif self._turn is not None:
            self._cancel_turn(self._turn)

    async def _follow(self, message: str) -> Outcome | RusterError:
        last: ParsedEvent | None = None
        try:
            async for parsed in self._client.send(self._session_id, message):
                last = parsed
                self._view.show(parsed)
                if self._turn is None and parsed.turn is not None:
                    self._turn = parsed.turn
                    if self._interrupts:
                        self._cancel_turn(parsed.turn)
        except RusterError as error:
            if last is None or not isinstance(last.event, ErrorEvent):
                return error
        return _outcome(last)

    def _cancel_turn(self, turn: str) -> None:
        spawn(self._ask_to_cancel(turn), name="cancel at the terminal")

    async def _ask_to_cancel(self, turn: str) -> None:
        try:
            await self._client.cancel(self._session_id, turn)
        except RusterError:
            if self._waiting is not None:
                self._waiting.cancel()  # nobody there to cancel it: just leave


class _InterruptsTo:
    """While entered, Ctrl-C goes to a turn."""

    def __init__(self, run: TurnRun) -> None:
        self._run = run

    def __enter__(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._run.interrupt)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)


def _outcome(last: ParsedEvent | None) -> Outcome:
    match last.event if last is not None else None:
        case ErrorEvent():
            return "failed"
        case Cancelled() | Deleted():
            return "cancelled"
        case _:
            return "done"
