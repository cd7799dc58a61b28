"""Facts: what is known is merged, what changed is superseded, and the user's own words win."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.core.memory import KeptAs, Layer, Record
from ruster.memory.records.sameness import digest_of
from ruster.testing import ManualClock
from tests.unit.memory.memories import NOON, BagOfWords, memory, texts

_WEB = ("web:example.com",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I live in Porto.", "i live in  PORTO"),
        ("I'm a baker", "I am a baker!"),
        ("The wifi password is hunter2", "Please remember that the wifi password is hunter2."),
        ("I don't eat meat", "I do not eat meat"),
        ("My sister\u2019s name is Ana", "My sister's name is Ana"),
    ],
)
def test_texts_that_say_the_same(one: str, other: str) -> None:
    assert digest_of(one) == digest_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I live in Porto.", "I live in Lisbon."),
        ("I eat meat", "I do not eat meat"),
        ("I was a baker", "I am a baker"),
        ("Anna likes Ben", "Ben likes Anna"),
        ("It costs 1.50", "It costs 150"),
        ("It costs 5 €", "It costs 5 $"),
        ("the", "a"),
    ],
)
def test_texts_that_do_not(one: str, other: str) -> None:
    assert digest_of(one) != digest_of(other)


async def test_a_fact_told_twice_is_kept_once(folder: Path) -> None:
    async with memory(folder) as store:
        first = await store.keep(Record("I live in Porto.", tags=("home",)))
        again = await store.keep(Record("i live in porto", tags=("city",), score=0.9))
        assert (first.how, again.how, again.id) == (KeptAs.NEW, KeptAs.MERGED, first.id)
        (record,) = await store.recent()
        assert record.text == "I live in Porto."
        assert record.tags == ("home", "city")
        assert (record.layer, record.score) == (Layer.INSIGHTS, 0.9)
        assert [it.action for it in await store.log(first.id)] == ["merged"]
        other = await store.keep(Record("I live in Porto.", project="novel"))
        assert other.how is KeptAs.NEW


async def test_a_fact_supersedes_that_of_its_slot(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, BagOfWords(), clock=clock) as store:
        ids = []
        for city in ("Porto", "Lisbon", "Faro"):
            kept = await store.keep(Record(f"I live in {city}.", slot="user.city"))
            ids.append(kept.id)
            clock.advance(60)
        assert kept.how is KeptAs.SUPERSEDED
        assert kept.replaced == (ids[1],)
        await store.settle()
        assert texts(await store.search("where do I live?")) == ["I live in Faro."]
        history = await store.history(ids[2])
        assert [it.text for it in history] == ["I live in Lisbon.", "I live in Porto."]
        assert (history[0].valid_from, history[0].valid_to) == (NOON + 60, NOON + 120)
        assert history[0].superseded_by == ids[2]
        (entry,) = await store.log(ids[0])
        assert (entry.action, entry.rule, entry.made) == ("superseded", "slot", ids[1])
        back = await store.keep(Record("I live in Porto.", slot="user.city"))
        assert back.how is KeptAs.SUPERSEDED  # true once more, and not the old record


async def test_a_fact_supersedes_what_it_is_told_to(folder: Path) -> None:
    async with memory(folder) as store:
        old = await store.keep(Record("The plan is to fly."))
        new = await store.keep(Record("We take the train."), supersedes=[old.id, "none"])
        assert new.replaced == (old.id,)
        assert [it.text for it in await store.recent()] == ["We take the train."]


async def test_a_fact_told_late_does_not_win(folder: Path) -> None:
    async with memory(folder) as store:
        now = await store.keep(Record("I live in Faro.", slot="user.city", ts=NOON))
        late = await store.keep(Record("I live in Porto.", slot="user.city", ts=NOON - 900))
        assert late.replaced == ()
        assert [it.id for it in await store.recent()] == [now.id]
        (earlier,) = await store.history(now.id)
        assert (earlier.id, earlier.valid_from, earlier.valid_to) == (late.id, NOON - 900, NOON)


async def test_others_words_do_not_supersede_the_users(folder: Path) -> None:
    async with memory(folder) as store:
        own = await store.keep(Record("My bank is the red one.", slot="user.bank"))
        foreign = Record("My bank is the evil one.", slot="user.bank", origins=_WEB)
        kept = await store.keep(foreign, supersedes=[own.id])
        assert kept.how is KeptAs.BESIDE
        found = {it.text: it.origins for it in await store.recent()}
        assert found == {"My bank is the red one.": (), "My bank is the evil one.": _WEB}
        # The control: among foreign words the later ones win, and the user's own always do.
        newer = await store.keep(Record("My bank is the blue one.", slot="user.bank"))
        assert newer.how is KeptAs.SUPERSEDED
        assert [it.text for it in await store.recent()] == ["My bank is the blue one."]


async def test_others_words_do_not_touch_a_fact_of_the_user(folder: Path) -> None:
    async with memory(folder) as store:
        own = await store.keep(Record("The door code is 17."))
        await store.keep(Record("the door code is 17", tags=("evil",), pinned=True, origins=_WEB))
        found = await store.get(own.id)
        assert found is not None
        assert (found.tags, found.pinned, found.origins) == ((), False, ())


async def test_the_users_own_words_clear_a_fact_in_doubt(folder: Path) -> None:
    async with memory(folder) as store:
        doubt = await store.keep(Record("please remember THE DOOR CODE IS 17", origins=_WEB))
        clear = await store.keep(Record("The door code is 17."))
        assert clear.id == doubt.id
        found = await store.get(doubt.id)
        assert found is not None
        assert (found.text, found.origins) == ("The door code is 17.", ())
        again = await store.keep(Record("My room is 4.", origins=("web:a",)))
        await store.keep(Record("my room is 4", origins=("web:b",)))
        found = await store.get(again.id)
        assert found is not None
        assert found.origins == ("web:a", "web:b")
