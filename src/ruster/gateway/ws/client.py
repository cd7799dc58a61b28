"""One WebSocket as a client of the daemon: what handlers and sessions know of it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from ruster.core.errors import ProtocolError, SessionError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.gateway.identity import Identity
from ruster.gateway.settings import GatewaySettings
from ruster.gateway.ws.inference import InferenceParts, Prompt, answer, line_of, read_prompt
from ruster.gateway.ws.outbox import SocketOutbox
from ruster.protocol.codec import encode_event, error_event
from ruster.protocol.commands import CommandBase
from ruster.protocol.intake import Dispatch, Intake, Rest, as_known

__all__ = ["SocketClient", "SocketParts"]

_log = structlog.stdlib.get_logger("ruster.gateway")
_MAX_LIVE_COMMANDS = 128
_MAX_INFERENCES = 8
_OWN_ACTIONS = "gateway_"


@dataclass(frozen=True, slots=True)
class SocketParts:
    """What all WebSockets share."""

    settings: GatewaySettings
    dispatch: Dispatch[SocketClient]
    inference: InferenceParts


class SocketClient(Intake):
    """A ``Caller`` and a ``Subscriber``, for whoever holds the token."""

    def __init__(self, identity: Identity, parts: SocketParts) -> None:
        super().__init__(identity.uid)
        self._identity = identity
        self._parts = parts
        self._running: dict[str, asyncio.Task[None]] = {}
        self._asked = 0
        self.outbox = SocketOutbox(parts.settings.max_unread_bytes, self._overflow)

    @property
    def privileged(self) -> bool:
        """Whether it may do everything: the daemon's own user and root."""
        return self._identity.privileged

    def deliver(self, line: bytes) -> None:
        """Send a line; never blocks."""
        self.outbox.put(line)

    async def drained(self) -> None:
        """Return once it has read most of what was sent, or is gone."""
        await self.outbox.drained()

    async def take(self, text: str) -> None:
        """Take one message, of either form."""
        line = text.encode()
        try:
            prompt = read_prompt(line)
        except ProtocolError as error:
            self._asked += 1
            self.deliver(line_of(f"r{self._asked}", {"Error": error.message}))
            return
        if prompt is None:
            await self.handle(line, _MAX_LIVE_COMMANDS)
        else:
            self._infer(prompt)
        await self.drained()

    async def dispatch(self, command: CommandBase) -> Rest:
        if command.action.startswith(_OWN_ACTIONS):  # a stolen token must not make others
            raise SessionError(
                "tokens are made and revoked through the daemon's own socket: rusterctl gateway",
                code="not_permitted",
            )
        return await self._parts.dispatch(self, command)

    async def aclose(self) -> None:
        """The client is gone."""
        self.leave()
        self.outbox.end()
        await cancel_and_wait(*self._running.values())

    def _infer(self, prompt: Prompt) -> None:
        self._asked += 1
        name = prompt.id or f"r{self._asked}"
        if name in self._running or len(self._running) >= _MAX_INFERENCES:
            why = f"{_MAX_INFERENCES} answers may be under way, each with its own id"
            self.deliver(line_of(name, {"Error": why}))
            return
        task = spawn(self._answer(name, prompt), name="WebSocket inference", log_failure=False)
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name, None))

    async def _answer(self, name: str, prompt: Prompt) -> None:
        try:
            async with aclosing(answer(prompt, self._identity, self._parts.inference)) as bodies:
                async for body in bodies:
                    self.deliver(line_of(name, body))
                    await self.drained()
        except Exception as error:  # noqa: BLE001 - the boundary: a failure becomes an event
            _log.exception("inference failed")
            self.deliver(line_of(name, {"Error": as_known(error).message}))

    def _overflow(self) -> None:
        limit = self._parts.settings.max_unread_bytes
        error = ProtocolError(
            f"more than {limit} bytes were left unread; read faster, then attach again with since",
            code="buffer_exceeded",
        )
        _log.warning("client dropped", uid=self.uid, code=error.code)
        self.outbox.end(encode_event(error_event(error)))
        for task in self._running.values():
            task.cancel()
