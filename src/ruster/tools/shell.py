"""Tools that run programs in the sandbox: ``shell``, ``run_skill_script``."""

from __future__ import annotations

import asyncio

from pydantic import Field

from ruster.core.ports import ProcessSandbox
from ruster.core.sandbox import Access, Completed, Grant, Limits, ProcessSpec
from ruster.core.tool_ports import SkillScripts
from ruster.core.tools import Cost, Effect, Outcome, Risk, TurnScope
from ruster.tools.folders import Folders, work_folder
from ruster.tools.provenance import note_taint, work_origin
from ruster.tools.settings import ToolSettings
from ruster.tools.threads import in_thread
from ruster.tools.typed import Arguments, TypedTool

__all__ = ["RunSkillScript", "Shell", "environment", "limits", "outcome_of"]

_RUNS = frozenset({Effect.READS, Effect.WRITES, Effect.EXECUTES})
_COMMAND_CHARS = 16_384
_PATH = "/usr/local/bin:/usr/bin:/bin"


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
        grants = await asyncio.to_thread(self._folders.grants, scope)
        origin = self._folders.origin(scope)
        if origin is not None:  # what it copies stays, also when it is ended in the middle
            scope.taint.mark(origin)
            await in_thread(lambda _: note_taint(scope))
        result = await self._sandbox.run(
            ProcessSpec(
                ("/bin/sh", "-c", arguments.command),
                folder=grants[0].path,
                environment=environment(),
                grants=grants,
                limits=limits(arguments.timeout_s, self._settings),
            )
        )
        return outcome_of(result, origin)


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
    confined = True

    def __init__(
        self, sandbox: ProcessSandbox, scripts: SkillScripts, settings: ToolSettings
    ) -> None:
        self._sandbox = sandbox
        self._scripts = scripts
        self._settings = settings

    def target(self, arguments: _ScriptArguments, scope: TurnScope) -> str | None:
        return f"{arguments.skill_name}/{arguments.script_name}"

    async def call(self, arguments: _ScriptArguments, scope: TurnScope) -> Outcome:
        script = await self._scripts.find(scope, arguments.skill_name, arguments.script_name)
        work = await asyncio.to_thread(work_folder, scope)
        folder = script.folder.resolve()
        result = await self._sandbox.run(
            ProcessSpec(
                (*script.argv, *arguments.args),
                folder=folder,
                environment=environment() | {"WORK": str(work)},
                grants=(Grant(folder), Grant(work, Access.WRITE)),
                limits=limits(self._settings.expensive_timeout_s, self._settings),
            )
        )
        return outcome_of(result, work_origin(scope))


def environment() -> dict[str, str]:
    """Return all that programs of tools find in their environment."""
    return {"PATH": _PATH, "LANG": "C.UTF-8", "HOME": "/tmp", "TERM": "dumb"}


def limits(wall_s: float, settings: ToolSettings) -> Limits:
    """Return the limits of a program that may take ``wall_s`` seconds.

    They end it before the whole call is ended, so that what it said is told.
    """
    wall_s = min(wall_s, settings.expensive_timeout_s * 0.95)
    return Limits(wall_s=wall_s, cpu_s=wall_s, output_bytes=settings.output_bytes)


def outcome_of(result: Completed, origin: str | None) -> Outcome:
    """Turn what a program left into what a tool brought."""
    notes = []
    if result.stdout.truncated or result.stderr.truncated:
        notes.append("[the output was cut]")
    if result.limit is not None:
        notes.append(f"[ended at its limit: {result.limit.value}]")
    elif result.signal is not None:
        notes.append(f"[signal {result.signal}]")
    elif result.status:
        notes.append(f"[exit status {result.status}]")
    stderr = "\n".join([*filter(None, [result.stderr.text.rstrip()]), *notes])
    return Outcome(result.stdout.text, failed=not result.succeeded, origin=origin, stderr=stderr)
