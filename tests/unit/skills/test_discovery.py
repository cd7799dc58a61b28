"""Many skills in many folders: order, clashes, bounds, links, and what comes and goes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from ruster.core.errors import SkillError
from ruster.core.skills import SkillKind, SkillTool
from ruster.skills.discovery import Scanner
from ruster.skills.files import contained_file
from ruster.skills.library import SkillLibrary
from ruster.skills.reading import Reading, read_skill
from ruster.skills.registered import read_registered
from ruster.skills.starters import install_starters
from tests.unit.skills.conftest import MakeSkill


def test_a_broken_skill_never_stops_the_others(make_skill: MakeSkill, tmp_path: Path) -> None:
    make_skill("good")
    (make_skill("bad") / "SKILL.md").write_text("nothing")
    (tmp_path / "skills" / "notes.txt").write_text("no skill")
    (tmp_path / "skills" / "drawer").mkdir()
    found = Scanner([tmp_path / "skills"], 10).scan()
    assert list(found.skills) == ["good"]
    assert len(found.problems) == 1


def test_the_first_folder_wins_a_clash_and_it_is_told(
    make_skill: MakeSkill, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    make_skill("one", "from the first", root=first)
    make_skill("one", "from the second", root=second)
    make_skill("two", root=second)
    found = Scanner([first, second, first], 10).scan()
    assert {it: found.skills[it].description for it in found.skills} == {
        "one": "from the first",
        "two": "d",
    }
    (problem,) = found.problems
    assert problem.source == str(second / "one" / "SKILL.md")
    assert "'one' is left out" in problem.reason


def test_collections_are_looked_into_down_to_the_third_level_and_hidden_folders_never(
    make_skill: MakeSkill, tmp_path: Path
) -> None:
    root = tmp_path / "skills"
    make_skill("inside", root=root / "collection")
    make_skill("of-a-repository", root=root / "collection" / "skills")
    make_skill("too-deep", root=root / "collection" / "skills" / "further")
    make_skill("hidden", root=root / ".staging")
    make_skill("of-a-library", root=root / "collection" / "node_modules")
    make_skill("nested", root=make_skill("outer"))
    found = Scanner([root], 10).scan()
    assert sorted(found.skills) == ["inside", "of-a-repository", "outer"]
    assert found.problems == ()


def test_links_are_followed_but_never_round_in_circles(
    make_skill: MakeSkill, tmp_path: Path
) -> None:
    root = tmp_path / "skills"
    elsewhere = make_skill("linked", root=tmp_path / "elsewhere")
    root.mkdir()
    (root / "linked").symlink_to(elsewhere)
    (root / "circle").symlink_to(root)
    (root / "itself").symlink_to("itself")
    (root / "nowhere").symlink_to("/does/not/exist")
    found = Scanner([root, tmp_path / "missing", elsewhere / "SKILL.md"], 10).scan()
    assert list(found.skills) == ["linked"]
    assert found.skills["linked"].folder == elsewhere
    assert found.problems == (), "what lies in the circle is no second skill of that name"


def test_the_number_of_skills_is_bounded(make_skill: MakeSkill, tmp_path: Path) -> None:
    for number in range(12):
        make_skill(f"skill-{number:02}")
    found = Scanner([tmp_path / "skills"], 10).scan()
    assert len(found.skills) == 10
    assert [it.reason for it in found.problems] == [
        "there are more than 10 skills: this and others are left out"
    ]


def test_only_what_changed_is_read_again(
    make_skill: MakeSkill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counted(path: Path) -> Reading:
        read.append(path)
        return read_skill(path)

    monkeypatch.setattr("ruster.skills.discovery.read_skill", counted)
    for number in range(1000):
        make_skill(f"skill-{number}", f"Does thing number {number}")
    scanner = Scanner([tmp_path / "skills"], 1000)
    assert len(scanner.scan().skills) == 1000
    assert len(read) == 1000
    read.clear()
    changed = make_skill("skill-7", "Does something else now")
    assert scanner.scan().skills["skill-7"].description == "Does something else now"
    assert read == [changed]


async def test_a_body_is_the_one_on_the_disk_and_read_once(
    make_skill: MakeSkill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counted(path: Path) -> Reading:
        read.append(path)
        return read_skill(path)

    monkeypatch.setattr("ruster.skills.discovery.read_skill", counted)
    folder = make_skill("plain", body="First.")
    (tmp_path / "skills" / "dice.toml").write_text(
        'name = "dice"\ndescription = "Rolls."\ninstructions = "Roll."\n'
    )
    library = SkillLibrary([tmp_path / "skills"], max_skills=10, watched=False, banned=())
    library.start()
    try:
        skill = await library.find("plain")
        assert [await library.body(skill) for _ in range(3)] == ["First."] * 3
        assert await library.body(await library.find("dice")) == "Roll."
        assert len(read) == 2
        make_skill("plain", body="Second, though nobody watches.")
        assert await library.body(skill) == "Second, though nobody watches."
        assert read[2:] == [folder]
    finally:
        await library.aclose()


@pytest.fixture
def library(tmp_path: Path) -> SkillLibrary:
    roots = (tmp_path / "skills", tmp_path / "later" / "skills")
    return SkillLibrary(roots, max_skills=10, watched=True, banned=())


async def _until(library: SkillLibrary, holds: Callable[[dict[str, str]], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            skills = (await library.catalogue()).skills
            if holds({name: it.description for name, it in skills.items()}):
                return
            await asyncio.sleep(0.01)


async def test_skills_come_change_and_go_while_it_runs(
    library: SkillLibrary, make_skill: MakeSkill, tmp_path: Path
) -> None:
    make_skill("early")
    library.start()
    try:
        await _until(library, lambda found: list(found) == ["early"])
        make_skill("new", "first")
        await _until(library, lambda found: found.get("new") == "first")
        make_skill("new", "second")
        await _until(library, lambda found: found.get("new") == "second")
        make_skill("broken")
        await _until(library, lambda found: "broken" in found)
        (tmp_path / "skills" / "broken" / "SKILL.md").write_text("no more")
        await _until(library, lambda found: "broken" not in found)
        shutil.rmtree(tmp_path / "skills" / "new")
        await _until(library, lambda found: list(found) == ["early"])
        make_skill("late", root=tmp_path / "later" / "skills")  # a folder that was missing
        await _until(library, lambda found: "late" in found)
        make_skill("late", "changed", root=tmp_path / "later" / "skills")
        await _until(library, lambda found: found["late"] == "changed")
    finally:
        await library.aclose()


async def test_names_are_looked_up_and_bans_hold(
    library: SkillLibrary, make_skill: MakeSkill
) -> None:
    make_skill("release-notes", body="The body.")
    library.start()
    try:
        skill = await library.find("release-notes")
        assert await library.body(skill) == "The body."
        with pytest.raises(SkillError, match="did you mean 'release-notes'") as error:
            await library.find("release-note")
        assert error.value.code == "skill_not_found"
        before = await library.usable()
        assert await library.usable() is before
        library.banned = frozenset(("release-notes",))
        assert await library.usable() == ()
        with pytest.raises(SkillError) as error:
            await library.find("release-notes")
        assert error.value.code == "skill_banned"
        (skill.folder or Path()).joinpath("SKILL.md").write_text("broken meanwhile")
        with pytest.raises(SkillError, match="is broken") as error:
            await library.body(skill)
        assert error.value.code == "skill_invalid"
    finally:
        await library.aclose()


def test_resources_stay_in_the_folder(make_skill: MakeSkill, tmp_path: Path) -> None:
    folder = make_skill("safe")
    (folder / "references").mkdir()
    (folder / "references" / "a text.md").write_text("t")
    (tmp_path / "secret").write_text("s")
    (folder / "out").symlink_to(tmp_path)
    (folder / "secret").symlink_to(tmp_path / "secret")
    (folder / "circle").symlink_to("circle")
    found = contained_file(folder, "references/a text.md")
    assert found.read_text() == "t"
    for path in (
        "../secret", "references/../../secret", "out/secret", "secret", "/etc/passwd", "~/x", "",
        "a\0b", "references", "missing", "circle", "x" * 5000, "references/" * 200,
    ):  # fmt: skip
        with pytest.raises(SkillError) as error:
            contained_file(folder, path)
        assert error.value.code == "skill_invalid"
    assert (folder / "out" / "secret").read_text() == "s", "the link does lead there"


class _Given:
    """What an entry point may name."""

    name = "from-package"
    description = "Comes from a Python package."
    instructions = "Do it."
    allowed_tools = ("echo",)
    tools = (
        SkillTool("echo", "Says it again.", {"type": "object"}, call=lambda given: str(given)),
        {"name": "shell", "description": "Runs.", "exec": "true"},
    )


class _Entry:
    """Stands for an entry point of an installed package."""

    def __init__(self, name: str, load: Callable[[], object]) -> None:
        self.name = name
        self.value = "acme.skill"
        self.load = load


def _fail() -> object:
    raise RuntimeError("boom")


def test_skills_of_packages_are_taken_and_their_faults_told() -> None:
    entries = [
        _Entry("a", lambda: _Given),
        _Entry("b", lambda: SimpleNamespace(**vars(_Given) | {"name": "Bad Name"})),
        _Entry("c", _fail),
        _Entry("d", lambda: lambda: _Given()),
        _Entry("e", lambda: SimpleNamespace(name="e", description=1, instructions=2)),
    ]
    readings = read_registered(entries)  # type: ignore[arg-type]
    good, bad, failed, called, wrong = readings
    assert good.skill is not None
    assert good.skill.kind is SkillKind.PYTHON
    assert [it.name for it in good.skill.tools] == ["shell", "echo"]
    assert good.body == "Do it."
    assert bad.skill is None
    assert "RuntimeError: boom" in failed.problems[0].reason
    assert called.skill == good.skill
    assert wrong.skill is None
    found = Scanner([], 10, readings).scan()
    assert found.bodies == {"from-package": "Do it."}


def test_starters_are_given_once_and_never_overwrite(tmp_path: Path) -> None:
    folder = tmp_path / "skills"
    folder.mkdir()
    (folder / "clock").mkdir()
    (folder / "clock" / "SKILL.md").write_text("mine")
    install_starters(folder)
    names = {"clock", "joke-teller", "skill-manager", "weather", "web-browsing"}
    assert {it.name for it in folder.iterdir() if not it.name.startswith(".")} == names
    assert (folder / "clock" / "SKILL.md").read_text() == "mine"
    shutil.rmtree(folder / "joke-teller")
    install_starters(folder)
    assert not (folder / "joke-teller").exists()
    found = Scanner([folder], 10).scan()
    assert set(found.skills) == names - {"clock", "joke-teller"}
    assert [str(it) for it in found.problems] == [
        f"{folder}/clock/SKILL.md:1: the file must begin with a line '---', the fields, "
        "and a line '---'"
    ]
    assert found.skills["weather"].kind is SkillKind.SCRIPT


def test_every_starter_is_sound(tmp_path: Path) -> None:
    install_starters(tmp_path)
    found = Scanner([tmp_path], 10).scan()
    assert len(found.skills) == 5
    assert found.problems == ()
