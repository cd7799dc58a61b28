"""The engine's loop: takes requests, loads models, steps what runs; compute thread only.

Requests are begun in order of arrival. One that must wait until something ends (an unload, a model
that needs another one's room) holds back those behind it, so that none waits for ever. What asks
about models or forgets a session does not wait.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ruster.core.errors import ModelError, RusterError
from ruster.core.inference import Complete, Notice
from ruster.core.orchestration import (
    AssetFailed,
    AssetProgress,
    AssetStarted,
    Embed,
    EngineBody,
    Forget,
    Heartbeat,
    Infer,
    ListModels,
    LoadModel,
    ModelEntry,
    ModelList,
    ModelState,
    ModelUnloaded,
    Rerank,
    Reset,
    Tokenize,
)
from ruster.engine import native
from ruster.engine.inbox import Inbox, Ticket
from ruster.engine.lane import Lane
from ruster.engine.model import LoadedModel
from ruster.engine.pool import Grant, Memory, ModelPool
from ruster.engine.session_files import delete_session_files
from ruster.engine.settings import EngineSettings
from ruster.engine.threads import Measured
from ruster.engine.trial import measure_threads

__all__ = ["Runner"]

_PROGRESS_STEP = 0.05
_BEATS_PER_TIMEOUT = 4
_log = logging.getLogger("ruster.engine")


class Runner:
    """Runs the requests of all models; those that fit into memory together stay loaded."""

    def __init__(
        self, settings: EngineSettings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        native.start(in_child=settings.isolation == "process")
        self.flag = native.CancelFlag()
        self._settings = settings
        self._monotonic = monotonic
        self._inbox = Inbox(settings.max_waiting, self.flag)
        memory = Memory(on_devices=native.free_device_bytes)
        self._pool: ModelPool[Lane] = ModelPool(settings, monotonic, memory, self._unloaded)
        self._waiting: deque[Ticket] = deque()
        self._blocked = False  # the first of them waits until a model is idle
        self._flush: Callable[[], None] = lambda: None
        self._tell: Callable[[EngineBody], None] = lambda _: None
        self._beaten_at = monotonic()

    @property
    def inbox(self) -> Inbox:
        """Where requests come in."""
        return self._inbox

    def run(self, flush: Callable[[], None], tell: Callable[[EngineBody], None]) -> None:
        """Work until the inbox is closed.

        ``flush`` sends what a step has brought, ``tell`` sends what belongs to no request.
        """
        self._flush, self._tell = flush, tell
        try:
            while not self._inbox.closed:
                self.work()
            if self._inbox.abandoned:
                self._drop_all()
        finally:
            self.close()

    def work(self) -> None:
        """Take what is new, waiting for it when there is nothing to do, and step each busy model.

        The wait ends when a model has been idle for long enough to be unloaded.
        """
        busy = bool(self._waiting) or any(lane.busy for _, lane in self._pool)
        for ticket in self._inbox.collect(0 if busy else self._pool.wait_s()):
            if isinstance(ticket.command, (Forget, ListModels)):
                self._begin_or_fail(ticket)
            else:
                self._waiting.append(ticket)
        self._begin_waiting()
        self._pool.unload_expired()
        for _, lane in self._pool:
            if lane.busy and not self._inbox.closed:
                self._step(lane)
                self._beat()
                self._flush()
        if self._pool.note_idle():
            self._blocked = False
        self._flush()

    def close(self) -> None:
        """Unload everything; sessions are kept for another time."""
        self._pool.close()

    def _drop_all(self) -> None:
        """Empty all cells: another worker has taken over, and what they hold is not to be kept."""
        for _, lane in self._pool:
            lane.fail_all(ModelError("the engine was given up", code="engine_crashed"))

    def _step(self, lane: Lane) -> None:
        try:
            lane.step()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this lane's requests
            _log.exception("a step of %s failed", lane.model.path)
            lane.fail_all(_as_ours(error))

    def _beat(self) -> None:
        """Show now and then that steps are made, also those that bring nothing."""
        now = self._monotonic()
        if now - self._beaten_at >= self._settings.step_timeout_s / _BEATS_PER_TIMEOUT:
            self._beaten_at = now
            self._tell(Heartbeat())

    def _begin_waiting(self) -> None:
        while self._waiting and not self._inbox.closed:
            if self._blocked and not self._waiting[0].cancelled:
                return
            self._blocked = not self._begin_or_fail(self._waiting[0])
            if self._blocked:
                return
            self._waiting.popleft()

    def _begin_or_fail(self, ticket: Ticket) -> bool:
        """Begin a request, or end it with what went wrong; False when it must wait."""
        try:
            return ticket.cancelled or self._begin(ticket)
        except Exception as error:  # noqa: BLE001 - an error ends one request, not the worker
            if ticket.admitted or self._inbox.admit(ticket):
                ticket.fail(_as_ours(error))
                self._inbox.done(ticket)
            return True

    def _begin(self, ticket: Ticket) -> bool:
        """Begin a request; False when something must end first. Raises ModelError."""
        match ticket.command:
            case Infer() | Embed() | Rerank() | Tokenize() as command:
                return self._begin_work(ticket, command)
            case LoadModel(name) as command:
                grant = self._pool.reserve(name, command)
                if grant is None:
                    return False
                if (lane := self._pool.get(name)) is not None:
                    ticket.send(lane.ready(0.0))
                else:
                    self._load(name, ticket, grant)
                return self._answer(ticket, Complete())
            case ListModels():
                return self._answer(ticket, ModelList(self._entries()))
            case Forget(session):
                self._forget(session)
                return self._answer(ticket, Complete())
            case Reset():
                if any(lane.busy for _, lane in self._pool):
                    return False
                self._pool.close()
                return self._answer(ticket, ModelList(()))
            case command:
                raise ModelError(f"{type(command).__name__} is not for the runner")

    def _answer(self, ticket: Ticket, body: Complete | ModelList) -> bool:
        """Send the only or last output of a request."""
        if ticket.admitted or self._inbox.admit(ticket):
            ticket.send(body)
            self._inbox.done(ticket)
        return True

    def _begin_work(self, ticket: Ticket, command: Infer | Embed | Rerank | Tokenize) -> bool:
        """Hand a request to its model, loading that if need be; False when it must wait."""
        name = command.model or self._pool.last_used()
        if name is None:
            raise ModelError("no model is loaded; name one", code="model_not_found")
        grant = self._pool.reserve(name, command)
        if grant is None:
            return False
        lane = self._pool.get(name) or self._load(name, ticket, grant)
        self._pool.use(name, grant)
        begun = lane.add(ticket, command)
        if begun and grant.lowered:
            ticket.send(_lowered(name, grant))
        return begun

    def _load(self, name: str, ticket: Ticket, grant: Grant) -> Lane:
        started = self._monotonic()
        ticket.send(AssetStarted(name))
        self._flush()
        path = Path(name)
        settings = self._settings.model_copy(update={"n_gpu_layers": grant.gpu_layers})
        try:
            model = LoadedModel(path, settings, self._reporter(path, ticket))
        except ModelError as error:
            ticket.send(AssetFailed(error.message))
            raise
        measured = self._measure(model, settings, ticket)
        lane = Lane(model, grant.footprint, settings, self._inbox, self.flag, measured)
        self._pool.add(name, lane, grant)
        ticket.send(lane.ready(self._monotonic() - started))
        return lane

    def _measure(self, model: LoadedModel, settings: EngineSettings, ticket: Ticket) -> Measured:
        flag = native.CancelFlag()
        with self._inbox.interrupting(ticket, flag):
            return measure_threads(
                model, settings, flag, lambda: ticket.cancelled or self._inbox.closed
            )

    def _reporter(self, path: Path, ticket: Ticket) -> Callable[[float], bool]:
        total = path.stat().st_size if path.exists() else 0
        told = 0.0

        def report(fraction: float) -> bool:
            nonlocal told
            if fraction - told >= _PROGRESS_STEP or (fraction >= 1 and told < 1):
                told = fraction
                ticket.send(AssetProgress(int(total * fraction), total))
                self._flush()
            unwanted = ticket.cancelled and not self._inbox.waits_for(str(path))
            return not (unwanted or self._inbox.closed)

        return report

    def _forget(self, session: str) -> None:
        for _, lane in self._pool:
            lane.forget(session)
        if self._settings.snapshot_folder is not None:
            delete_session_files(self._settings.snapshot_folder, session)

    def _entries(self) -> tuple[ModelEntry, ...]:
        return tuple(
            ModelEntry(
                name,
                lane.purpose,
                ModelState.INFERRING if lane.busy else ModelState.LOADED,
                memory_bytes=self._pool.bytes_of(name),
                idle_s=self._pool.idle_s(name),
            )
            for name, lane in self._pool
        )

    def _unloaded(self, name: str) -> None:
        native.give_memory_back()
        self._tell(ModelUnloaded(name))


def _lowered(name: str, grant: Grant) -> Notice:
    wanted, window = grant.demand.window, grant.window
    return Notice(
        "context_lowered",
        f"memory is short: {Path(name).stem} runs with a window of {window} tokens instead of "
        f"{wanted}",
    )


def _as_ours(error: Exception) -> RusterError:
    if isinstance(error, RusterError):
        return error
    return ModelError(f"{type(error).__name__}: {error}")
