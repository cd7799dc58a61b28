"""All that has to do with tools, built from the settings: where they run, what they reach, who may.

Nothing heavy is imported before a tool needs it: a daemon that only chats stays small.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from ruster.config.settings import Settings
from ruster.core.clock import Clock
from ruster.core.errors import ToolError
from ruster.core.imports import without
from ruster.core.ports import ProcessSandbox, ScriptRunner, WebFetcher
from ruster.core.sandbox import Completed, ProcessSpec
from ruster.core.skills import SkillCatalogue
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.core.tool_ports import Asker, ConversationView, MemoryPort, Reminders
from ruster.core.tools import Approver, Policy, ToolSource
from ruster.core.web import ScriptResult, WebAnswer
from ruster.sandbox.web_settings import WebSettings
from ruster.skills.scripts import ScriptFinder
from ruster.tools.builtin import ToolPorts, builtin_tools
from ruster.tools.entry import name_of
from ruster.tools.gate import Gate
from ruster.tools.registered import registered_tools
from ruster.tools.registry import ToolRegistry
from ruster.tools.runs import RunFolders
from ruster.tools.skill_tools import SkillToolParts, SkillTools
from ruster.tools.text import ToolTexts

__all__ = ["ToolParts", "ToolServices"]

_log = structlog.stdlib.get_logger("ruster.tools")


@dataclass(frozen=True, slots=True)
class ToolParts:
    """What tools need of the rest of the house.

    ``protected`` are ruster's own folders; ``sources`` bring tools beside those of skills.
    """

    clock: Clock
    policy: Policy
    approver: Approver
    skills: SkillCatalogue
    conversation: ConversationView
    asker: Asker
    memory: MemoryPort | None = None
    reminders: Reminders | None = None
    protected: tuple[Path, ...] = ()
    sources: tuple[ToolSource, ...] = ()


class ToolServices:
    """``registry`` has the tools, ``texts`` reads ``/tool``; ``aclose`` ends what they started.

    ``pages`` fetches what is to be remembered: what ``web`` may reach, but larger.
    """

    def __init__(self, settings: Settings, parts: ToolParts) -> None:
        self.sandbox = _LateSandbox(parts.clock)
        self.web = _LateWeb(settings.web)
        self.pages = _LateWeb(_for_documents(settings))
        self.scripts = _LateScripts(settings, self.web, parts.clock)
        own = settings.tools
        runs = RunFolders(own, parts.clock)
        ports = ToolPorts(
            clock=parts.clock,
            runs=runs,
            conversation=parts.conversation,
            asker=parts.asker,
            sandbox=self.sandbox,
            web=self.web,
            memory=parts.memory,
            reminders=parts.reminders,
            scripts=ScriptFinder(parts.skills),
            protected=parts.protected,
        )
        tools = tuple(builtin_tools(own, ports))
        of_skills = SkillTools(
            SkillToolParts(
                catalogue=parts.skills,
                settings=own,
                taken=frozenset(map(name_of, tools)),
                sandbox=self.sandbox,
                scripts=self.scripts,
            )
        )
        gate = Gate(parts.policy, parts.approver)
        self.registry = ToolRegistry(gate, runs, own, (of_skills, *parts.sources))
        self.registry.add(*tools)
        self.texts = ToolTexts(self.registry, own.text_chars)
        self._loading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to load the tools of installed packages; they count when they are there."""
        self._loading = spawn(self._load(), name="tools of packages")

    async def aclose(self) -> None:
        """End the processes that wait for scripts."""
        if self._loading is not None:
            await cancel_and_wait(self._loading)
        await self.scripts.aclose()

    async def _load(self) -> None:
        for tool in await asyncio.to_thread(registered_tools):
            try:
                self.registry.add(tool)
            except ToolError as error:
                _log.error("tool_left_out", why=error.message)


def _for_documents(settings: Settings) -> WebSettings:
    own = settings.memory.documents
    more = {"max_body_bytes": own.file_bytes, "timeout_s": own.fetch_timeout_s}
    return settings.web.model_copy(update=more)


class _LateSandbox:
    """Makes the sandbox of this machine when a program is first run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: ProcessSandbox | None = None

    async def run(self, spec: ProcessSpec) -> Completed:
        from ruster.sandbox.process import SystemSandbox

        if self._made is None:
            self._made = SystemSandbox(clock=self._clock)
        return await self._made.run(spec)


class _LateWeb:
    """Makes the guarded client when the web is first asked."""

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        self._made: WebFetcher | None = None

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> WebAnswer:
        with without("click"):  # httpx has it for a command line of its own, with all of rich
            from ruster.sandbox.http_guard import GuardedWeb

        if self._made is None:
            self._made = GuardedWeb(self._settings)
        return await self._made.fetch(url, method=method, body=body, headers=headers)


class _LateScripts:
    """Makes the pool of interpreters when a script is first run."""

    def __init__(self, settings: Settings, web: WebFetcher, clock: Clock) -> None:
        self._settings = settings.scripts
        self._web = web
        self._clock = clock
        self._made: ScriptRunner | None = None

    async def run(
        self, source: str, args: Mapping[str, object] | str | None = None
    ) -> ScriptResult:
        from ruster.sandbox.script import ScriptPool

        if self._made is None:
            self._made = ScriptPool(self._settings, self._web, clock=self._clock)
        return await self._made.run(source, args)

    async def aclose(self) -> None:
        from ruster.sandbox.script import ScriptPool

        if isinstance(self._made, ScriptPool):
            await self._made.aclose()
