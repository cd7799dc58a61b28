"""The tools of the skills that take part in a turn.

What a skill names as a command runs in the sandbox, with its folder to read and the session's work
folder to write. The script of a script skill runs in its interpreter and may ask web servers. Tools
of Python packages are code of the daemon.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import shlex
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import structlog

from ruster.core.errors import RusterError, ToolError
from ruster.core.messages import ToolSpec
from ruster.core.ports import ProcessSandbox, ScriptRunner
from ruster.core.sandbox import Access, Grant, ProcessSpec
from ruster.core.skills import Skill, SkillCatalogue, SkillTool
from ruster.core.tools import Effect, Outcome, Risk, Tool, TurnScope
from ruster.tools.brought import BroughtTool
from ruster.tools.folders import work_folder
from ruster.tools.provenance import work_origin
from ruster.tools.settings import ToolSettings
from ruster.tools.shell import environment, limits, outcome_of
from ruster.tools.typed import TOOL_NAME, WrongUse

__all__ = ["SkillToolParts", "SkillTools"]

_log = structlog.stdlib.get_logger("ruster.tools")
_MAX_TURNS = 256
_TEXT = {"type": "object", "properties": {"args": {"type": "string"}}}


@dataclass(frozen=True, slots=True)
class SkillToolParts:
    """What the tools of skills need; what cannot run without a missing part is left out.

    ``taken`` are names that no skill may give to its tools.
    """

    catalogue: SkillCatalogue
    settings: ToolSettings
    taken: Collection[str]
    sandbox: ProcessSandbox | None = None
    scripts: ScriptRunner | None = None


class SkillTools:
    """Implements ``core.tools.ToolSource``."""

    def __init__(self, parts: SkillToolParts) -> None:
        self._parts = parts
        self._of_turns: OrderedDict[str, tuple[Tool, ...]] = OrderedDict()

    async def tools(self, scope: TurnScope) -> Sequence[Tool]:
        """Return the tools of the skills that take part; looked up once a turn.

        A turn whose skills cannot be read goes on without their tools.
        """
        known = self._of_turns.get(scope.turn)
        if known is None:
            try:
                skills = await self._parts.catalogue.active(scope)
            except RusterError as error:
                _log.error("skill_tools_missing", session=scope.session_id, why=error.message)
                return ()
            known = tuple(_without_clashes(self._made(skills)))
            self._of_turns[scope.turn] = known
            while len(self._of_turns) > _MAX_TURNS:
                self._of_turns.popitem(last=False)
        return known

    def _made(self, skills: Sequence[Skill]) -> Iterator[BroughtTool]:
        parts = self._parts
        for skill in skills:
            if skill.script is not None and parts.scripts is not None:
                spec = ToolSpec(self._name(skill, skill.name), _about(skill), _TEXT)
                yield _ScriptTool(skill.name, spec, parts.scripts, skill.script)
            for tool in skill.tools:
                name = self._name(skill, tool.name)
                spec = ToolSpec(name, tool.description, dict(tool.parameters))
                if tool.call is not None:
                    yield _PythonTool(skill.name, spec, tool)
                elif parts.sandbox is not None:
                    yield _CommandTool(skill.name, spec, parts.sandbox, skill, tool, parts.settings)

    def _name(self, skill: Skill, name: str) -> str:
        """Return a tool's name in small letters, with the skill's before it if it is taken."""
        name = name.lower()
        if name in self._parts.taken:
            name = f"{skill.name}_{name}"
        return name if TOOL_NAME.match(name) else name[:64]


@dataclass(frozen=True)
class _CommandTool(BroughtTool):
    sandbox: ProcessSandbox
    of: Skill
    tool: SkillTool
    settings: ToolSettings

    effects = frozenset({Effect.READS, Effect.WRITES, Effect.EXECUTES})
    confined: ClassVar[bool] = True

    async def invoke(self, arguments: Mapping[str, Any], scope: TurnScope) -> Outcome:
        """Run the command line in the sandbox, the words of ``args`` behind it in quotes."""
        work = await asyncio.to_thread(work_folder, scope)
        grants = [Grant(work, Access.WRITE)]
        if self.of.folder is not None:
            grants.append(Grant(self.of.folder))
        result = await self.sandbox.run(
            ProcessSpec(
                ("/bin/bash", "-c", self._line(arguments)),
                folder=await asyncio.to_thread(self._folder, work),
                stdin=json.dumps(dict(arguments), ensure_ascii=False).encode(errors="replace"),
                environment=environment() | {"WORK": str(work)},
                grants=tuple(grants),
                limits=limits(self.settings.expensive_timeout_s, self.settings),
            )
        )
        return outcome_of(result, work_origin(scope))

    def _line(self, arguments: Mapping[str, Any]) -> str:
        words = arguments.get("args", ())
        if isinstance(words, str):
            words = [words]
        if not isinstance(words, Sequence) or any(isinstance(it, list | dict) for it in words):
            raise WrongUse(f"{self.spec.name}: args must be texts", 'write "args": ["one", "two"]')
        if any("\0" in str(it) for it in words):
            raise WrongUse(f"{self.spec.name}: a text holds a NUL", "leave it out")
        return " ".join([self.tool.exec, *(shlex.quote(str(it)) for it in words)])

    def _folder(self, work: Path) -> Path:
        """Return where the command starts (blocks); raises ToolError."""
        root = self.of.folder or work
        folder = (root / (self.tool.working_dir or ".")).resolve()
        if not folder.is_relative_to(root) or not folder.is_dir():
            raise ToolError(f"the working_dir of {self.spec.name} is no folder of its skill")
        return folder


@dataclass(frozen=True)
class _ScriptTool(BroughtTool):
    runner: ScriptRunner
    file: Path

    effects = frozenset({Effect.NETWORK, Effect.EXECUTES})

    async def invoke(self, arguments: Mapping[str, Any], scope: TurnScope) -> Outcome:
        """Run the script with one text."""
        try:
            source = await asyncio.to_thread(self.file.read_text, "utf-8")
        except (OSError, ValueError) as error:
            raise ToolError(f"the script of {self.skill} cannot be read: {error}") from error
        result = await self.runner.run(source, str(arguments.get("args", "")))
        beside = "\n".join([*result.log, *filter(None, [result.printed.rstrip()])])
        return Outcome(result.text, origin=next(iter(result.origins), None), stderr=beside)


@dataclass(frozen=True)
class _PythonTool(BroughtTool):
    tool: SkillTool

    effects = frozenset({Effect.EXECUTES})
    risk: ClassVar[Risk] = Risk.HIGH

    async def invoke(self, arguments: Mapping[str, Any], scope: TurnScope) -> Outcome:
        """Call the function, in a thread unless it is asynchronous."""
        assert self.tool.call is not None
        if inspect.iscoroutinefunction(self.tool.call):
            return Outcome(str(await self.tool.call(arguments)))
        answer = await asyncio.to_thread(self.tool.call, arguments)
        return Outcome(str(await answer if inspect.isawaitable(answer) else answer))


def _about(skill: Skill) -> str:
    return f"Run the skill {skill.name}: {skill.description.partition('. ')[0]}."


def _without_clashes(tools: Iterator[BroughtTool]) -> Iterator[BroughtTool]:
    """Leave out tools whose name another skill has used already: the first skill counts."""
    names: set[str] = set()
    for tool in tools:
        if tool.spec.name not in names:
            names.add(tool.spec.name)
            yield tool
