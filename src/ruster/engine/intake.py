"""How a command reaches the engine's inbox, and which engine works it off; shared by both workers.

``engine.worker`` is the child process, ``engine.thread`` the thread in the daemon's own process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from ruster.core.errors import ModelError, RusterError
from ruster.core.orchestration import Cancel, EngineBody, EngineInput
from ruster.engine.inbox import Inbox, Ticket
from ruster.engine.openmp import limit_spinning
from ruster.engine.settings import NOT_INSTALLED, EngineSettings

__all__ = ["Engine", "MissingEngine", "Outlet", "accept", "make_engine"]


class Engine(Protocol):
    """What does the work; see ``engine.runner``."""

    @property
    def inbox(self) -> Inbox:
        """Where requests come in."""
        ...

    def run(self, flush: Callable[[], None], tell: Callable[[EngineBody], None], /) -> None:
        """Work until the inbox is closed.

        ``flush`` sends what a step has brought, ``tell`` adds what belongs to no request.
        """
        ...


class Outlet(Protocol):
    """Where outputs go; any thread may use it."""

    def send(self, identifier: str | None, body: EngineBody, /) -> None:
        """Add one output, told at the end of the step."""
        ...

    def fail(self, identifier: str | None, error: RusterError, /) -> None:
        """Tell an error as the last output of a request, without waiting for a step."""
        ...


def make_engine(settings: EngineSettings) -> Engine:
    """Load the native library; call it on the thread that will compute."""
    limit_spinning()
    try:
        from ruster.engine.runner import Runner
    except ImportError as error:
        return MissingEngine(settings, error)
    return Runner(settings)


class MissingEngine:
    """Stands in for the runner when the native library is not installed."""

    def __init__(self, settings: EngineSettings, cause: ImportError) -> None:
        self.inbox = Inbox(settings.max_waiting, threading.Event())
        self._cause = cause

    def run(self, flush: Callable[[], None], _tell: Callable[[EngineBody], None]) -> None:
        """Refuse every request (``engine_missing``)."""
        error = ModelError(f"{NOT_INSTALLED} ({self._cause})", code="engine_missing")
        while not self.inbox.closed:
            for ticket in self.inbox.collect(None):
                if self.inbox.admit(ticket):
                    ticket.fail(error)
                    self.inbox.done(ticket)
            flush()


def accept(message: EngineInput, inbox: Inbox, outlet: Outlet) -> None:
    """Cancel a request, or put a new one into the inbox (``engine_busy`` when it is full)."""
    command, identifier = message.command, message.id
    if isinstance(command, Cancel):
        if inbox.cancel(command.target):
            error = ModelError("the request was cancelled", code="cancelled")
            outlet.fail(command.target, error)
        return
    ticket = Ticket(command, lambda body: outlet.send(identifier, body), identifier)
    if not inbox.put(ticket):
        error = ModelError(
            "too many requests wait for the engine", code="engine_busy", retryable=True
        )
        outlet.fail(identifier, error)
