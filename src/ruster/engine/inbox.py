"""Requests on their way from the reader thread to the compute thread, and the wish to end them.

The reader only puts and cancels; the compute thread collects between steps. A cancel of one request
among several takes effect between steps; the native flag, which ends a whole step, is set only when
all that has begun is cancelled, or at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from ruster.core.errors import RusterError
from ruster.core.orchestration import EngineBody, EngineCommand, EngineFailure

__all__ = ["Flag", "Inbox", "Ticket"]


class Flag(Protocol):
    """What ends the running native step once it is set."""

    def set(self) -> None: ...

    def clear(self) -> None: ...


@dataclass(eq=False, slots=True)
class Ticket:
    """One request: its command, and where its outputs go.

    ``admitted`` says that it has begun (set by ``Inbox.admit``), ``cancelled`` that it must end.
    """

    command: EngineCommand
    send: Callable[[EngineBody], None]
    id: str | None = None
    admitted: bool = False
    cancelled: bool = False

    def fail(self, error: RusterError) -> None:
        """Send an error as the last output."""
        self.send(EngineFailure(error.message, error.code, error.retryable))


class Inbox:
    """All requests that are not done; at most ``limit`` of them may wait for their turn."""

    def __init__(self, limit: int, flag: Flag) -> None:
        self._limit = limit
        self._flag = flag
        self._fresh: list[Ticket] = []
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []
        self._closed = self._abandoned = False
        self._interrupting: tuple[Ticket, Flag] | None = None
        self._changed = threading.Condition()

    @property
    def closed(self) -> bool:
        """Whether everything must end."""
        return self._closed

    @property
    def abandoned(self) -> bool:
        """Whether nothing of what is ended is to be kept."""
        return self._abandoned

    def put(self, ticket: Ticket) -> bool:
        """Add a request; False when too many wait."""
        with self._changed:
            if len(self._waiting) >= self._limit:
                return False
            self._waiting.append(ticket)
            self._fresh.append(ticket)
            self._changed.notify()
            return True

    def cancel(self, target: str) -> bool:
        """Cancel a request; True when it had not begun and is gone now."""
        with self._changed:
            for ticket in self._waiting:
                if ticket.id == target:
                    ticket.cancelled = True
                    if self._interrupting is not None and self._interrupting[0] is ticket:
                        self._interrupting[1].set()
                    self._waiting.remove(ticket)
                    return True
            for ticket in self._running:
                if ticket.id == target:
                    ticket.cancelled = True
            if self._running and all(ticket.cancelled for ticket in self._running):
                self._flag.set()
            self._changed.notify()
            return False

    def close(self, *, abandon: bool = False) -> None:
        """End whatever runs, now and later; ``abandon`` says that nothing of it is to be kept."""
        with self._changed:
            self._closed = True
            self._abandoned |= abandon
            self._flag.set()
            if self._interrupting is not None:
                self._interrupting[1].set()
            self._changed.notify()

    @contextmanager
    def interrupting(self, ticket: Ticket, flag: Flag) -> Iterator[None]:
        """While this lasts, cancelling a request that has not begun also sets ``flag``.

        So does the end of everything.
        """
        with self._changed:
            self._interrupting = (ticket, flag)
            if ticket.cancelled or self._closed:
                flag.set()
        try:
            yield
        finally:
            with self._changed:
                self._interrupting = None

    def collect(self, wait_s: float | None) -> list[Ticket]:
        """Return what is new, in order; wait for it up to ``wait_s`` (None: for ever)."""
        with self._changed:
            if not self._fresh and not self._closed and wait_s != 0:
                self._changed.wait(wait_s)
            if not self._closed:
                self._flag.clear()
            fresh, self._fresh = self._fresh, []
            return fresh

    def waits_for(self, model: str) -> bool:
        """Tell whether a request for a model has not begun yet."""
        with self._changed:
            return any(getattr(ticket.command, "model", None) == model for ticket in self._waiting)

    def admit(self, ticket: Ticket) -> bool:
        """Begin a request; False when it was cancelled meanwhile."""
        with self._changed:
            if ticket.cancelled:
                return False
            self._waiting.remove(ticket)
            self._running.append(ticket)
            ticket.admitted = True
            if not self._closed:
                self._flag.clear()
            return True

    def done(self, ticket: Ticket) -> None:
        """Forget a request that has begun."""
        with self._changed:
            self._running.remove(ticket)
