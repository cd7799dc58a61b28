"""The choice of skills: names, keywords, a model, and what stays from turn to turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ruster.core.errors import ProviderError, ProviderUnreachable, SkillError
from ruster.core.inference import Content, InferenceEvent, InferenceRequest, Progress
from ruster.core.messages import Message, Role
from ruster.core.ports import ModelList
from ruster.core.skills import ChosenBy, SkillChoice
from ruster.core.tools import TurnScope
from ruster.skills.activation import ActivationStore
from ruster.skills.choosing import ChoiceRules, Choosing
from ruster.skills.keywords import KeywordShortlist
from ruster.skills.library import SkillLibrary
from ruster.skills.mentions import named_in
from ruster.skills.prompt import render
from ruster.skills.service import SkillService
from ruster.skills.settings import SkillSettings
from ruster.storage.disk import Disk
from ruster.testing import ScriptedProvider
from ruster.testing.scripted import Step
from tests.unit.skills.conftest import MakeSkill, skill

DESCRIPTIONS = {
    "weather": "Tells the weather, rain and forecast for a city.",
    "clock": "Tells the time and the date in a city.",
    "release-notes": "Writes release notes and changelogs from a list of changes.",
    "cooking": "Finds recipes for dinner from what is in the fridge.",
}


class Models:
    """``core.ports.ChatModels`` over one scripted provider."""

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self.provider = ScriptedProvider(*scripts)
        self.asked: list[str] = []

    def stream(self, model: str, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        self.asked.append(model)
        return self.provider.stream(request)

    async def context_size(self, model: str) -> int | None:
        return None

    async def models(self) -> ModelList:
        return ModelList((), {})


def says(*names: str) -> list[Step]:
    return [Content(json.dumps({"skills": list(names)}))]


class Bench:
    """A service over skills on the disk, and one session."""

    def __init__(self, service: SkillService, models: Models, scope: TurnScope) -> None:
        self.service = service
        self.models = models
        self.scope = scope

    async def choose(self, message: str, recent: Sequence[Message] = ()) -> SkillChoice:
        return await self.service.choose(self.scope, "local/own", message, recent)

    async def names(self, message: str) -> dict[str, ChosenBy]:
        choice = await self.choose(message)
        return {it.skill.name: it.by for it in choice.chosen}


@asynccontextmanager
async def bench(
    tmp_path: Path,
    models: Models,
    *,
    rules: ChoiceRules | None = None,
    settings: SkillSettings | None = None,
) -> AsyncIterator[Bench]:
    own = settings or SkillSettings()
    session = tmp_path / "session"
    session.mkdir(exist_ok=True)
    library = SkillLibrary([tmp_path / "skills"], max_skills=1000, watched=False, banned=())
    shortlist = KeywordShortlist()
    choosing = Choosing(library, models, shortlist, rules or ChoiceRules(), own)
    service = SkillService(library, choosing, shortlist, ActivationStore(Disk()), own)
    library.start()
    try:
        yield Bench(service, models, TurnScope("work", "0/work", "t-1", 0, True, session))
    finally:
        await library.aclose()


@pytest.fixture
def skills(make_skill: MakeSkill) -> None:
    for name, description in DESCRIPTIONS.items():
        make_skill(name, description, body=f"How to do {name}.")


@pytest.mark.usefixtures("skills")
async def test_without_fitting_words_no_model_is_asked(tmp_path: Path) -> None:
    models = Models(says("weather"))
    async with bench(tmp_path, models) as it:
        choice = await it.choose("hello, how are you?")
        assert (choice.chosen, choice.prompt, choice.shortlist) == ((), "", ())
        assert await it.names("thank you very much") == {}
    assert models.asked == []


@pytest.mark.usefixtures("skills")
async def test_the_model_decides_over_the_shortlist(tmp_path: Path) -> None:
    models = Models(says("weather"), says(), says("cooking", "clock", "unknown"))
    async with bench(tmp_path, models, rules=ChoiceRules(ttl_turns=0)) as it:
        earlier = [Message(Role.USER, "I go to Hanoi"), Message(Role.ASSISTANT, "Nice!")]
        choice = await it.choose("Will it rain in that city?", earlier)
        (chosen,) = choice.fresh
        assert (chosen.skill.name, chosen.by) == ("weather", ChosenBy.MODEL)
        assert choice.asked == "local/own"
        assert {ranked.skill.name for ranked in choice.shortlist} == {"weather", "clock"}
        assert choice.prompt.startswith("# Enabled Skills:\n\n## weather\n")
        assert "How to do weather." in choice.prompt
        assert "How to do clock." not in choice.prompt

        (request,) = models.provider.requests
        schema = request.config.behaviour.json_schema
        assert schema is not None
        assert schema["properties"]["skills"]["items"]["enum"] == ["weather", "clock"]
        assert request.config.sampling.temperature == 0.0
        assert request.session is None, "the choice must not disturb the session's own cache"
        assert "I go to Hanoi" in request.messages[1].content
        assert "cooking" not in request.messages[0].content

        assert await it.names("Does it rain in rainy cities?") == {}, "none is a normal answer"
        assert await it.names("What is the time?") == {"clock": ChosenBy.MODEL}


@pytest.mark.usefixtures("skills")
@pytest.mark.parametrize(
    "script",
    [
        [ProviderError("down")],
        [ProviderUnreachable("away")],
        [Content("I think none of them helps here")],
        [Content('{"skills": "weather"}')],
        [Content("[" * 3000)],
        [Content("x" * 5000)],
        [60.0],
        [Progress("model.gguf", 1, 1 << 30), 60.0],
    ],
    ids=["fails", "unreachable", "words", "wrong type", "nested", "long", "silent", "download"],
)
async def test_when_the_model_fails_clear_words_decide(tmp_path: Path, script: list[Step]) -> None:
    models = Models(script)
    settings = SkillSettings(choice_timeout_s=0.2)
    async with bench(tmp_path, models, settings=settings) as it:
        choice = await it.choose("Write the release notes for these changes")
        assert [(c.skill.name, c.by) for c in choice.chosen] == [
            ("release-notes", ChosenBy.KEYWORDS)
        ]
        assert choice.failure
        vague = await it.choose(
            "Somewhere in this long story about trains, ships, planes and bicycles a city appears"
        )
        assert [c.by for c in vague.chosen] == [ChosenBy.KEPT], "one stray word is not enough"


@pytest.mark.usefixtures("skills")
async def test_a_list_wrapped_in_words_is_understood(tmp_path: Path) -> None:
    models = Models([Content('Sure! ```json\n["clock"]\n```')])
    async with bench(tmp_path, models) as it:
        assert await it.names("the date in that city") == {"clock": ChosenBy.MODEL}


@pytest.mark.usefixtures("skills")
async def test_other_selectors_and_another_model(tmp_path: Path) -> None:
    models = Models(says("cooking"))
    async with bench(tmp_path, models, rules=ChoiceRules("keywords", ttl_turns=0)) as it:
        assert await it.names("What is the weather?") == {"weather": ChosenBy.KEYWORDS}
        assert models.asked == []
        it.service.choosing.rules = ChoiceRules("llm", model="small/one", ttl_turns=0)
        assert await it.names("I am hungry") == {"cooking": ChosenBy.MODEL}
        assert models.asked == ["small/one"]
        enum = models.provider.requests[0].config.behaviour.json_schema
        assert set((enum or {})["properties"]["skills"]["items"]["enum"]) == set(DESCRIPTIONS)


@pytest.mark.usefixtures("skills")
async def test_a_choice_stays_for_some_turns_and_is_dropped(tmp_path: Path) -> None:
    models = Models(says("weather"), says())
    async with bench(tmp_path, models, rules=ChoiceRules(ttl_turns=2)) as it:
        first = await it.choose("Will it rain?")
        assert [c.turns_left for c in first.chosen] == [2]
        second = await it.choose("and after that?")
        assert [(c.by, c.turns_left) for c in second.chosen] == [(ChosenBy.KEPT, 1)]
        assert second.fresh == ()
        again = await it.choose("and the rain then?")
        assert [(c.by, c.turns_left) for c in again.chosen] == [(ChosenBy.KEPT, 2)]
        assert len(models.asked) == 1, "what is there already needs no question"
        assert await it.names("okay") == {"weather": ChosenBy.KEPT}
        assert [s.name for s in await it.service.active(it.scope)] == ["weather"]
        assert await it.names("okay") == {"weather": ChosenBy.KEPT}
        assert [s.name for s in await it.service.active(it.scope)] == ["weather"]
        assert await it.names("okay") == {}
        assert await it.service.active(it.scope) == ()


@pytest.mark.usefixtures("skills")
async def test_naming_always_wins_and_a_command_asks_nobody(tmp_path: Path) -> None:
    models = Models(says())
    async with bench(tmp_path, models, rules=ChoiceRules(ttl_turns=0)) as it:
        assert await it.names("/cooking rain in the city") == {"cooking": ChosenBy.NAMED}
        assert models.asked == []
        assert await it.names("use the cooking skill, please") == {"cooking": ChosenBy.NAMED}
        assert await it.names("is @clock right?") == {"clock": ChosenBy.NAMED}
        it.service.library.banned = frozenset(("cooking",))
        choice = await it.choose("/cooking now")
        assert choice.chosen == ()
        assert choice.left_out == {"cooking": "it is banned"}


@pytest.mark.usefixtures("skills")
async def test_added_and_initial_skills_take_part_until_removed(tmp_path: Path) -> None:
    rules = ChoiceRules(initial=("clock", "missing"), ttl_turns=0)
    async with bench(tmp_path, Models(says()), rules=rules) as it:
        folder = it.scope.folder
        await it.service.add(folder, "cooking")
        choice = await it.choose("hello")
        assert {c.skill.name: c.by for c in choice.chosen} == {
            "cooking": ChosenBy.PINNED,
            "clock": ChosenBy.INITIAL,
        }
        assert choice.left_out == {"missing": "there is no such skill"}
        await it.service.remove(folder, "clock")
        await it.service.remove(folder, "cooking")
        assert await it.names("hello") == {}
        assert await it.names("what time is it in the city?") == {}, "removed: not by itself"
        assert await it.names("/clock") == {"clock": ChosenBy.NAMED}
        await it.service.add(folder, "clock")
        assert await it.names("hello") == {"clock": ChosenBy.PINNED}
        for name in ("no-such-skill", "clok"):
            with pytest.raises(SkillError):
                await it.service.add(folder, name)
            with pytest.raises(SkillError):
                await it.service.remove(folder, name)


@pytest.mark.usefixtures("skills")
async def test_a_dry_run_remembers_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, Models(says("weather"))) as it:
        seen = await it.service.preview(it.scope.folder, "local/own", "Will it rain?")
        assert [c.skill.name for c in seen.chosen] == ["weather"]
        assert await it.names("hello") == {}
        assert list(it.scope.folder.iterdir()) == []


async def test_limits_hold_with_sixty_skills(make_skill: MakeSkill, tmp_path: Path) -> None:
    for number in range(60):
        make_skill(f"topic-{number}", f"Knows about bananas and subject {number}", body="x" * 4000)
    settings = SkillSettings(max_active=5, max_pinned=6, prompt_bytes=10_000, shortlist_size=4)
    async with bench(tmp_path, Models(says("topic-1")), settings=settings) as it:
        for number in range(6):
            await it.service.add(it.scope.folder, f"topic-{number}")
        with pytest.raises(SkillError) as error:
            await it.service.add(it.scope.folder, "topic-30")
        assert error.value.code == "skill_limit"
        choice = await it.choose("/topic-9")
        assert [c.skill.name for c in choice.chosen] == [
            "topic-9", "topic-0", "topic-1", "topic-2", "topic-3",
        ]  # fmt: skip
        assert choice.left_out["topic-4"] == "5 skills take part already"
        assert len(choice.prompt.encode()) <= 10_000
        assert "did not fit" in choice.prompt
        assert {s.name for s in await it.service.active(it.scope)} == {
            c.skill.name for c in choice.chosen
        }
        for number in range(6):
            await it.service.remove(it.scope.folder, f"topic-{number}")
        other = await it.choose("a question about quite another fruit")
        assert "topic-3" not in other.prompt
        assert len((await it.service.preview(it.scope.folder, "m/m", "bananas")).shortlist) == 4


@pytest.mark.usefixtures("skills")
async def test_damage_to_the_state_costs_the_state_only(tmp_path: Path) -> None:
    async with bench(tmp_path, Models(says())) as it:
        await it.service.add(it.scope.folder, "clock")
        for damage in (b"", b"{", b"[]", b'{"pinned": [1, "../x", null]}', b"\xff", b"[" * 100_000):
            (it.scope.folder / "skills.json").write_bytes(damage)
            (it.scope.folder / "active-skills.json").write_bytes(b'{"active": {"clock": "x"}}')
            assert await it.names("hello") == {}
        (it.scope.folder / "active-skills.json").write_bytes(b'{"active": {"clock": 1}}')
        assert await it.names("hello") == {"clock": ChosenBy.KEPT}, "the file does count"
        await it.service.add(it.scope.folder, "cooking")
        assert await it.names("hello") == {"cooking": ChosenBy.PINNED}


@pytest.mark.usefixtures("skills")
async def test_changes_at_once_are_all_kept(tmp_path: Path) -> None:
    async with bench(tmp_path, Models(says())) as it:
        await asyncio.gather(*(it.service.add(it.scope.folder, name) for name in DESCRIPTIONS))
        assert set(await it.names("hello")) == set(DESCRIPTIONS)


@pytest.mark.usefixtures("skills")
async def test_a_folder_that_is_gone_never_stops_a_turn(tmp_path: Path) -> None:
    async with bench(tmp_path, Models(says("weather"))) as it:
        it.scope.folder.rmdir()
        choice = await it.choose("Will it rain?")
        assert choice.chosen == ()
        assert "cannot write" in (choice.failure or "")


def test_what_counts_as_naming_a_skill() -> None:
    names = {"clock", "release-notes", "web"}
    for message, found in {
        "/clock": ["clock"],
        "  /clock now": ["clock"],
        "please /release-notes for 2.0": ["release-notes"],
        "write release-notes": ["release-notes"],
        "write Release-Notes.": ["release-notes"],
        "the clock skill": ["clock"],
        "use skill clock": ["clock"],
        "try `clock` and 'web'": ["clock", "web"],
        "(@web)": ["web"],
        "$clock": ["clock"],
        "/usr/bin/clock": [],
        "https://example.org/web": [],
        "what a nice clock": [],
        "me@web.de": [],
        "/clock/face": [],
        "/clocks": [],
        "pre-release-notes-old": [],
    }.items():
        assert list(named_in(message, names)) == found, message


async def test_the_shortlist_finds_the_right_one_of_two_hundred() -> None:
    filler = [skill(f"filler-{n}", f"Handles matter {n} of department {n % 7}") for n in range(197)]
    wanted = [
        skill("invoices", "Writes invoices and reminders to customers who have not paid."),
        skill("translator", "Translates texts between languages, such as German and English."),
        skill("kanji", "日本語の漢字を説明します。"),
    ]
    skills = tuple(filler + wanted)
    shortlist = KeywordShortlist()
    for message, name in {
        "Could you translate this letter into English?": "translator",
        "The customer hasn't paid his invoice yet": "invoices",
        "この漢字は何ですか": "kanji",
    }.items():
        ranked = await shortlist.rank(message, skills, 8)
        assert ranked[0].skill.name == name
    assert await shortlist.rank("Hello! How are you?", skills, 8) == ()
    assert await shortlist.rank("x " * 100_000, skills, 8) == ()
    assert await shortlist.rank("anything", (), 8) == ()


def test_the_prompt_is_cut_at_a_line_and_stays_below_its_limit() -> None:
    body = "\n".join(f"line {n} ü" for n in range(500))
    for limit in (100, 200, 1000, 3000):
        text = render([(skill("one"), body), (skill("two"), body)], limit)
        assert len(text.encode()) <= limit
    assert render([], 100) == ""
    text = render([(skill("one"), body)], 1000)
    assert text.endswith("[The rest of this skill did not fit; its file has it.]")
