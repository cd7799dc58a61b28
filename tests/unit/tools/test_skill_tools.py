"""The tools of skills: how they are named, what they are given, where they run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ruster.core.errors import StorageError
from ruster.core.messages import ToolCall
from ruster.core.sandbox import Access
from ruster.core.skills import Skill, SkillKind, SkillTool
from ruster.core.tools import ActionKind, Effect, Outcome, TurnScope
from ruster.core.web import ScriptResult
from ruster.testing import ManualClock
from ruster.tools.gate import Gate
from ruster.tools.registry import ToolRegistry
from ruster.tools.runs import RunFolders
from ruster.tools.settings import ToolSettings
from ruster.tools.skill_tools import SkillToolParts, SkillTools
from tests.unit.tools.support import FakeTool, Person, PlainProcesses, Rules, scope_in

ARGS = {"type": "object", "properties": {"args": {"type": "array", "items": {"type": "string"}}}}


@dataclass
class Catalogue:
    """The skills of a session."""

    skills: tuple[Skill, ...] = ()
    fails: bool = False
    asked: int = 0

    async def active(self, scope: TurnScope) -> tuple[Skill, ...]:
        self.asked += 1
        if self.fails:
            raise StorageError("the disk is away")
        return self.skills

    async def find(self, name: str) -> Skill:
        raise NotImplementedError

    def resource(self, skill: Skill, relative: str) -> Path:
        raise NotImplementedError


@dataclass
class Scripts:
    """Runs no script, and remembers which."""

    seen: list[tuple[str, object]] = field(default_factory=list)

    async def run(self, source: str, args: Mapping[str, Any] | str | None = None) -> ScriptResult:
        self.seen.append((source, args))
        return ScriptResult("sunny", ("asked",), "printed\n", ("web:wttr.in",))


def command(name: str, line: str, parameters: dict[str, Any] | None = None, **more: Any) -> Skill:
    tool = SkillTool(name, "Does it.", parameters or ARGS, exec=line, **more)
    return Skill("demo", "A skill.", tools=(tool,))


def registry_with(
    catalogue: Catalogue,
    *,
    sandbox: PlainProcesses | None = None,
    scripts: Scripts | None = None,
    rules: Rules | None = None,
) -> ToolRegistry:
    settings = ToolSettings()
    parts = SkillToolParts(
        catalogue, settings, frozenset({"shell"}), sandbox or PlainProcesses(), scripts or Scripts()
    )
    gate = Gate(rules or Rules(), Person())
    runs = RunFolders(settings, ManualClock())
    registry = ToolRegistry(gate, runs, settings, (SkillTools(parts),))
    registry.add(FakeTool("shell", effects=frozenset({Effect.EXECUTES})))
    return registry


async def run(registry: ToolRegistry, folder: Path, name: str, **arguments: Any) -> Outcome:
    return await registry.run(scope_in(folder), ToolCall("c", name, arguments))


async def test_words_are_quoted_and_everything_comes_on_stdin(tmp_path: Path) -> None:
    parameters = {"type": "object", "properties": {"args": {"type": "array"}, "n": {}}}
    skill = command("say", "printf '[%s]'", parameters)
    sandbox = PlainProcesses()
    registry = registry_with(Catalogue((skill,)), sandbox=sandbox)
    outcome = await run(registry, tmp_path, "say", args=["a b", "$(id)", "';id;'"], n=1)
    assert outcome.text == "[a b][$(id)][';id;']"
    assert outcome.skill == "demo"
    (job,) = sandbox.jobs
    assert json.loads(job.stdin) == {"args": ["a b", "$(id)", "';id;'"], "n": 1}


async def test_it_sees_its_skill_and_the_work_folder(tmp_path: Path) -> None:
    skill_folder = tmp_path / "skill"
    (skill_folder / "sub").mkdir(parents=True)
    tool = SkillTool("look", "Looks.", ARGS, exec="pwd", working_dir="sub")
    skill = Skill("demo", "A skill.", folder=skill_folder, tools=(tool,))
    sandbox, rules = PlainProcesses(), Rules()
    registry = registry_with(Catalogue((skill,)), sandbox=sandbox, rules=rules)
    session = tmp_path / "session"
    session.mkdir()
    assert (await run(registry, session, "look")).text == str(skill_folder / "sub")
    grants = {grant.path: grant.access for grant in sandbox.jobs[0].grants}
    assert grants == {session / "work": Access.WRITE, skill_folder: Access.READ}
    assert (rules.seen[0].confined, rules.seen[0].target) == (True, "demo")


@pytest.mark.parametrize("folder", ["..", "/", "/etc", "no-such", "link"])
async def test_it_starts_nowhere_else(tmp_path: Path, folder: str) -> None:
    skill_folder = tmp_path / "skill"
    skill_folder.mkdir()
    (skill_folder / "link").symlink_to("/etc")
    tool = SkillTool("look", "Looks.", ARGS, exec="pwd", working_dir=folder)
    skill = Skill("demo", "A skill.", folder=skill_folder, tools=(tool,))
    sandbox = PlainProcesses()
    outcome = await run(registry_with(Catalogue((skill,)), sandbox=sandbox), tmp_path, "look")
    assert outcome.failed
    assert sandbox.jobs == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "'place' is missing"),
        ({"place": 1}, "wrong type"),
        ({"place": "x", "day": True}, "wrong type"),
        ({"place": "x", "unit": "z"}, "wrong type"),
        ({"place": "x", "plcae": "y"}, "did you mean 'place'?"),
        ({"place": "x", "args": [["a"]]}, "args must be texts"),
        ({"place": "x", "args": ["a\0b"]}, "NUL"),
    ],
)
async def test_wrong_arguments_are_told(
    tmp_path: Path, arguments: dict[str, Any], problem: str
) -> None:
    parameters = {
        "type": "object",
        "properties": {
            "place": {"type": "string"},
            "day": {"type": "integer"},
            "unit": {"enum": ["c", "f"]},
            "args": {"type": "array"},
        },
        "required": ["place"],
    }
    sandbox = PlainProcesses()
    registry = registry_with(Catalogue((command("do", "true", parameters),)), sandbox=sandbox)
    outcome = await run(registry, tmp_path, "do", **arguments)
    assert outcome.failed
    assert problem in outcome.text
    assert outcome.hint
    assert sandbox.jobs == []


async def test_names_that_are_taken_carry_the_skills(tmp_path: Path) -> None:
    skills = (command("shell", "true"), command("Look", "true"), command("look", "false"))
    registry = registry_with(Catalogue(skills))
    assert list(await registry.available(scope_in(tmp_path))) == ["demo_shell", "look", "shell"]
    assert not (await run(registry, tmp_path, "look")).failed  # the first skill's


async def test_the_tools_of_one_turn_stay_the_same(tmp_path: Path) -> None:
    catalogue = Catalogue((command("one", "true"),))
    registry = registry_with(catalogue)
    await registry.offer(scope_in(tmp_path), [])
    catalogue.skills = ()
    assert not (await run(registry, tmp_path, "one")).failed
    assert catalogue.asked == 1


async def test_a_turn_whose_skills_cannot_be_read_has_the_other_tools(tmp_path: Path) -> None:
    catalogue = Catalogue(fails=True)
    registry = registry_with(catalogue)
    assert list(await registry.available(scope_in(tmp_path))) == ["shell"]
    catalogue.fails, catalogue.skills = False, (command("one", "true"),)
    assert "one" in await registry.available(scope_in(tmp_path))


async def test_a_script_skill_is_a_tool_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "skill.py"
    script.write_text("def main(args): return args")
    skill = Skill("weather", "Tells it. And more.", kind=SkillKind.SCRIPT, script=script)
    scripts, rules = Scripts(), Rules()
    registry = registry_with(Catalogue((skill,)), scripts=scripts, rules=rules)
    scope = scope_in(tmp_path)
    (spec,) = (it for it in await registry.offer(scope, []) if it.name == "weather")
    assert spec.description == "Run the skill weather: Tells it."
    outcome = await registry.run(scope, ToolCall("c", "weather", {"args": "rain|Hanoi"}))
    assert outcome.text == "sunny\n[stderr]\nasked\nprinted"
    assert scripts.seen == [(script.read_text(), "rain|Hanoi")]
    assert scope.taint.origins == {"web:wttr.in"}
    assert rules.seen[0].effects == {Effect.NETWORK, Effect.EXECUTES}
    assert not rules.seen[0].confined


async def test_functions_of_packages_are_called(tmp_path: Path) -> None:
    async def later(arguments: Mapping[str, Any]) -> str:
        return f"later {arguments['args']}"

    def broken(arguments: Mapping[str, Any]) -> str:
        raise KeyError("x")

    tools = tuple(
        SkillTool(name, "Does it.", ARGS, call=call)
        for name, call in (("now", lambda a: f"now {a['args']}"), ("later", later), ("bad", broken))
    )
    rules = Rules([ActionKind.ALLOW])
    skill = Skill("pkg", "A package.", kind=SkillKind.PYTHON, tools=tools)
    registry = registry_with(Catalogue((skill,)), rules=rules)
    assert (await run(registry, tmp_path, "now", args=["a"])).text == "now ['a']"
    assert (await run(registry, tmp_path, "later", args=["b"])).text == "later ['b']"
    assert (await run(registry, tmp_path, "bad")).text == "bad broke; the log says why"
    assert {action.confined for action in rules.seen} == {False}


async def test_other_users_do_not_get_them(tmp_path: Path) -> None:
    registry = registry_with(Catalogue((command("one", "true"),)))
    stranger = scope_in(tmp_path, privileged=False)
    assert list(await registry.available(stranger)) == []
    refused = await registry.run(stranger, ToolCall("c", "one"))
    assert refused.failed
