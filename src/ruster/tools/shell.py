"""Tools that run programs in the sandbox: ``shell``, ``run_skill_script``."""

from __future__ import annotations

import asyncio

from pydantic import Field

from ruster.core.ports import ProcessJob, ProcessResult, ProcessSandbox
from ruster.core.tool_ports import SkillScripts
from ruster.core.tools import Cost, Effect, Outcome, Risk, TurnScope
from ruster.tools.folders import WORK, Folders
from ruster.tools.provenance import work_origin
from ruster.tools.settings import ToolSettings
from ruster.tools.typed import Arguments, TypedTool

__all__ = ["RunSkillScript", "Shell", "outcome_of"]

_RUNS = frozenset({Effect.READS, Effect.WRITES, Effect.EXECUTES})
_COMMAND_CHARS = 16_384


class _ShellArguments(Arguments):
    command: str = Field(min_length=1, max_length=_COMMAND_CHARS)
    timeout_s: int = Field(default=60, ge=1, le=3600)


class Shell(TypedTool[_ShellArguments]):
    """Run a shell command in the work folder, without network."""

    name = "shell"
    takes = _ShellArguments
    effects = _RUNS
    cost = Cost.EXPENSIVE
    risk = Risk.HIGH
    main = "command"

    def __init__(self, sandbox: ProcessSandbox, folders: Folders, settings: ToolSettings) -> None:
        self._sandbox = sandbox
        self._folders = folders
        self._settings = settings

    def target(self, arguments: _ShellArguments, scope: TurnScope) -> str | None:
        return arguments.command

    async def call(self, arguments: _ShellArguments, scope: TurnScope) -> Outcome:
        await asyncio.to_thread((scope.folder / WORK).mkdir, mode=0o700, exist_ok=True)
        result = await self._sandbox.run(
            ProcessJob(
                ("/bin/sh", "-c", arguments.command),
                folder=scope.folder / WORK,
                readable=self._folders.readable(),
                writable=self._folders.writable(scope),
                timeout_s=min(arguments.timeout_s, self._settings.expensive_timeout_s),
            )
        )
        return outcome_of(result, self._folders.origin(scope))


class _ScriptArguments(Arguments):
    skill_name: str = Field(max_length=64)
    script_name: str = Field(max_length=255)
    args: tuple[str, ...] = Field(default=(), max_length=64)


class RunSkillScript(TypedTool[_ScriptArguments]):
    """Run a script of a skill."""

    name = "run_skill_script"
    takes = _ScriptArguments
    effects = _RUNS
    cost = Cost.EXPENSIVE
    risk = Risk.MEDIUM

    def __init__(self, sandbox: ProcessSandbox, scripts: SkillScripts, timeout_s: float) -> None:
        self._sandbox = sandbox
        self._scripts = scripts
        self._timeout_s = timeout_s

    def target(self, arguments: _ScriptArguments, scope: TurnScope) -> str | None:
        return f"{arguments.skill_name}/{arguments.script_name}"

    async def call(self, arguments: _ScriptArguments, scope: TurnScope) -> Outcome:
        script = await self._scripts.find(scope, arguments.skill_name, arguments.script_name)
        work = scope.folder / WORK
        await asyncio.to_thread(work.mkdir, mode=0o700, exist_ok=True)
        result = await self._sandbox.run(
            ProcessJob(
                (*script.argv, *arguments.args),
                folder=script.folder,
                readable=(script.folder,),
                writable=(work,),
                timeout_s=self._timeout_s,
            )
        )
        return outcome_of(result, work_origin(scope))


def outcome_of(result: ProcessResult, origin: str | None) -> Outcome:
    """Turn what a program left into what a tool brought."""
    text = result.stdout.decode(errors="replace")
    notes = []
    if result.cut:
        notes.append("[the output was cut]")
    if result.status:
        how = f"exit status {result.status}" if result.status > 0 else f"signal {-result.status}"
        notes.append(f"[{how}]")
    stderr = "\n".join([*filter(None, [result.stderr.decode(errors="replace").rstrip()]), *notes])
    return Outcome(text, failed=result.status != 0, origin=origin, stderr=stderr)
