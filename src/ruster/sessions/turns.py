"""The turns of one session, one after the other: the queue, the running turn, its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Set
from dataclasses import dataclass

import structlog

from ruster.agent.turn import Agent, Turn, TurnInput
from ruster.core.errors import RusterError
from ruster.core.inference import FinishReason
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.protocol.codec import error_event
from ruster.protocol.events import Cancelled, Response
from ruster.sessions.info import SessionInfo
from ruster.sessions.ledger import Ledger
from ruster.sessions.records import End, Ending
from ruster.sessions.running import CancelReason, QueuedTurn, RunningTurn
from ruster.sessions.scope import turn_scope

__all__ = ["TurnCounts", "TurnQueue"]

_log = structlog.stdlib.get_logger("ruster.sessions")


@dataclass(slots=True)
class TurnCounts:
    """Turns of all sessions since the daemon started."""

    running: int = 0
    total: int = 0
    failed: int = 0
    tokens: int = 0


class TurnQueue:
    """Runs accepted turns in order. ``info`` tells the session's settings as they are now."""

    def __init__(
        self,
        ledger: Ledger,
        agent: Agent,
        counts: TurnCounts,
        info: Callable[[], SessionInfo],
        cancel_patience_s: float,
    ) -> None:
        self._ledger = ledger
        self._agent = agent
        self._counts = counts
        self._info = info
        self._cancel_patience_s = cancel_patience_s
        self._waiting: deque[QueuedTurn] = deque()
        self._running: RunningTurn | None = None
        self._worker: asyncio.Task[None] | None = None
        self._told: Set[str] = frozenset()
        self._closed = False

    def __len__(self) -> int:
        """Count the turns that wait."""
        return len(self._waiting)

    @property
    def running(self) -> RunningTurn | None:
        """The turn that runs."""
        return self._running

    @property
    def idle(self) -> bool:
        """Whether nothing runs or waits."""
        return self._worker is None and not self._waiting

    def add(self, queued: QueuedTurn, *, interrupt: bool = False) -> None:
        """Queue a turn; with ``interrupt`` the running one is ended and this one comes next."""
        if self._closed:
            return
        if interrupt:
            self._waiting.appendleft(queued)
            self.cancel_running("interrupt")
        else:
            self._waiting.append(queued)
        if self._worker is None:
            self._worker = spawn(self._work(), name=f"session {self._ledger.session_id}")

    def find(self, turn: str) -> QueuedTurn | None:
        """Return a turn that runs or waits."""
        running = [self._running.queued] if self._running is not None else []
        return next((it for it in (*running, *self._waiting) if it.id == turn), None)

    def drop(self, wanted: Callable[[QueuedTurn], bool], reason: CancelReason) -> int:
        """Cancel the waiting turns that are ``wanted``; return how many."""
        dropped = [queued for queued in self._waiting if wanted(queued)]
        for queued in dropped:
            self._waiting.remove(queued)
            self._close(queued, Ending(End.CANCELLED), self._info().model, reason)
        return len(dropped)

    def cancel_running(self, reason: CancelReason) -> str | None:
        """End the running turn; return its id, or None if none runs or it is ending already."""
        running = self._running
        if running is None or running.cancel_reason is not None:
            return None
        running.cancel(reason, self._cancel_patience_s)
        return running.queued.id

    async def finished(self) -> None:
        """Return when nothing runs or waits."""
        while (worker := self._worker) is not None:
            await asyncio.wait({worker})

    async def stop(self, patience_s: float) -> None:
        """Start nothing more; give the running turn ``patience_s``, then leave it unanswered."""
        self._closed = True
        self._waiting.clear()
        if (worker := self._worker) is not None:
            await asyncio.wait({worker}, timeout=patience_s)
            await cancel_and_wait(worker)

    async def _work(self) -> None:
        """Run what waits, until nothing does."""
        try:
            while self._waiting:
                await self._run(self._waiting.popleft())
        finally:
            self._worker = None

    async def _run(self, queued: QueuedTurn) -> None:
        """Run one turn and close it. Only a stop of the daemon leaves it open."""
        ledger = self._ledger
        self._counts.running += 1
        self._counts.total += 1
        running = RunningTurn(queued, ledger.transcript, ledger.stream, ledger.clock)
        turn = self._agent.turn(self._input(queued), running)
        self._running = running
        try:
            ending = await self._ending(running, turn)
        finally:
            self._running = None
            self._counts.running -= 1
            self._counts.tokens += turn.tokens
            self._told = turn.told
        self._close(queued, ending, turn.model, running.cancel_reason)
        await queued.finished
        if running.cancel_reason != "delete":
            turn.remember(ledger.transcript.recent(1))
        ledger.stream.rotate_if_large()

    async def _ending(self, running: RunningTurn, turn: Turn) -> Ending:
        """Run a turn to its end, whatever that is; a stop of the daemon is none."""
        try:
            reason = await running.run(turn)
        except asyncio.CancelledError:
            if running.cancel_reason is None:
                raise
            return _ending(turn, End.CANCELLED)
        except Exception as error:  # noqa: BLE001 - the boundary: a turn's failure becomes an event
            self._counts.failed += 1
            return _ending(turn, End.ERROR, error=self._known(error))
        return _ending(turn, End.DONE, reason=reason)

    def _close(
        self, queued: QueuedTurn, ending: Ending, model: str, reason: CancelReason | None
    ) -> None:
        session_id = self._ledger.session_id
        event: Response | Cancelled
        if ending.error is not None:
            failed = error_event(ending.error, session_id=session_id)
            self._ledger.close(queued, ending, failed, model)
            return
        if ending.end is End.CANCELLED:
            event = Cancelled(session_id=session_id, reason=reason or "cancel")
        else:
            event = Response(session_id=session_id, delta="", done=True, reason=ending.reason.value)
        self._ledger.close(queued, ending, event, model)

    def _input(self, queued: QueuedTurn) -> TurnInput:
        info, transcript = self._info(), self._ledger.transcript
        return TurnInput(
            scope=turn_scope(self._ledger, info, queued.id, queued.sender.surface),
            model=info.model,
            turns=transcript.conversation(queued.id),
            notes=transcript.notes,
            notes_origins=transcript.notes_origins,
            told=self._told,
            max_tokens=queued.sender.max_tokens,
        )

    def _known(self, error: Exception) -> RusterError:
        if isinstance(error, RusterError):
            return error
        _log.error("turn failed", session=self._ledger.session_id, exc_info=error)
        return RusterError("something in ruster itself failed; the log has the details")


def _ending(
    turn: Turn,
    end: End,
    *,
    error: RusterError | None = None,
    reason: FinishReason = FinishReason.STOP,
) -> Ending:
    return Ending(
        end,
        turn.text,
        error,
        reason,
        skills=turn.skills,
        why=turn.account(),
        origins=turn.origins,
    )
