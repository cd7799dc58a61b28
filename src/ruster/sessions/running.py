"""A turn on its way: waiting in the queue, then running, with the one way to cancel it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import structlog

from ruster.agent.turn import Turn
from ruster.core.clock import Clock
from ruster.core.inference import FinishReason
from ruster.core.messages import Message
from ruster.core.tasks import spawn
from ruster.protocol.codec import CommandId
from ruster.protocol.events import Event
from ruster.sessions.records import message_record
from ruster.sessions.sender import Sender
from ruster.sessions.stream import EventStream
from ruster.sessions.transcript import Transcript

__all__ = ["CancelReason", "QueuedTurn", "RunningTurn"]

_STOP_PATIENCE_S = 1.0

CancelReason = Literal["cancel", "interrupt", "delete"]


@dataclass(eq=False, slots=True)
class QueuedTurn:
    """An accepted message that waits for its turn; ``finished`` when its end has been told."""

    id: str
    sender: Sender
    finished: asyncio.Future[None]

    @property
    def command_id(self) -> CommandId | None:
        """The id of the command that sent it, carried by its events."""
        return self.sender.command_id


class RunningTurn:
    """The turn a session works on; the ``TurnHost`` of its agent turn."""

    def __init__(
        self, queued: QueuedTurn, transcript: Transcript, stream: EventStream, clock: Clock
    ) -> None:
        self.queued = queued
        self.cancel_reason: CancelReason | None = None
        self.open_to_steering = True
        self._transcript = transcript
        self._stream = stream
        self._clock = clock
        self._steering: list[Message] = []
        self._answered: asyncio.Future[None] | None = None
        self._task: asyncio.Task[FinishReason] | None = None
        self._given_up = asyncio.get_running_loop().create_future()

    @property
    def waiting_steering(self) -> int:
        """Messages the model has not been shown yet."""
        return len(self._steering)

    def emit(self, event: Event) -> None:
        """Publish an event of this turn, unless the turn was given up."""
        if not self._given_up.done():
            self._stream.publish(event, turn=self.queued.id, command_id=self.queued.command_id)

    def record(self, message: Message) -> None:
        """Journal a message in the middle of the turn."""
        if not self._given_up.done():
            self._transcript.append(message_record(self.queued.id, message, self._clock.now()))

    def record_summary(self, turns: int, notes: str, origins: tuple[str, ...]) -> None:
        """Journal notes that stand for the oldest turns from now on."""
        if not self._given_up.done():
            now = self._clock.now()
            self._transcript.sum_up(self.queued.id, turns, notes, origins, now)

    @property
    def asking(self) -> bool:
        """Whether the turn waits for the person's next message."""
        return self._answered is not None and not self._answered.done()

    async def wait_for_answer(self, timeout_s: float) -> bool:
        """Return True once the person says something, False when that takes too long."""
        self._answered = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await self._answered
        except TimeoutError:
            return False
        finally:
            self._answered = None
        return True

    def steer(self, message: Message) -> None:
        """Let the model see ``message`` at its next step."""
        self._steering.append(message)
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def take_steering(self) -> list[Message]:
        """Hand over what the user said since the last step."""
        steering, self._steering = self._steering, []
        return steering

    def finish(self) -> list[Message]:
        """Hand over what the user said since the last step; if nothing, close the turn to more."""
        steering = self.take_steering()
        self.open_to_steering = bool(steering)
        return steering

    async def run(self, turn: Turn) -> FinishReason:
        """Run the turn to its end; raises its error, or CancelledError after ``cancel``.

        A turn that does not react to ``cancel`` in time is left behind: it can no longer publish.
        """
        with structlog.contextvars.bound_contextvars(turn=self.queued.id):
            self._task = spawn(turn.run(), name=f"turn {self.queued.id}", log_failure=False)
        try:
            await asyncio.wait({self._task, self._given_up}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the daemon stops
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_STOP_PATIENCE_S)
            raise
        finally:
            self.open_to_steering = False
            self._give_up()
        if self.cancel_reason is not None:
            raise asyncio.CancelledError
        return self._task.result()

    def cancel(self, reason: CancelReason, patience_s: float) -> None:
        """End the turn; after ``patience_s`` without waiting for it any longer."""
        if self.cancel_reason is not None or self._task is None:
            return
        self.cancel_reason = reason
        self._task.cancel()
        asyncio.get_running_loop().call_later(patience_s, self._give_up)

    def _give_up(self) -> None:
        if not self._given_up.done():
            self._given_up.set_result(None)
