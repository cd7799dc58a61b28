"""Tools that look at git repositories: ``git_status``, ``git_diff``.

A repository's own settings can name programs that git runs. They are switched off, those that
filter files one by one, since git has no switch for them all; files are compared as they are then.
Should git still run one, it runs in the sandbox, where it can change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from ruster.core.ports import ProcessSandbox
from ruster.core.sandbox import Grant, ProcessSpec
from ruster.core.tools import Cost, Effect, Outcome, TurnScope
from ruster.tools.containment import failure, open_below
from ruster.tools.folders import Folders, Place
from ruster.tools.settings import ToolSettings
from ruster.tools.shell import environment, limits, outcome_of
from ruster.tools.threads import in_thread
from ruster.tools.typed import Arguments, TypedTool

__all__ = ["GIT", "GitDiff", "GitStatus"]

GIT = (
    *("git", "--no-pager", "--no-optional-locks", "--literal-pathspecs"),
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("-c", "core.attributesFile=/dev/null", "-c", "core.excludesFile=/dev/null"),
    *("-c", "diff.external=", "-c", "core.pager=cat", "-c", "color.ui=false"),
    *("-c", "protocol.allow=never", "-c", "safe.directory=*"),
    *("-c", "submodule.recurse=false", "-c", "diff.ignoreSubmodules=all"),
)
"""How git is started: nothing that a repository names is run."""

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
}
_LIST_FILTERS = ("config", "--null", "--name-only", "--get-regexp", r"^filter\.")
_NO_FILTERS = 1
_TIMEOUT_S = 30.0


class _RepositoryArguments(Arguments):
    path: str = Field(default=".", max_length=4096)
    """Repository."""


class _DiffArguments(_RepositoryArguments):
    staged: bool = False
    file: str | None = Field(default=None, max_length=1024)
    """Only this file."""


_ArgumentsT = TypeVar("_ArgumentsT", bound=_RepositoryArguments)


class _GitTool(TypedTool[_ArgumentsT]):
    effects = frozenset({Effect.READS})
    cost = Cost.MODERATE
    main = "path"

    def __init__(self, sandbox: ProcessSandbox, folders: Folders, settings: ToolSettings) -> None:
        self._sandbox = sandbox
        self._folders = folders
        self._settings = settings

    def target(self, arguments: _ArgumentsT, scope: TurnScope) -> str | None:
        return str(self._folders.locate(arguments.path, scope).path)

    async def _git(self, arguments: _ArgumentsT, scope: TurnScope, *words: str) -> Outcome:
        place = self._folders.locate(arguments.path, scope)
        root = await in_thread(lambda _: _checked(place))
        spec = ProcessSpec(
            (*GIT, *_LIST_FILTERS),
            folder=root.joinpath(*place.parts),
            environment=environment() | _ENVIRONMENT,
            grants=(Grant(root),),
            limits=limits(_TIMEOUT_S, self._settings),
        )
        filters = await self._sandbox.run(spec)
        if filters.status not in (0, _NO_FILTERS):
            return outcome_of(filters, place.origin)
        off = _switched_off(filters.stdout.text.split("\0"))
        spec = replace(spec, argv=(*GIT, *words), environment={**spec.environment, **off})
        outcome = outcome_of(await self._sandbox.run(spec), place.origin)
        if outcome.failed or outcome.text:
            return outcome
        return Outcome("[nothing]", origin=place.origin)


class GitStatus(_GitTool[_RepositoryArguments]):
    """Show a git repository's branch and changed files."""

    name = "git_status"
    takes = _RepositoryArguments

    async def call(self, arguments: _RepositoryArguments, scope: TurnScope) -> Outcome:
        words = ("status", "--short", "--branch", "--ignore-submodules=all")
        return await self._git(arguments, scope, *words)


class GitDiff(_GitTool[_DiffArguments]):
    """Show uncommitted changes of a git repository."""

    name = "git_diff"
    takes = _DiffArguments

    async def call(self, arguments: _DiffArguments, scope: TurnScope) -> Outcome:
        words = ["diff", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all"]
        if arguments.staged:
            words.append("--cached")
        if arguments.file is not None:
            words += ["--", arguments.file]
        return await self._git(arguments, scope, *words)


def _switched_off(names: Sequence[str]) -> dict[str, str]:
    """Return the variables by which git takes other values for settings of these names."""
    found = {name: "false" if name.endswith(".required") else "" for name in names if name}
    variables = {"GIT_CONFIG_COUNT": str(len(found))}
    for number, (name, value) in enumerate(found.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def _checked(place: Place) -> Path:
    """Return the granted folder if no link leads on to the repository (blocks).

    Raises ToolError.
    """
    try:
        with place.opened() as root, open_below(root, place.parts):
            return place.real_root
    except OSError as error:
        raise failure(error, f"look at {place.path}") from error
