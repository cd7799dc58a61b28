"""One HTTP request as a client of the daemon: what handlers and sessions know of it.

It gives one command. Its reply is kept; what a stream of events is for goes to ``outbox``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from pydantic_core import from_json, to_json

from ruster.core.errors import ProtocolError, RusterError, SessionError
from ruster.core.ids import new_id
from ruster.gateway.identity import Identity
from ruster.gateway.ws.outbox import SocketOutbox
from ruster.protocol.codec import encode_event, error_event
from ruster.protocol.commands import CommandBase
from ruster.protocol.events import EVENTS
from ruster.protocol.intake import Dispatch, Intake, Rest

__all__ = ["HttpClient", "Line", "ask"]

_log = structlog.stdlib.get_logger("ruster.gateway")
_OWN_ACTIONS = "gateway_"
_ENDS = frozenset(str(it.model_fields["event"].default) for it in EVENTS if it.terminal)

Line = dict[str, Any]


class HttpClient(Intake):
    """A ``Caller`` and a ``Subscriber``, for whoever holds the token.

    ``wanted`` says which lines go to ``outbox``; none do without.
    """

    def __init__(
        self,
        identity: Identity,
        dispatch: Dispatch[Any],
        limit_bytes: int,
        wanted: Callable[[HttpClient, Line], bool] | None = None,
    ) -> None:
        super().__init__(identity.uid)
        self._identity = identity
        self._dispatch = dispatch
        self._limit_bytes = limit_bytes
        self._wanted = wanted
        self._rest_ended = asyncio.Event()
        self._told = False
        self.command_id = new_id("http")
        self.outbox = SocketOutbox(limit_bytes, self._overflow)
        self.heard = asyncio.Event()
        """Something of the command's own came."""
        self.reply_line: Line | None = None
        """The last line with the command's id that ends it."""

    @property
    def privileged(self) -> bool:
        """Whether it may do everything: the daemon's own user and root."""
        return self._identity.privileged

    def deliver(self, line: bytes) -> None:
        """Take a line; never blocks."""
        told: Line = from_json(line)
        mine = told.get("id") == self.command_id
        if mine and told["event"] in _ENDS:
            self.reply_line = told
        if self._wanted is not None and not self._is_first_refusal(told, mine=mine):
            if not self._wanted(self, told):
                return
            self._told = True
            self.outbox.put(line)
        if mine or self._told:
            self.heard.set()

    async def drained(self) -> None:
        """Return once it has read most of what was sent, or is gone."""
        await self.outbox.drained()

    async def dispatch(self, command: CommandBase) -> Rest:
        if command.action.startswith(_OWN_ACTIONS):  # a stolen token must not make others
            raise SessionError(
                "tokens are made and revoked through the daemon's own socket: rusterctl gateway",
                code="not_permitted",
            )
        return await self._dispatch(self, command)

    def settled(self) -> None:
        """All of the command has ended."""
        self._rest_ended.set()

    async def give(self, command: Mapping[str, Any]) -> None:
        """Give the command; returns when it is acknowledged or refused."""
        await self.handle(to_json({**command, "id": self.command_id}), max_live=1)
        self.heard.set()

    async def ended(self) -> None:
        """Return when all of the command has ended."""
        if self.busy:
            await self._rest_ended.wait()

    def refusal(self) -> RusterError | None:
        """Return what the command was refused with before anything else was told."""
        line = self.reply_line
        if line is None or not self._is_first_refusal(line, mine=True):
            return None
        return RusterError(line["error"], code=line["code"], retryable=bool(line.get("retryable")))

    def finish(self) -> None:
        """Nothing more is wanted than what waits."""
        self.outbox.finish()

    async def aclose(self) -> None:
        """The client is gone: it is detached from all."""
        if not self.closed:
            self.leave()
        self.outbox.end()
        self._rest_ended.set()

    def _is_first_refusal(self, told: Line, *, mine: bool) -> bool:
        """Whether it is a failure of the command, not of a turn, and nothing came before it."""
        return mine and told["event"] == "error" and "turn" not in told and not self._told

    def _overflow(self) -> None:
        error = ProtocolError(
            f"more than {self._limit_bytes} bytes were left unread; read faster, then go on from "
            "the last id",
            code="buffer_exceeded",
        )
        _log.warning("client dropped", uid=self.uid, code=error.code)
        self.outbox.end(encode_event(error_event(error)))


async def ask(client: HttpClient, command: Mapping[str, Any]) -> Line:
    """Give a command and return its reply; raises the error it was refused with."""
    try:
        await client.give(command)
        await client.ended()
    finally:
        await client.aclose()
    refused = client.refusal()
    if refused is not None:
        raise refused
    if client.reply_line is None:
        raise RusterError(f"{command['action']} was not answered")
    return {name: value for name, value in client.reply_line.items() if name != "id"}
