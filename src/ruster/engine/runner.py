"""The compute thread's loop: takes requests, loads models, steps what runs; child process only.

Requests are begun in order of arrival. One that must wait until something ends (an unload, a model
that needs another one's room) holds back those behind it, so that none waits for ever.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ruster.core.errors import ModelError, RusterError
from ruster.core.inference import Complete
from ruster.core.orchestration import (
    AssetProgress,
    AssetStarted,
    Embed,
    Infer,
    ListModels,
    LoadModel,
    ModelEntry,
    ModelList,
    Rerank,
    Reset,
)
from ruster.engine import native
from ruster.engine.inbox import Inbox, Ticket
from ruster.engine.lane import Lane
from ruster.engine.model import LoadedModel
from ruster.engine.settings import EngineSettings

__all__ = ["Runner"]

_PROGRESS_STEP = 0.05
_log = logging.getLogger("ruster.engine")


class Runner:
    """Holds at most one model; a request for another one switches when nothing runs."""

    def __init__(self, settings: EngineSettings) -> None:
        native.start(in_child=settings.isolation == "process")
        self.flag = native.CancelFlag()
        self._settings = settings
        self._inbox = Inbox(settings.max_waiting, self.flag)
        self._lane: Lane | None = None
        self._waiting: deque[Ticket] = deque()
        self._flush: Callable[[], None] = lambda: None

    @property
    def inbox(self) -> Inbox:
        """Where requests come in."""
        return self._inbox

    def run(self, flush: Callable[[], None]) -> None:
        """Work until the inbox is closed; ``flush`` sends what a step has brought."""
        self._flush = flush
        while not self._inbox.closed:
            self.work()
        self.close()

    def work(self) -> None:
        """Take what is new, waiting for it when there is nothing to do, and do one step."""
        busy = bool(self._waiting) or (self._lane is not None and self._lane.busy)
        self._waiting.extend(self._inbox.collect(0 if busy else None))
        self._begin_waiting()
        if self._lane is not None and self._lane.busy:
            self._step(self._lane)
        self._flush()

    def close(self) -> None:
        """Unload everything; sessions are kept for another time."""
        self._unload()

    def _step(self, lane: Lane) -> None:
        try:
            lane.step()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this lane's requests
            _log.exception("a step of %s failed", lane.model.path)
            lane.fail_all(_as_ours(error))

    def _begin_waiting(self) -> None:
        while self._waiting and not self._inbox.closed:
            ticket = self._waiting[0]
            try:
                if not ticket.cancelled and not self._begin(ticket):
                    return
            except Exception as error:  # noqa: BLE001 - an error ends one request, not the worker
                if ticket.admitted or self._inbox.admit(ticket):
                    ticket.fail(_as_ours(error))
                    self._inbox.done(ticket)
            self._waiting.popleft()

    def _begin(self, ticket: Ticket) -> bool:
        """Begin a request; False when something must end first. Raises ModelError."""
        match ticket.command:
            case Infer(model=model) | Embed(model=model) | Rerank(model=model) as command:
                lane = self._need_lane(model, ticket)
                return lane is not None and lane.add(ticket, command)
            case LoadModel(model):
                known = self._lane
                lane = self._need_lane(model, ticket)
                if lane is None:
                    return False
                if lane is known:
                    ticket.send(lane.ready(0.0))
                return self._answer(ticket, Complete())
            case ListModels():
                return self._answer(ticket, ModelList(self._entries()))
            case Reset():
                if self._lane is not None and self._lane.busy:
                    return False
                self._unload()
                return self._answer(ticket, ModelList(()))
            case command:
                raise ModelError(f"{type(command).__name__} is not for the runner")

    def _answer(self, ticket: Ticket, body: Complete | ModelList) -> bool:
        """Send the only or last output of a request."""
        if ticket.admitted or self._inbox.admit(ticket):
            ticket.send(body)
            self._inbox.done(ticket)
        return True

    def _need_lane(self, name: str | None, ticket: Ticket) -> Lane | None:
        """Return the model's lane, loading it if need be; None when another one is busy."""
        if self._lane is not None and name in (None, str(self._lane.model.path)):
            return self._lane
        if name is None:
            raise ModelError("no model is loaded; name one", code="model_not_found")
        if self._lane is not None and self._lane.busy:
            return None
        self._unload()
        started = time.monotonic()
        ticket.send(AssetStarted(name))
        self._flush()
        model = LoadedModel(Path(name), self._settings, self._reporter(Path(name), ticket))
        self._lane = Lane(model, self._settings, self._inbox, self.flag)
        ticket.send(self._lane.ready(time.monotonic() - started))
        return self._lane

    def _reporter(self, path: Path, ticket: Ticket) -> Callable[[float], bool]:
        total = path.stat().st_size if path.exists() else 0
        told = 0.0

        def report(fraction: float) -> bool:
            nonlocal told
            if fraction - told >= _PROGRESS_STEP:
                told = fraction
                ticket.send(AssetProgress(int(total * fraction), total))
                self._flush()
            return not (ticket.cancelled or self._inbox.closed)

        return report

    def _entries(self) -> tuple[ModelEntry, ...]:
        if self._lane is None:
            return ()
        return (ModelEntry(str(self._lane.model.path), self._lane.purpose),)

    def _unload(self) -> None:
        if self._lane is not None:
            self._lane.close()
            self._lane = None


def _as_ours(error: Exception) -> RusterError:
    if isinstance(error, RusterError):
        return error
    return ModelError(f"{type(error).__name__}: {error}")
