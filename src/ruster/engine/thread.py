"""The engine inside the daemon's own process: one thread computes, nothing is turned into JSON.

The same runner and inbox as in the child process, at less cost per token and without a second
interpreter. What it cannot do is isolate: an abort in native code, or a model too large for the
machine's memory, ends the whole process, and a thread stuck in native code cannot be killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from ruster.core.errors import RusterError
from ruster.core.orchestration import EngineBody, EngineFailure, EngineInput, EngineOutput, Stop
from ruster.engine.intake import Engine, accept, make_engine
from ruster.engine.settings import EngineSettings

__all__ = ["WorkerThread"]

_END_GRACE_S = 2.0
_T = TypeVar("_T")
_log = logging.getLogger("ruster.engine")


class WorkerThread:
    """A running compute thread; to the host it is what ``WorkerProcess`` is.

    ``on_output`` gets each output on the event loop, which is woken once a step; ``on_exit`` is
    called once, when the thread has ended or is given up, with a phrase that says how.
    """

    def __init__(
        self,
        settings: EngineSettings,
        on_output: Callable[[EngineOutput], None],
        on_exit: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._outbox = _Outbox(self._loop, on_output)
        self._made: asyncio.Future[Engine] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._engine: Engine | None = None
        self._closing = self._left = False

    @classmethod
    async def start(
        cls,
        settings: EngineSettings,
        on_output: Callable[[EngineOutput], None],
        on_exit: Callable[[str], None],
    ) -> WorkerThread:
        """Start the thread and load the native library on it. Raises OSError."""
        worker = cls(settings, on_output, on_exit)
        worker._thread.start()
        try:
            await asyncio.shield(worker._made)
        except asyncio.CancelledError:
            worker._close()
            raise
        if worker._left:
            raise OSError("it ended at once; the log says why")
        return worker

    @property
    def pid(self) -> int:
        """Always 0: there is no process of its own."""
        return 0

    @property
    def alive(self) -> bool:
        """Whether it takes requests."""
        return self._engine is not None and not (self._closing or self._left)

    def send(self, message: EngineInput) -> None:
        """Hand over a command; to a thread that has ended it does nothing (``on_exit`` tells)."""
        if self._engine is None or not self.alive:
            return
        if isinstance(message.command, Stop):
            self._close()
        else:
            accept(message, self._engine.inbox, self._outbox)

    def kill(self) -> None:
        """Give it up: what it computes is broken off, and what it still says is not heard."""
        if not self._left:
            self._close(abandon=True)
            self._loop.call_soon(self._leave, "it was given up")

    async def end(self) -> None:
        """Give it up and wait until it has ended, but not for ever if native code is stuck."""
        self.kill()
        await self._wait(_END_GRACE_S)

    async def stop(self, timeout_s: float) -> None:
        """Ask it to end and free its memory, and wait for that."""
        self._close()
        await self._wait(timeout_s)

    async def _wait(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._ended)
        except TimeoutError:
            _log.warning("the engine's thread does not end; its memory stays in use until it does")
            self._leave("it did not end")
        else:
            self._thread.join()  # it is past its last statement

    def _close(self, *, abandon: bool = False) -> None:
        self._closing = True
        if self._engine is not None:
            self._engine.inbox.close(abandon=abandon)

    def _run(self) -> None:
        """The thread: make the engine, work until its inbox is closed, free everything."""
        try:
            engine = make_engine(self._settings)
        except Exception as error:  # noqa: BLE001 - a broken library raises all kinds
            self._post(self._fail_start, OSError(f"{type(error).__name__}: {error}"))
            return
        self._outbox.abandon = engine.inbox.close
        self._post(self._begin, engine)
        how = "it was asked to"
        try:
            engine.run(self._outbox.flush, lambda body: self._outbox.send(None, body))
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this thread only
            _log.exception("the engine's thread failed")
            how = f"{type(error).__name__}: {error}"
        self._post(self._finish, how)

    def _post(self, call: Callable[[_T], None], argument: _T) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(call, argument)

    def _begin(self, engine: Engine) -> None:
        self._engine = engine
        if self._closing:
            engine.inbox.close()
        self._made.set_result(engine)

    def _fail_start(self, error: OSError) -> None:
        self._left = True
        self._ended.set_result(None)
        self._made.set_exception(error)

    def _finish(self, how: str) -> None:
        self._ended.set_result(None)
        self._leave(how)

    def _leave(self, how: str) -> None:
        """Tell the host, once, that nothing more will come."""
        if not self._left:
            self._left = True
            self._outbox.closed = True
            self._on_exit(how)


class _Outbox:
    """Carries outputs from the compute thread to the event loop, all of a step at once."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_output: Callable[[EngineOutput], None]
    ) -> None:
        self._loop = loop
        self._on_output = on_output
        self._outputs: list[EngineOutput] = []
        self._lock = threading.Lock()
        self.closed = False
        self.abandon: Callable[[], None] = lambda: None

    def send(self, identifier: str | None, body: EngineBody) -> None:
        """Add one output."""
        with self._lock:
            self._outputs.append(EngineOutput(body, identifier))

    def flush(self) -> None:
        """Wake the loop with what was added; when it is closed, the engine may end."""
        with self._lock:
            outputs, self._outputs = self._outputs, []
        if not outputs:
            return
        try:
            self._loop.call_soon_threadsafe(self._deliver, outputs)
        except RuntimeError:  # closed without a word to the engine
            self.abandon()

    def fail(self, identifier: str | None, error: RusterError) -> None:
        """Tell an error as the last output of a request, soon."""
        self.send(identifier, EngineFailure(error.message, error.code, error.retryable))
        self.flush()

    def _deliver(self, outputs: list[EngineOutput]) -> None:
        for output in outputs:
            if not self.closed:
                self._on_output(output)
