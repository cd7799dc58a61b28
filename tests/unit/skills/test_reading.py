"""Single skills: the standard's rules, our additions, descriptors, scripts, hostile files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ruster.core.skills import Severity, Skill, SkillKind
from ruster.skills.fields import is_skill_name
from ruster.skills.reading import Reading, read_skill
from tests.unit.skills.conftest import MakeSkill

CORPUS = Path(__file__).resolve().parents[2] / "skills"
VALID = sorted(it for it in (CORPUS / "valid").iterdir() if it.is_dir())
TOLERATED = sorted(it for it in (CORPUS / "tolerated").iterdir() if it.is_dir())
BROKEN = sorted(it for it in (CORPUS / "broken").iterdir() if it.is_dir())


def errors(reading: Reading) -> list[str]:
    return [str(it) for it in reading.problems if it.severity is Severity.ERROR]


def breaches(reading: Reading) -> list[str]:
    return [it.reason for it in reading.problems if it.severity is Severity.NONSTANDARD]


@pytest.mark.parametrize("folder", VALID, ids=lambda it: it.name[:20])
def test_a_valid_skill_is_taken(folder: Path) -> None:
    reading = read_skill(folder)
    assert errors(reading) == []
    assert reading.skill is not None
    assert reading.skill.name == folder.name
    assert reading.skill.description


@pytest.mark.parametrize("folder", BROKEN, ids=lambda it: it.name[:20])
def test_a_broken_skill_is_refused_with_a_reason(folder: Path) -> None:
    reading = read_skill(folder)
    assert reading.skill is None
    assert errors(reading)
    assert all(problem.source.startswith(str(folder)) for problem in reading.problems)


@pytest.mark.parametrize("folder", TOLERATED, ids=lambda it: it.name)
def test_a_tolerated_skill_is_taken_and_its_breach_told(folder: Path) -> None:
    reading = read_skill(folder)
    assert errors(reading) == []
    assert len(breaches(reading)) == 1
    assert reading.skill is not None
    assert is_skill_name(reading.skill.name)
    assert 1 <= len(reading.skill.description) <= 1024


def test_what_is_tolerated_is_mended() -> None:
    def taken(name: str) -> Skill:
        skill = read_skill(CORPUS / "tolerated" / name).skill
        assert skill is not None
        return skill

    assert taken("Upper").name == "upper"
    assert taken("under_score").name == "under-score"
    assert taken("other-name").name == "another-name"
    assert taken("no-name").name == "no-name"
    assert taken("colon").description == "Use it when: there is a colon"
    assert len(taken("long-description").description) == 1024
    assert taken("bad-compatibility").compatibility == ""
    assert taken("long-compatibility").compatibility == ""
    assert taken("bad-tools").allowed_tools == ()


def test_skills_written_for_other_agents_are_taken(tmp_path: Path) -> None:
    def taken(folder: str, head: str) -> Reading:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "SKILL.md").write_text(f"---\n{head}\n---\nBody.\n")
        reading = read_skill(tmp_path / folder)
        assert reading.skill is not None, errors(reading)
        return reading

    long = taken("wordy", "name: wordy\ndescription: " + "word " * 300).skill
    assert long is not None
    assert 1020 <= len(long.description) <= 1024
    assert long.description.endswith(" word")
    for number, tools in enumerate(("Read, Write", "[Read, Bash]", "\n  - Read\n  - Bash")):
        reading = taken(f"tools-{number}", f"name: tools-{number}\ndescription: d\ntools: {tools}")
        assert reading.skill is not None
        assert (reading.skill.tools, breaches(reading)) == ((), [])
        assert [it.reason for it in reading.problems] == [
            "tools names tools of another agent and is ignored"
        ]
    head = (
        "name: My Report: Weekly v1.0\ndescription: It's for: reports\n  with: colons\nlicense: a"
    )
    reading = taken("report", head)
    assert reading.skill is not None
    assert reading.skill.name == "my-report-weekly-v1-0"
    assert reading.skill.description == "It's for: reports with: colons"
    assert reading.skill.license == "a"
    assert [it.line for it in reading.problems] == [2, 3, 2]


def test_values_are_texts_as_they_are_written(make_skill: MakeSkill) -> None:
    fields = (
        "license: 2020-99-99\ncompatibility: no\nallowed-tools: yes\nmetadata:\n  version: 1.10\n"
        "  day: 2020-01-01\n  sure: yes\n  none:\n  many: [1.10, on]\n  big: " + "9" * 5000
    )
    reading = read_skill(make_skill("texts", description="1e3", fields=fields))
    assert reading.problems == ()
    skill = reading.skill
    assert skill is not None
    assert (skill.description, skill.license, skill.compatibility) == ("1e3", "2020-99-99", "no")
    assert skill.allowed_tools == ("yes",)
    assert skill.metadata == {
        "version": "1.10",
        "day": "2020-01-01",
        "sure": "yes",
        "none": "",
        "many": '["1.10", "on"]',
        "big": "9" * 1024,
    }


def test_all_fields_are_read() -> None:
    reading = read_skill(CORPUS / "valid" / "full-fields")
    skill = reading.skill
    assert skill is not None
    assert skill.description == (
        "Has every field of the standard, with a description on several lines."
    )
    assert skill.license == "Apache-2.0"
    assert skill.compatibility == "Needs git and network access"
    assert skill.metadata == {"author": "example", "version": "1.0"}
    assert skill.allowed_tools == ("read_file", "run_skill_script")
    assert skill.kind is SkillKind.INSTRUCTIONS
    assert reading.body.startswith("# All of it")


def test_a_problem_names_file_and_line() -> None:
    problems = {
        "twice": ":4: the field 'description' stands there twice",
        "bad-yaml": ":",
        "alias": ":3: anchors",
    }
    for name, expected in problems.items():
        (found, *_) = errors(read_skill(CORPUS / "broken" / name))
        assert f"{name}/SKILL.md{expected}" in found
    problems = {
        "colon": ":3: put quotes around the value of 'description'",
        "other-name": ":2: the name 'another-name' must be that of its folder",
        "bad-tools": ":4: allowed-tools must be names",
    }
    for name, expected in problems.items():
        (problem,) = [
            it
            for it in read_skill(CORPUS / "tolerated" / name).problems
            if it.severity is Severity.NONSTANDARD
        ]
        assert f"{name}/SKILL.md{expected}" in str(problem)


def test_tools_are_read_and_bad_ones_told(make_skill: MakeSkill) -> None:
    tools = """tools:
  - name: get_time
    description: Tells
      the time.
    parameters: {type: object, properties: {args: {type: array}}}
    exec: date
    working_dir: scripts
"""
    skill = read_skill(make_skill("timer", fields=tools)).skill
    assert skill is not None
    (tool,) = skill.tools
    assert (tool.name, tool.description, tool.exec) == ("get_time", "Tells the time.", "date")
    assert tool.working_dir == "scripts"
    assert tool.parameters["properties"] == {"args": {"type": "array"}}

    for bad, reason in (
        ("tools: {a: b}", "must be a list"),
        ("tools: [date, {a: b}]", "tool 1: it must be a map"),
        ("tools: [{name: 'a b', description: d, exec: date}]", "its name must be"),
        ("tools: [{name: a, description: d}]", "exec must be a text"),
        ("tools: [{name: a, exec: b, description: ''}]", "description must be a text"),
        ("tools: [{name: a, exec: b, description: d, parameters: []}]", "JSON Schema"),
        ("tools: [{name: a, exec: b, description: d, parameters: {type: array}}]", "type: object"),
        (
            "tools: [{name: a, exec: b, description: d, "
            "parameters: {type: object, default: 2020-01-01}}]",
            "no JSON",
        ),
        ('tools: [{name: a, exec: "b\\0", description: d}]', "exec must be"),
        (
            "tools: [{name: a, exec: b, description: d}, {name: a, exec: b, description: d}]",
            "twice",
        ),
    ):
        reading = read_skill(make_skill("bad", fields=bad))
        assert reading.skill is None, bad
        assert any(reason in it for it in errors(reading)), (bad, errors(reading))


def test_unknown_fields_and_long_bodies_are_only_warned_of(make_skill: MakeSkill) -> None:
    reading = read_skill(make_skill("wordy", fields="version: 2", body="line\n" * 600))
    assert reading.skill is not None
    warned = [it.reason for it in reading.problems if it.severity is Severity.WARNING]
    assert len(warned) == 2
    assert "'version' is not known" in warned[0]
    assert "600 lines" in warned[1]


def test_a_descriptor_is_a_skill_in_one_file(tmp_path: Path) -> None:
    file = tmp_path / "dice.toml"
    file.write_text(
        'name = "dice"\ndescription = "Rolls dice."\ninstructions = "Call roll."\n'
        'allowed-tools = ["roll"]\n[metadata]\nversion = 1\n'
        '[[tools]]\nname = "roll"\ndescription = "Rolls."\nexec = "shuf -i 1-6 -n 1"\n'
        "[tools.parameters]\ntype = 'object'\n"
    )
    reading = read_skill(file)
    assert errors(reading) == []
    assert reading.skill is not None
    assert reading.body == "Call roll."
    assert reading.skill.tools[0].exec == "shuf -i 1-6 -n 1"
    assert reading.skill.metadata == {"version": "1"}
    file.write_text('name = "cards"\ndescription = "d"\n')
    reading = read_skill(file)
    assert breaches(reading) == ["the name 'cards' must be that of its folder or file, 'dice'"]
    assert reading.skill is not None
    assert reading.skill.name == "cards"
    file.write_text("name = dice\n")
    assert f"{file}:1: no valid TOML" in errors(read_skill(file))[0]


def test_script_skills_in_all_forms(tmp_path: Path, make_skill: MakeSkill) -> None:
    alone = tmp_path / "dice.script.py"
    head = "# ---\n# name: dice\n# description: Rolls dice.\n# ---\n# Say how many sides.\n"
    alone.write_text(head + "def main(args):\n    return '4'\n")
    reading = read_skill(alone)
    assert reading.skill is not None
    assert (reading.skill.kind, reading.skill.script) == (SkillKind.SCRIPT, alone.resolve())
    assert reading.body == "Say how many sides."

    folder = tmp_path / "dice"
    folder.mkdir()
    (folder / "skill.py").write_text(alone.read_text())
    skill = read_skill(folder).skill
    assert skill is not None
    assert (skill.script, skill.folder) == (folder / "skill.py", folder)

    beside = make_skill("beside")
    (beside / "skill.py").write_text("def main():\n    return ''\n")
    skill = read_skill(beside).skill
    assert skill is not None
    assert skill.kind is SkillKind.SCRIPT

    named = make_skill("named", fields="script: scripts/run.py")
    assert "there is no 'scripts/run.py'" in errors(read_skill(named))[0]
    (named / "scripts").mkdir()
    (named / "scripts" / "run.py").write_text("def main():\n    return ''\n")
    skill = read_skill(named).skill
    assert skill is not None
    assert skill.script == named / "scripts" / "run.py"

    (named / "scripts" / "run.py").write_text("#" * (128 * 1024 + 1))
    assert "larger than 131072" in errors(read_skill(named))[0]
    make_skill("named", fields="script: ../beside/skill.py")
    assert "without '..'" in errors(read_skill(named))[0]


def hostile_heads() -> dict[str, str]:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
    )
    return {
        "bomb": bomb,
        "deep flow": "name: " + "[" * 20_000,
        "deep block": "".join("  " * n + "- \n" for n in range(200)),
        "many": "a: [" + "x," * 20_000 + "]",
        "huge": "description: " + "x" * 70_000,
        "tag": "name: !!python/object/apply:os.system ['true']",
        "merge": "base: &b {x: 1}\nname:\n  <<: *b",
        "list name": "name: [a]\ndescription: d",
        "map description": "name: hostile\ndescription: {a: b}",
        "complex key": "? [a, b]\n: c",
        "control": 'name: hostile\ndescription: "a\\u0007b"',
        "null byte": 'name: "hostile\\0"\ndescription: d',
        "newline name": 'name: "hostile\\nhostile"\ndescription: d',
        "path": "name: ../hostile\ndescription: d",
        "two documents": "name: hostile\ndescription: d\n...\nname: other",
        "tag of a text": "name: !!str hostile\ndescription: d",
        "bad date": "name: hostile\ndescription: d\ntools: [{when: 2020-99-99}]",
        "big int": "name: hostile\ndescription: d\ntools: [{n: " + "9" * 5000 + "}]",
        "long name": "name: " + "n" * 60_000 + "\ndescription: d",
        "capital path": "name: ../Hostile\ndescription: d",
        "colons": "name: hostile\ndescription: a: b\nother: [c: d: e",
    }


@pytest.mark.parametrize("head", hostile_heads().values(), ids=hostile_heads().keys())
def test_hostile_heads_are_refused_one_by_one(head: str, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "SKILL.md").write_text(f"---\n{head}\n---\nbody\n")
    reading = read_skill(folder)
    assert reading.skill is None
    assert errors(reading)
    assert all(len(it) < 1000 for it in errors(reading))


def test_hostile_files_are_refused(make_skill: MakeSkill, tmp_path: Path) -> None:
    folder = make_skill("hostile")
    file = folder / "SKILL.md"
    good = file.read_bytes()
    for data, reason in (
        (good + b"\0", "NUL"),
        (good + b"\xff\xfe", "not UTF-8"),
        (good + b"x" * (256 * 1024), "larger than 262144 bytes"),
        (b"", "must begin with"),
    ):
        file.write_bytes(data)
        assert reason in errors(read_skill(folder))[0]
    file.unlink()
    file.symlink_to(file)
    assert errors(read_skill(folder))
    file.unlink()
    outside = tmp_path / "secret.md"
    outside.write_bytes(good)
    file.symlink_to(outside)
    assert "leads out" in errors(read_skill(folder))[0]
    file.unlink()
    file.mkdir()
    assert "no regular file" in errors(read_skill(folder))[0]
    file.rmdir()
    os.mkfifo(file)
    assert "no regular file" in errors(read_skill(folder))[0]
    file.unlink()
    (folder / "inside.md").write_bytes(good)
    file.symlink_to("inside.md")
    assert read_skill(folder).skill is not None, "a link within the folder is fine"


@pytest.mark.skipif(os.geteuid() == 0 or sys.platform == "darwin", reason="root may read all")
def test_a_file_that_may_not_be_read(make_skill: MakeSkill) -> None:
    folder = make_skill("closed")
    (folder / "SKILL.md").chmod(0)
    assert "cannot be opened" in errors(read_skill(folder))[0]


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    folder = tmp_path / "dos"
    folder.mkdir()
    text = "\ufeff---\nname: dos\ndescription: d\n---\nOne\nTwo\n"
    (folder / "SKILL.md").write_bytes(text.replace("\n", "\r\n").encode())
    reading = read_skill(folder)
    assert errors(reading) == []
    assert reading.body == "One\nTwo"
