"""What a wish to forget deletes, end to end: facts, what they replaced, and what was said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ruster.core.memory import Layer, Record
from ruster.core.messages import Message, Role
from ruster.core.tools import TurnScope
from ruster.memory.keeping import Keeper
from ruster.memory.learning.finding import MAX_FACTS
from ruster.memory.learning.forgetting import Wish
from ruster.memory.learning.known import OwnerFacts
from ruster.memory.learning.rules import RuleLearner
from ruster.memory.memories import Memories
from ruster.memory.service import MemoryService
from ruster.memory.settings import MemorySettings
from ruster.testing import ManualClock

OWNER = 1000


class House:
    """A memory service that learns by rules."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.memories = Memories(folder / "owners", self.clock, 4)
        learner = RuleLearner(OwnerFacts(self.memories).near)
        self.keeper = Keeper(self.memories, learner, 100)
        self.service = MemoryService(
            self.memories, self.keeper, MemorySettings(), lambda key: folder / key
        )
        self.turn = 0

    def scope(self, session: str = "a", owner: int = OWNER) -> TurnScope:
        key = f"{owner}/{session}"
        folder = self.folder / key
        folder.mkdir(parents=True, exist_ok=True)
        turn = f"t-{self.turn}"
        return TurnScope(session, key, turn, owner, privileged=True, folder=folder)

    async def told(self, text: str, answer: str = "Noted.", session: str = "a") -> None:
        self.turn += 1
        self.clock.advance(60)
        said = (Message(Role.USER, text), Message(Role.ASSISTANT, answer))
        self.service.keep(self.scope(session), "pinky/echo", said)
        await self.keeper.settled()

    async def facts(self, owner: int = OWNER) -> set[str]:
        file = self.memories.owner_file(owner)
        if not file.exists():
            return set()
        async with self.memories.lend(file) as store:
            return {it.text for it in await store.recent()}

    async def said(self, session: str = "a") -> set[str]:
        async with self.memories.lend(
            self.memories.session_file(self.scope(session).folder)
        ) as store:
            return {it.text for it in await store.recent()}

    async def forget(self, what: str, session: str = "a") -> set[str]:
        deleted = await self.service.delete(self.scope(session), what)
        assert deleted.refused == 0
        return {it.text for it in deleted.memories}


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    built = House(folder)
    try:
        yield built
    finally:
        await built.service.aclose()


def on_disk(folder: Path, word: str) -> bool:
    return any(word.encode() in it.read_bytes() for it in folder.rglob("*.sqlite*") if it.is_file())


async def test_who_moves_lives_elsewhere(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("I live in Hanoi")
        await it.told("I moved to Hue")
        assert await it.facts() == {"The user lives in Hue."}
        async with it.memories.lend(it.memories.owner_file(OWNER)) as store:
            (now,) = await store.recent()
            (before,) = await store.history(now.id)
        assert before.text == "The user lives in Hanoi."
        assert before.valid_to == now.valid_from
        assert (now.source, before.source) == ("t-2", "t-1")


async def test_what_is_said_to_be_over_is_over(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("I live in Hanoi")
        await it.told("I love mushrooms")
        await it.told("I no longer live in Hanoi")
        await it.told("I hate mushrooms")
        assert await it.facts() == {
            "The user does not live in Hanoi any more.",
            "The user hates mushrooms.",
        }


async def test_a_fact_goes_with_what_was_said_of_it(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("I live in Hanoi", "Hanoi is a fine city to live in!")
        await it.told("My cat is called Milo", "A fine name.")
        assert await it.forget("I live in Hanoi") == {
            "The user lives in Hanoi.",
            "I live in Hanoi",
            "Hanoi is a fine city to live in!",
        }
        assert await it.facts() == {"The user's cat is called Milo."}
        assert await it.said() == {"My cat is called Milo", "A fine name."}
        assert on_disk(tmp_path, "Milo")
        assert not on_disk(tmp_path, "Hanoi")


async def test_what_was_replaced_can_be_forgotten_alone(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("I live in Hanoi")
        await it.told("I moved to Hue")
        assert "The user lives in Hanoi." in await it.forget("I live in Hanoi")
        assert await it.facts() == {"The user lives in Hue."}
        assert not on_disk(tmp_path, "Hanoi")


async def test_my_birthday_is_mine(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("My birthday is 3 May")
        await it.told("My mother's birthday is on 4 June")
        assert await it.forget("my birthday") == {
            "The user's birthday is 3 May.",
            "My birthday is 3 May",
        }
        assert await it.facts() == {"The user's mother's birthday is 4 June."}


async def test_all_about_somebody(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("My boss is called Huong")
        await it.told("I owe Huong 20 euros")
        await it.told("I like jazz")
        assert {"The user's boss is called Huong.", "The user owes Huong 20 euros."} < (
            await it.forget("Huong")
        )
        assert await it.facts() == {"The user likes jazz."}


async def test_a_taste_goes_and_others_with_the_same_word_stay(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("I like jazz")
        await it.told("My favourite station is Radio Jazz")
        await it.forget("I like jazz")
        assert await it.facts() == {"The user's favourite station is Radio Jazz."}


async def test_the_opposite_stays(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("I'm not allergic to cat hair")
        assert await it.forget("I'm allergic to cat hair") == set()
        assert await it.facts() == {"The user is not allergic to cat hair."}
        assert await it.forget("I'm not allergic to cat hair")


async def test_another_owners_memory_is_not_touched(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.told("I live in Hanoi")
        stranger = it.scope("a", owner=1001)
        assert (await it.service.delete(stranger, "I live in Hanoi")).memories == ()
        assert await it.facts() == {"The user lives in Hanoi."}


async def test_a_turn_that_waits_does_not_bring_it_back(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        scope = it.scope()
        it.service.keep(scope, "pinky/echo", (Message(Role.USER, "I live in Hanoi"),))
        assert "The user lives in Hanoi." in await it.forget("I live in Hanoi")
        telling = (
            Message(Role.USER, "Forget that I live in Hanoi"),
            Message(Role.TOOL, "deleted: The user lives in Hanoi.", name="forget"),
            Message(Role.ASSISTANT, "I have forgotten that you live in Hanoi."),
        )
        it.service.keep(scope, "pinky/echo", telling)
        await it.keeper.settled()
        assert not on_disk(tmp_path, "Hanoi")


async def test_what_tools_brought_and_documents_say_stays(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        page = Message(Role.TOOL, "Many people live in Hanoi", name="web_fetch")
        recalled = Message(Role.TOOL, "- user: I live in Hanoi", name="recall")
        it.service.keep(it.scope(), "pinky/echo", (page, recalled))
        document = Record("To live in Hanoi", layer=Layer.ASSETS, kind="markdown")
        await it.service.learn(OWNER, document)
        assert await it.forget("I live in Hanoi") == {"recall: - user: I live in Hanoi"}
        assert await it.facts() == {"To live in Hanoi"}


async def test_too_much_at_once_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        for number in range(MAX_FACTS + 1):
            await it.service.learn(OWNER, Record(f"Fact {number} on Hanoi", kind="fact"))
        deleted = await it.service.delete(it.scope(), "Hanoi")
        assert (deleted.memories, deleted.refused) == ((), MAX_FACTS + 1)
        assert len(await it.facts()) == MAX_FACTS + 1
        assert await it.forget("fact 3 on Hanoi") == {"Fact 3 on Hanoi"}
        assert len(await it.forget("Hanoi")) == MAX_FACTS


async def test_somebody_elses_words_are_told_as_such(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        foreign = Record("The code is 4711", kind="fact", origins=("web:example.com",))
        await it.service.learn(OWNER, foreign)
        (memory,) = (await it.service.delete(it.scope(), "the code is 4711")).memories
        assert memory.origin == "web:example.com"


@pytest.mark.parametrize("text", ["", " ", "the", "!!!", "?", "\ufffc"])
async def test_a_wish_that_names_nothing_deletes_nothing(tmp_path: Path, text: str) -> None:
    async with house(tmp_path) as it:
        await it.told("I live in Hanoi")
        assert await it.forget(text) == set()


@pytest.mark.parametrize(
    ("wish", "slot", "meant"),
    [
        ("my birthday", "user.birthday", True),
        ("my cat", "user.my-cat.name", True),
        ("my cat", "user.my-catfish.name", False),
        ("my email address", "user.email", False),
    ],
)
def test_slots_tell_what_is_mine(wish: str, slot: str, meant: bool) -> None:
    assert Wish.of(wish).means(Record("something", slot=slot)) == meant
