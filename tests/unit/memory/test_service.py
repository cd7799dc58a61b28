"""What turns and tools ask of the memory: across sessions of one owner, and never of another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import Layer, Record
from ruster.core.messages import Message, Role
from ruster.core.tools import TurnScope
from ruster.memory.keeping import Keeper, Learned
from ruster.memory.memories import Memories
from ruster.memory.service import MemoryService
from ruster.memory.settings import MemorySettings
from ruster.testing import ManualClock
from tests.unit.memory.memories import BagOfWords

OWNER = 1000


@dataclass
class Learner:
    """Learns what the user said, word for word; ``gate`` holds it back."""

    gate: asyncio.Event | None = None
    models: list[str] = field(default_factory=list)
    failure: MemoryError | None = None

    async def learn(
        self, scope: TurnScope, model: str, messages: Sequence[Message]
    ) -> Sequence[Learned]:
        self.models.append(model)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return [
            Learned(
                Record(
                    it.content,
                    layer=Layer.INSIGHTS,
                    session=scope.session_key,
                    origins=it.origins,
                )
            )
            for it in messages
            if it.role is Role.USER
        ]


class House:
    """A service with its folders."""

    def __init__(self, folder: Path, learner: Learner | None, settings: MemorySettings) -> None:
        self.folder = folder
        self.memories = Memories(folder / "owners", ManualClock(), settings.max_open)
        self.keeper = Keeper(self.memories, learner, settings.max_waiting)
        self.service = MemoryService(self.memories, self.keeper, settings, self.session_folder)

    def session_folder(self, key: str) -> Path:
        return self.folder / "sessions" / key

    def scope(self, session: str = "a", owner: int = OWNER) -> TurnScope:
        key = f"{owner}/{session}"
        folder = self.session_folder(key)
        folder.mkdir(parents=True, exist_ok=True)
        return TurnScope(session, key, "t-1", owner, privileged=True, folder=folder)

    async def told(self, text: str, scope: TurnScope, *origins: str) -> None:
        """Have a turn kept in which somebody said something."""
        said = (Message(Role.USER, text, origins=origins), Message(Role.ASSISTANT, "Noted."))
        self.service.keep(scope, "pinky/echo", said)
        await self.keeper.settled()


@asynccontextmanager
async def house(
    folder: Path, learner: Learner | None = None, **settings: object
) -> AsyncIterator[House]:
    built = House(folder, learner or Learner(), MemorySettings.model_validate(settings))
    try:
        yield built
    finally:
        await built.service.aclose()


async def test_what_was_told_in_one_session_is_brought_to_another(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("My cat is called Milo.", it.scope("a"))
        brought = await it.service.bring(it.scope("b"), "What is my cat called?")
        assert "My cat is called Milo." in brought.prompt
        assert brought.prompt.startswith("# Memory:\n- 2027-01-15 ")
        assert brought.hits[0].scores.lexical > 0
    async with house(tmp_path) as it:  # and after a restart
        assert "Milo" in (await it.service.bring(it.scope("c"), "my cat, what is it called")).prompt


async def test_it_is_never_brought_to_another_owner(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("My cat is called Milo.", it.scope("a"))
        other = it.scope("a", owner=1001)
        assert (await it.service.bring(other, "What is my cat called?")).prompt == ""
        assert await it.service.recall(other, "cat", 10) == ()
        await it.told("My cat is called Gustl.", other)
        found = await it.service.recall(other, "cat", 10)
        assert {"Milo" in line.text for line in found} == {False}


@pytest.mark.parametrize("message", ["hello", "", "  ", "what is the weather in Rome", "\ud800"])
async def test_what_does_not_fit_is_not_brought(tmp_path: Path, message: str) -> None:
    async with house(tmp_path) as it:
        await it.told("My cat is called Milo.", it.scope("a"))
        assert (await it.service.bring(it.scope("b"), message)).prompt == ""


@pytest.mark.parametrize(
    ("message", "fits"),
    [("kite lantern barrel wagon ladder bucket", False), ("kite lantern boat pebble", True)],
)
async def test_what_has_only_little_in_common_by_meaning_is_not_brought(
    tmp_path: Path, message: str, fits: bool
) -> None:
    """Two telling words of six are a cosine of a third at most, however a search weighs it."""
    async with house(tmp_path) as it:
        it.memories.use((BagOfWords(),), None)
        await it.told("lantern boat pebble kite candle meadow", it.scope())
        file = it.memories.owner_file(OWNER)
        async with it.memories.lend(file) as store:
            await store.settle()
        brought = await it.service.bring(it.scope("b"), message)
        assert bool(brought.hits) is fits


async def test_what_is_before_the_model_already_is_not_brought_again(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        text = "My cat is called Milo."
        await it.told(text, it.scope("a"))
        question = "What is my cat called?"
        assert (await it.service.bring(it.scope("a"), question, {text})).prompt == ""
        assert (await it.service.bring(it.scope("a"), question)).prompt


async def test_what_tools_brought_comes_only_when_it_is_asked_for(tmp_path: Path) -> None:
    async with house(tmp_path, Learner(failure=MemoryError("no"))) as it:
        text = "The cat in the picture is called Gustl."
        page = Message(Role.TOOL, text, name="web_fetch", tool_call_id="c", origins=("web:a.org",))
        it.service.keep(it.scope("a"), "pinky/echo", (page,))
        await it.keeper.settled()
        question = "What is the cat in the picture called?"
        assert (await it.service.bring(it.scope("a"), question)).prompt == ""
        (found,) = await it.service.recall(it.scope("a"), question, 1)
        assert (found.origin, "Gustl" in found.text) == ("web:a.org", True)


async def test_only_so_much_is_brought(tmp_path: Path) -> None:
    async with house(tmp_path, brought=3, brought_tokens=200) as it:
        for number in range(10):
            await it.told(f"My cat number {number} is called Milo {'very ' * number}.", it.scope())
        brought = await it.service.bring(it.scope("b"), "What are my cats called?")
        assert 1 <= len(brought.hits) <= 3
        assert len(brought.prompt) < 1000


async def test_somebody_elses_words_stay_somebody_elses(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("My cat is called Rex.", it.scope("a"), "web:example.com")
        brought = await it.service.bring(it.scope("b"), "What is my cat called?")
        assert brought.origins == ("web:example.com",)
        assert "(from web:example.com)" in brought.prompt
        (line,) = (it for it in await it.service.recall(it.scope("b"), "cat", 1))
        assert line.origin == "web:example.com"


async def test_what_a_tool_remembers_bears_the_doubts_of_its_turn(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        scope = it.scope("a")
        scope.taint.mark("web:example.com")
        await it.service.remember(scope, "The code is 4711.")
        brought = await it.service.bring(it.scope("b"), "what is the code")
        assert brought.origins == ("web:example.com",)


async def test_a_session_that_goes_takes_with_it_what_was_told_there(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("My cat is called Milo.", it.scope("a"))
        await it.told("My dog is called Rex.", it.scope("b"))
        await it.service.forget(f"{OWNER}/a")
        found = {line.text for line in await it.service.recall(it.scope("c"), "cat dog called", 10)}
        assert len(found) == 1
        assert "Rex" in found.pop()
        file = it.memories.owner_file(OWNER)
    for path in file.parent.iterdir():
        assert b"Milo" not in path.read_bytes()


async def test_a_session_that_goes_while_its_turn_is_kept_leaves_nothing(tmp_path: Path) -> None:
    learner = Learner(gate=asyncio.Event())
    async with house(tmp_path, learner) as it:
        scope = it.scope("a")
        said = (Message(Role.USER, "My cat is called Milo."),)
        it.service.keep(scope, "pinky/echo", said)
        it.service.keep(scope, "pinky/echo", said)
        other = (Message(Role.USER, "My dog is called Rex."),)
        it.service.keep(it.scope("b"), "pinky/echo", other)
        while not learner.models:
            await asyncio.sleep(0)
        await it.service.forget(f"{OWNER}/a")
        assert learner.gate is not None
        learner.gate.set()
        await it.keeper.settled()
        found = [line.text for line in await it.service.recall(it.scope("c"), "called", 10)]
        assert len(found) == 1
        assert "Rex" in found[0]


async def test_a_learner_that_fails_stops_nothing(tmp_path: Path) -> None:
    learner = Learner(failure=MemoryError("no"))
    async with house(tmp_path, learner) as it:
        await it.told("My cat is called Milo.", it.scope("a"))
        await it.told("My dog is called Rex.", it.scope("a"))
        hits = await it.service.search(OWNER, it.scope("a").folder, "called")
        kept = {hit.record.text for hit in hits}  # all the same, with the session
        assert {"My cat is called Milo.", "My dog is called Rex."} <= kept


async def test_beyond_the_bound_the_oldest_turn_that_waits_is_left_out(tmp_path: Path) -> None:
    learner = Learner(gate=asyncio.Event())
    async with house(tmp_path, learner, max_waiting=2) as it:
        for number in range(5):
            said = (Message(Role.USER, f"turn {number}"),)
            it.service.keep(it.scope("a"), "pinky/echo", said)
        assert learner.gate is not None
        learner.gate.set()
        await it.keeper.settled()
        hits = await it.service.search(OWNER, it.scope("a").folder, "turn")
        assert {hit.record.text for hit in hits} == {"turn 3", "turn 4"}


async def test_nothing_is_made_before_something_is_kept(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.service.bring(it.scope("a"), "What is my cat called?")
        await it.service.recall(it.scope("a"), "cat", 5)
        await it.service.forget(f"{OWNER}/a")
        assert list(tmp_path.rglob("*.sqlite*")) == []
    async with house(tmp_path, enabled=False) as it:
        await it.told("My cat is called Milo.", it.scope("a"))
        assert list(tmp_path.rglob("*.sqlite*")) == []


async def test_only_so_many_memories_are_open(tmp_path: Path) -> None:
    async with house(tmp_path, max_open=2) as it:
        for number in range(6):
            await it.told(f"My cat is called Milo{number}.", it.scope(f"s{number}"))
        assert len(it.memories._open) <= 2
        assert len(await it.service.recall(it.scope("s0"), "called", 20)) >= 6


async def test_a_damaged_memory_is_told_and_the_turn_goes_on(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        file = it.memories.owner_file(OWNER)
        file.parent.mkdir(parents=True)
        file.write_bytes(b"no database" * 1000)
        brought = await it.service.bring(it.scope("a"), "What is my cat called?")
        assert brought.prompt == ""
        assert brought.failure
