"""What the panels share: the client, the session that is open, and where they say what went wrong.

Owns the tasks that panels start; an error of the daemon becomes one line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ruster.client import Client
from ruster.core.errors import ProtocolError, RusterError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.protocol.events import Event

__all__ = ["Desk"]

_Reply = TypeVar("_Reply", bound=Event)


class Desk:
    """``tell`` shows a line, an error when its second argument says so; ``fail`` ends it all."""

    def __init__(
        self,
        client: Client,
        tell: Callable[[str, bool], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self.client = client
        self.session_id = ""
        self.model = ""
        self._tell = tell
        self._fail = fail
        self._tasks: set[asyncio.Task[Any]] = set()

    def say(self, text: str) -> None:
        """Show a line."""
        self._tell(text, False)

    def complain(self, text: str) -> None:
        """Show what went wrong."""
        self._tell(text, True)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Do something beside what the person does."""
        task = spawn(work, name=f"tui {name}", log_failure=False)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def call(
        self, kind: type[_Reply], action: str, *, repeatable: bool = True, **fields: Any
    ) -> _Reply:
        """Send a command and return its reply; raises RusterError."""
        reply = (await self.client.call(action, repeatable=repeatable, **fields)).event
        if not isinstance(reply, kind):
            raise ProtocolError(f"the daemon answered {reply.event!r}; is it another version?")
        return reply

    async def aclose(self) -> None:
        """End what was started."""
        await cancel_and_wait(*self._tasks)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, RusterError):
            self.complain(error.message)
        elif isinstance(error, Exception):
            self._fail(error)
