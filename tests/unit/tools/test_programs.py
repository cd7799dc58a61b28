"""Tools that run programs: ``shell``, ``run_skill_script``, ``git_status``, ``git_diff``."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from ruster.core.sandbox import Access, Completed, Grant, Limit, Output
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.core.tool_ports import SkillScript
from ruster.core.tools import TurnScope
from ruster.tools.settings import FolderGrant, ToolSettings
from ruster.tools.shell import RunSkillScript, outcome_of
from tests.unit.tools.support import (
    PlainProcesses,
    Rules,
    builtins,
    call_of,
    completed,
    scope_in,
)


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(("git", *who, *words), cwd=folder, check=True, capture_output=True)


@pytest.fixture
def scope(tmp_path: Path) -> TurnScope:
    (tmp_path / "session").mkdir()
    return scope_in(tmp_path / "session")


async def test_a_command_runs_in_the_work_folder(scope: TurnScope) -> None:
    sandbox, rules = PlainProcesses(), Rules()
    registry = builtins(sandbox=sandbox, rules=rules)
    command = "pwd; echo 'a b' > out; echo no >&2; exit 3"
    outcome = await registry.run(scope, call_of("shell", command=command))
    work = scope.folder / "work"
    assert outcome.text.splitlines() == [str(work), "[stderr]", "no", "[exit status 3]"]
    assert outcome.failed
    assert (work / "out").read_text() == "a b\n"
    assert rules.seen[0].target == command
    fine = await registry.run(scope, call_of("shell", command="cat out"))
    assert (fine.text, fine.failed, fine.origin) == ("a b", False, None)


async def test_a_command_sees_the_granted_folders_and_no_others(
    scope: TurnScope, tmp_path: Path
) -> None:
    sandbox = PlainProcesses(dry=True)
    for name in ("notes", "code"):
        (tmp_path / name).mkdir()
    grants = (
        FolderGrant(path=tmp_path / "gone", trusted=True),
        FolderGrant(path=tmp_path / "notes", trusted=True),
        FolderGrant(path=tmp_path / "code", mode="write"),
    )
    settings = ToolSettings(folders=grants, expensive_timeout_s=100)
    registry = builtins(settings, sandbox=sandbox)
    outcome = await registry.run(scope, call_of("shell", command="make", timeout_s=3000))
    (job,) = sandbox.jobs
    assert job.grants == (
        Grant(scope.folder / "work", Access.WRITE),
        Grant(tmp_path / "code", Access.WRITE),
        Grant(tmp_path / "notes"),
    )
    assert (job.folder, job.limits.wall_s) == (scope.folder / "work", 95)
    assert outcome.origin == f"file:{tmp_path}/code"  # it may print what others wrote there


async def test_a_command_does_not_see_folders_with_files_of_rusters_own(
    scope: TurnScope, tmp_path: Path
) -> None:
    for name in ("notes", "etc/ruster/skills"):
        (tmp_path / name).mkdir(parents=True)
    names = ("notes", "etc", "etc/ruster/skills", "session")
    settings = ToolSettings(folders=tuple(FolderGrant(path=tmp_path / it) for it in names))
    sandbox = PlainProcesses(dry=True)
    registry = builtins(settings, sandbox=sandbox, protected=(tmp_path / "etc" / "ruster",))
    await registry.run(scope, call_of("shell", command="make"))
    (job,) = sandbox.jobs
    assert [it.path for it in job.grants] == [scope.folder / "work", tmp_path / "notes"]


@pytest.mark.parametrize("kind", ["clean", "process"])
async def test_git_runs_no_filter_that_a_repository_names(
    scope: TurnScope, repository: Path, kind: str
) -> None:
    marker = repository.parent / "ran"
    for name in ("x", 'a = "b".c'):
        git(repository, "config", f"filter.{name}.{kind}", f"echo >> {marker}; cat")
        git(repository, "config", f"filter.{name}.required", "true")
    (repository / ".gitattributes").write_text("*.txt filter=x\n")
    (repository / "a.txt").write_text("three\n")
    registry = builtins(sandbox=PlainProcesses())
    for tool in ("git_status", "git_diff"):
        outcome = await registry.run(scope, call_of(tool, path="repo"))
        assert not outcome.failed
        assert ("+three" if tool == "git_diff" else " M a.txt") in outcome.text
    assert not marker.exists()
    subprocess.run(("git", "diff"), cwd=repository, capture_output=True, check=False)
    assert marker.exists()  # the control: git itself does run them


@pytest.mark.parametrize("ended", [False, True])
async def test_what_a_command_may_have_copied_is_in_doubt(
    scope: TurnScope, tmp_path: Path, ended: bool
) -> None:
    (tmp_path / "code").mkdir()
    settings = ToolSettings(folders=(FolderGrant(path=tmp_path / "code"),))
    (tmp_path / "code" / "a").write_text("do as I say")
    registry = builtins(settings, sandbox=PlainProcesses())
    command = f"cat {tmp_path}/code/a > note"
    call = call_of("shell", command=f"{command}; exec sleep 100" if ended else command)
    task = spawn(registry.run(scope, call), name="call")
    note = scope.folder / "work" / "note"
    while not (note.exists() and note.stat().st_size):
        await asyncio.sleep(0.01)
    if ended:
        await cancel_and_wait(task)
    else:
        await task
    later = scope_in(scope.folder)
    outcome = await registry.run(later, call_of("file_read", path="note"))
    assert (outcome.text, outcome.origin) == ("do as I say", "file:work")


async def test_long_output_is_paged(scope: TurnScope) -> None:
    registry = builtins(sandbox=PlainProcesses())
    outcome = await registry.run(scope, call_of("shell", command="seq 1 300; echo e >&2"))
    assert outcome.text.splitlines()[:10] == [str(n) for n in range(1, 11)]
    (run,) = (scope.folder / "runs").iterdir()
    assert run.name in outcome.text

    async def page(**arguments: object) -> list[str]:
        call = call_of("paginate_tool_output", tool_call_uuid=run.name, **arguments)
        return (await registry.run(scope, call)).text.splitlines()

    assert await page(offset=10, limit=2) == ["11", "12", "[lines 10 to 12 of 302]"]
    assert await page(search="99", limit=2) == ["98: 99", "198: 199", "[matches 0 to 2 of 3]"]
    assert (await page(offset=300))[:2] == ["[stderr]", "e"]
    for wrong in ("../../history", "x", run.name.replace(run.name[0], "0"), "", "a" * 65):
        call = call_of("paginate_tool_output", tool_call_uuid=wrong)
        assert (await registry.run(scope, call)).failed


async def test_a_page_of_doubtful_output_is_doubtful(scope: TurnScope) -> None:
    registry = builtins()
    await registry.run(scope, call_of("http_get", url="https://example.com"))
    (run,) = (scope.folder / "runs").iterdir()
    later = scope_in(scope.folder)
    await registry.run(later, call_of("paginate_tool_output", tool_call_uuid=run.name))
    assert later.taint.origins == {"web:example.com"}


def test_what_a_program_left_is_told() -> None:
    killed = outcome_of(completed(-9, b"\xff"), None)
    assert (killed.text, killed.failed, killed.stderr) == ("\ufffd", True, "[signal 9]")
    ended = Completed(None, 9, Limit.WALL, Output(b"x", truncated=True), Output(b"e\n"), 1, 1)
    assert outcome_of(ended, "file:work").stderr.splitlines() == [
        "e",
        "[the output was cut]",
        "[ended at its limit: wall]",
    ]


class Scripts:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def find(self, scope: TurnScope, skill: str, script: str) -> SkillScript:
        return SkillScript(self.folder, ("/bin/sh", f"scripts/{script}"))


async def test_a_script_of_a_skill_runs_in_the_skill(scope: TurnScope, tmp_path: Path) -> None:
    skill = tmp_path / "skill"
    (skill / "scripts").mkdir(parents=True)
    (skill / "scripts" / "hi.sh").write_text('pwd; printf "<%s>" "$@"')
    sandbox = PlainProcesses()
    tool = RunSkillScript(sandbox, Scripts(skill), ToolSettings())
    arguments = {"skill_name": "greet", "script_name": "hi.sh", "args": ["a b", "$(id)"]}
    outcome = await tool.invoke(arguments, scope)
    assert outcome.text == f"{skill}\n<a b><$(id)>"
    work = Grant(scope.folder / "work", Access.WRITE)
    assert sandbox.jobs[0].grants == (Grant(skill), work)


@pytest.fixture
def repository(scope: TurnScope) -> Path:
    folder = scope.folder / "work" / "repo"
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "a.txt").write_text("one\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    (folder / "a.txt").write_text("two\n")
    return folder


async def test_git_tells_status_and_changes(scope: TurnScope, repository: Path) -> None:
    registry = builtins(sandbox=PlainProcesses())
    status = await registry.run(scope, call_of("git_status", path="repo"))
    assert status.text.splitlines() == ["## main", " M a.txt"]
    diff = await registry.run(scope, call_of("git_diff", path="repo"))
    assert {"-one", "+two"} <= set(diff.text.splitlines())
    staged = await registry.run(scope, call_of("git_diff", path="repo", staged=True))
    assert staged.text == "[nothing]"
    other = await registry.run(scope, call_of("git_diff", path="repo", file="--output=x"))
    assert other.text == "[nothing]"
    assert sorted(it.name for it in repository.iterdir()) == [".git", "a.txt"]
    nowhere = await registry.run(scope, call_of("git_status", path="../.."))
    assert nowhere.failed


async def test_git_runs_nothing_a_repository_names(scope: TurnScope, repository: Path) -> None:
    marker = repository.parent / "ran"
    program = repository.parent / "evil.sh"
    program.write_text(f'#!/bin/sh\necho "$0" >> {marker}\ncat "$1"\n')
    program.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "diff.x.textconv", "diff.x.command"):
        git(repository, "config", key, str(program))
    hook = repository / ".git" / "hooks" / "post-index-change"
    hook.write_text(program.read_text())
    hook.chmod(0o755)
    (repository / ".gitattributes").write_text("*.txt diff=x\n")
    marker.unlink(missing_ok=True)
    (repository / "a.txt").write_text("three\n")
    registry = builtins(sandbox=PlainProcesses())
    for call in (
        call_of("git_status", path="repo"),
        call_of("git_diff", path="repo"),
        call_of("git_diff", path="repo", staged=True),
    ):
        assert not (await registry.run(scope, call)).failed
    assert not marker.exists()
    git(repository, "status")  # the control: git itself does run them
    git(repository, "diff")
    assert marker.exists()
