"""The tools of event servers, for the sessions they are attached to."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruster.core.errors import JobError, ToolError
from ruster.core.messages import ToolSpec
from ruster.core.tools import Cost, Effect, Outcome, Tool, TurnScope
from ruster.proactive.servers.known import KnownServer
from ruster.proactive.servers.servers import EventServers
from ruster.proactive.servers.wire import OfferedTool

__all__ = ["ServerTool", "ServerTools"]

_MAX_TURNS = 256
_MAX_NAME_CHARS = 64
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_-]")


@dataclass(frozen=True)
class ServerTool:
    """Implements ``core.tools.Tool``: what a call does, only the server knows."""

    server: KnownServer
    tool: OfferedTool

    @property
    def spec(self) -> ToolSpec:
        """Its name with the server's before it, so that no server takes another tool's place."""
        name = _NOT_IN_NAMES.sub("_", f"{self.server.name}_{self.tool.name}".lower())
        return ToolSpec(name[:_MAX_NAME_CHARS], self.tool.description, dict(self.tool.parameters))

    @property
    def effects(self) -> frozenset[Effect]:
        """A program acts; so a person is asked, unless a rule allows it."""
        return frozenset({Effect.EXECUTES})

    @property
    def cost(self) -> Cost:
        """What a request may take."""
        return Cost.MODERATE

    async def invoke(self, arguments: Mapping[str, Any], scope: TurnScope) -> Outcome:
        """Ask the server; raises ToolError."""
        origin = f"server:{self.server.name}"
        try:
            payload = await self.server.request(
                scope.session_id, tool=self.tool.name, arguments=dict(arguments)
            )
        except JobError as error:
            raise ToolError(
                error.message, code=error.code, retryable=error.retryable, origin=origin
            ) from error
        text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
        return Outcome("" if payload is None else text, origin=origin)


class ServerTools:
    """Implements ``core.tools.ToolSource``."""

    def __init__(self, servers: EventServers) -> None:
        self._servers = servers
        self._of_turns: OrderedDict[str, tuple[Tool, ...]] = OrderedDict()

    async def tools(self, scope: TurnScope) -> Sequence[Tool]:
        """Return the tools of all connected servers that the session is attached to."""
        if not scope.privileged:
            return ()
        known = self._of_turns.get(scope.turn)
        if known is None:
            known = self._of_turns[scope.turn] = tuple(await self._look_up(scope))
            while len(self._of_turns) > _MAX_TURNS:
                self._of_turns.popitem(last=False)
        return known

    async def _look_up(self, scope: TurnScope) -> list[Tool]:
        found: dict[str, Tool] = {}
        for outlet in self._servers.outlets(session_key=scope.session_key):
            server = self._servers.known(outlet.attachment.server)
            if server is not None:
                for tool in (ServerTool(server, offered) for offered in server.tools):
                    found.setdefault(tool.spec.name, tool)
        return list(found.values())
