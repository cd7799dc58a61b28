"""Tools: tool_list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ruster.handlers.caller import Caller, owner_of
from ruster.protocol.commands import SessionCommand, ToolList
from ruster.protocol.events import ToolListing, ToolSummary
from ruster.sessions.store import SessionStore
from ruster.tools.entry import Entry
from ruster.tools.registry import ToolRegistry

__all__ = ["ToolHandlers"]


class ToolHandlers:
    """The commands about tools. (Running one is a message, ``/tool NAME``.)"""

    def __init__(self, store: SessionStore, registry: ToolRegistry) -> None:
        self._store = store
        self._registry = registry

    async def list(self, caller: Caller, command: ToolList) -> None:
        """Tell which tools there are for the caller, or in a session."""
        if command.session_id is None:
            entries = self._registry.common(privileged=caller.privileged)
        else:
            entries = await self._of_session(caller, command, command.session_id)
        tools = [_summary(entry) for entry in entries.values()]
        caller.reply(ToolListing(session_id=command.session_id, tools=tools), command)

    async def _of_session(
        self, caller: Caller, command: ToolList, session_id: str
    ) -> Mapping[str, Entry]:
        named = SessionCommand(action=command.action, session_id=session_id, owner=command.owner)
        session = await self._store.get(owner_of(caller, named), session_id)
        # Who is there now does not matter: the tools that ask a person are told as well.
        return await self._registry.available(replace(session.scope(), presence=lambda: True))


def _summary(entry: Entry) -> ToolSummary:
    spec = entry.spec
    return ToolSummary(
        name=spec.name,
        description=spec.description,
        effects=sorted(effect.value for effect in entry.tool.effects),
        risk=entry.risk.value,
        parameters=dict(spec.parameters),
        skill=entry.skill,
    )
