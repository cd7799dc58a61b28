"""Records age as the rules say; every move is written down and can be undone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError, ProviderError
from ruster.core.memory import Layer, LogEntry, Record
from ruster.memory.store import MemoryStore
from ruster.memory.upkeep.extract import Extract
from ruster.memory.upkeep.settings import UpkeepSettings
from ruster.testing import ManualClock
from tests.unit.memory.memories import NOON, BagOfWords, memory, texts

_HOUR = 3600.0
_DAY = 24 * _HOUR
_AT_ONCE = UpkeepSettings(keep_turns_days=0)


class Headline:
    """Summarizes by counting; ``during`` is run first, as if the model took its time."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.failure: ProviderError | None = None
        self.store: MemoryStore | None = None

    async def summarize(self, texts: Sequence[str]) -> str:
        self.asked.append(texts)
        if self.failure is not None:
            raise self.failure
        if self.store is not None:
            await self.store.edit((await self.store.recent())[0].id, "changed meanwhile")
            self.store = None
        return f"Summary of {len(texts)}: {texts[0]}"


async def _layers(store: MemoryStore) -> dict[str, Layer]:
    return {it.text: it.layer for it in await store.recent(limit=10_000)}


async def _newest(store: MemoryStore, id: str) -> LogEntry:
    return (await store.log(id))[0]


async def test_decisions_become_insights_after_a_day(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, BagOfWords(), clock=clock) as store:
        upkeep = store.upkeep()
        made = await store.insert(Record("We take the blue one.", tags=("decision",)))
        await store.settle()
        clock.advance(_DAY - 1)
        assert await upkeep.promote() == {}
        clock.advance(1)
        assert await upkeep.promote() == {"decision": 1}
        assert await _layers(store) == {"We take the blue one.": Layer.INSIGHTS}
        entry = await _newest(store, made.id)
        assert (entry.action, entry.rule) == ("promoted", "decision")
        assert (entry.from_layer, entry.to_layer) == (Layer.INTERACT, Layer.INSIGHTS)
        assert await upkeep.promote() == {}
        found = await store.search("blue").with_layers(["insights"])
        assert found[0].scores.vector > 0
        assert await store.search("blue").with_layers(["interact"]) == []


async def test_whole_days_are_summarized_and_go(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        upkeep = store.upkeep(_AT_ONCE)
        upkeep.summarizer = headline = Headline()
        for n in range(3):
            await store.insert(
                Record(f"turn {n}", session="s", speaker="Anna", origins=(f"web:{n}",))
            )
        await store.insert(Record("elsewhere", session="t"))
        await store.insert(Record("pinned", session="s", pinned=True))
        clock.advance(_DAY)
        assert await upkeep.promote() == {}  # the day ended twelve hours ago only
        clock.advance(12 * _HOUR)
        assert await upkeep.promote() == {"day": 4}
        assert headline.asked == [["Anna: turn 0", "Anna: turn 1", "Anna: turn 2"], ["elsewhere"]]
        assert await _layers(store) == {
            "Summary of 3: Anna: turn 0": Layer.INSIGHTS,
            "Summary of 1: elsewhere": Layer.INSIGHTS,
            "pinned": Layer.INTERACT,
        }
        summary = next(it for it in await store.recent() if it.session == "s" and not it.pinned)
        assert (summary.kind, summary.ts) == ("summary", NOON)
        assert summary.origins == ("web:0", "web:1", "web:2")


async def test_turns_stay_for_the_retention_after_their_summary(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        upkeep = store.upkeep(UpkeepSettings(keep_turns_days=30))
        made = await store.insert(Record("the code is 1234"))
        clock.advance(2 * _DAY)
        assert await upkeep.promote() == {"day": 1}
        assert len(await store.recent()) == 2
        assert await upkeep.promote() == {}
        clock.advance(28 * _DAY)
        assert await upkeep.promote() == {"retention": 1}
        assert [it.kind for it in await store.recent()] == ["summary"]
        assert [it.action for it in await store.log(made.id)] == ["expired", "summarized"]


async def test_turns_wait_for_a_summary_that_fails(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        upkeep = store.upkeep(_AT_ONCE)
        upkeep.summarizer = headline = Headline()
        headline.failure = ProviderError("no model")
        await store.insert(Record("turn"))
        clock.advance(400 * _DAY)
        assert await upkeep.promote() == {}
        headline.failure = None
        assert await upkeep.promote() == {"day": 1, "unused": 1}


async def test_without_summaries_turns_expire_by_age(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        upkeep = store.upkeep(UpkeepSettings(aged_turns="expire", keep_turns_days=0))
        await store.insert(Record("turn"))
        clock.advance(_DAY - 1)
        assert await upkeep.promote() == {}
        clock.advance(1)
        assert await upkeep.promote() == {"retention": 1}
        assert await store.recent() == []


async def test_a_summary_of_what_has_changed_is_not_kept(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        upkeep = store.upkeep(_AT_ONCE)
        upkeep.summarizer = headline = Headline()
        await store.insert_many([Record("one"), Record("two")])
        headline.store = store
        clock.advance(2 * _DAY)
        assert await upkeep.promote() == {}
        assert "changed meanwhile" in await _layers(store)
        assert await upkeep.promote() == {"day": 2}


async def test_unused_insights_are_summarized_into_assets(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        upkeep = store.upkeep()
        upkeep.summarizer = Headline()
        old = await store.insert(Record("old", Layer.INSIGHTS))
        used = await store.insert(Record("used", Layer.INSIGHTS))
        await store.insert(Record("pinned", Layer.INSIGHTS, pinned=True))
        await store.insert(Record("document", Layer.ASSETS))
        clock.advance(60 * _DAY)
        await store.used([used.id])
        clock.advance(29 * _DAY)
        assert await upkeep.promote() == {}
        clock.advance(_DAY)
        assert await upkeep.promote() == {"unused": 1}
        assert await _layers(store) == {
            "Summary of 1: old": Layer.ASSETS,
            "used": Layer.INSIGHTS,
            "pinned": Layer.INSIGHTS,
            "document": Layer.ASSETS,
        }
        entry = await _newest(store, old.id)
        assert (entry.action, entry.rule, entry.to_layer) == ("demoted", "unused", None)
        clock.advance(60 * _DAY)
        assert await upkeep.promote() == {"unused": 1}


async def test_the_score_rule(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        upkeep = store.upkeep(UpkeepSettings(score_rule=True))
        good = await store.insert(Record("good", score=0.9))
        await store.insert(Record("unused", score=0.9))
        best = await store.insert(Record("best", Layer.INSIGHTS, score=0.97))
        for _ in range(5):
            await store.used([good.id, best.id])
        clock.advance(_DAY)
        assert await upkeep.promote() == {"score": 1}
        found = await store.get(good.id)
        assert found is not None
        assert found.layer is Layer.INSIGHTS
        assert found.score == pytest.approx(0.81)
        clock.advance(89 * _DAY)
        await store.used([good.id])
        assert (await upkeep.promote())["score"] == 1
        assert (await _layers(store))["best"] is Layer.ASSETS


async def test_what_has_a_time_to_live_expires(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        await store.insert(Record("short", Layer.ASSETS, expires=NOON + 60))
        clock.advance(60)
        assert await store.upkeep().promote() == {"ttl": 1}
        assert await store.recent() == []


async def test_moves_can_be_undone_for_some_time(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, BagOfWords(), clock=clock) as store:
        upkeep = store.upkeep(_AT_ONCE)
        made = await store.insert_many(
            [Record("the red lamp"), Record("the green lamp"), Record("x", tags=("decision",))]
        )
        clock.advance(2 * _DAY)
        assert await upkeep.promote() == {"decision": 1, "day": 2}
        entry = await _newest(store, made[0].id)
        undone = await upkeep.undo(entry.number)
        assert {it.id for it in undone} == {made[0].id, made[1].id}
        assert all(it.undone == clock.now() for it in undone)
        await store.settle()
        found = await store.search("green lamp")
        assert texts(found)[0] == "the green lamp"
        assert found[0].record.layer is Layer.INTERACT
        assert not any(hit.record.kind == "summary" for hit in found)
        assert (await _newest(store, made[0].id)).action == "undone"
        assert await upkeep.promote() == {}  # what came back is pinned
        await upkeep.undo((await _newest(store, made[2].id)).number)
        assert (await _layers(store))["x"] is Layer.INTERACT


async def test_what_cannot_be_undone(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        upkeep = store.upkeep(UpkeepSettings(aged_turns="expire", keep_turns_days=0))
        made = await store.insert_many([Record("one"), Record("two"), Record("three")])
        clock.advance(2 * _DAY)
        await upkeep.promote()
        one, two, three = [(await _newest(store, it.id)).number for it in made]
        await upkeep.undo(one)
        await store.forget([made[1].id])
        forgotten = (await _newest(store, made[1].id)).number

        async def refusal(number: int) -> str:
            with pytest.raises(MemoryError) as caught:
                await upkeep.undo(number)
            assert caught.value.code == "undo_impossible"
            return caught.value.message

        assert await refusal(999) == "the log has no entry 999"
        assert await refusal(one) == "that is undone already"
        assert await refusal(two) == "1 of its records are deleted"
        assert await refusal(forgotten) == "what was forgotten cannot be undone"
        clock.advance(31 * _DAY)
        assert await refusal(three) == "moves can be undone for 30 days"


async def test_a_superseded_fact_can_come_back(folder: Path) -> None:
    async with memory(folder) as store:
        old = await store.keep(Record("It is red.", slot="colour"))
        await store.keep(Record("It is blue.", slot="colour"))
        await store.upkeep().undo((await _newest(store, old.id)).number)
        assert {it.text for it in await store.recent()} == {"It is red.", "It is blue."}
        back = await store.get(old.id)
        assert back is not None
        assert (back.valid_to, back.superseded_by) == (None, "")


async def test_vacuum_deletes_what_can_no_longer_be_undone(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, BagOfWords(), clock=clock) as store:
        upkeep = store.upkeep(UpkeepSettings(aged_turns="expire", keep_turns_days=0))
        made = await store.insert_many([Record(f"turn {n} " + "x " * 300) for n in range(700)])
        old = await store.keep(Record("It is red.", slot="colour"))
        await store.keep(Record("It is blue.", slot="colour"))
        await store.settle()
        clock.advance(2 * _DAY)
        await upkeep.promote()
        assert (await upkeep.vacuum()).purged == 0
        clock.advance(30 * _DAY)
        before = store.path.stat().st_size
        done = await upkeep.vacuum()
        assert done.purged == 700
        assert store.path.stat().st_size == before - done.freed_bytes < before // 2
        assert await store.get(made[0].id) is None
        assert [it.action for it in await store.log(made[0].id)] == ["purged", "expired"]
        assert await store.get(old.id) is not None  # history is no waste


async def test_summaries_go_with_what_they_were_made_of(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        upkeep = store.upkeep()
        upkeep.summarizer = Headline()
        made = await store.insert_many([Record("my pin is 9876"), Record("hello")])
        clock.advance(2 * _DAY)
        await upkeep.promote()
        gone = await store.forget([made[0].id])
        assert len(gone.summaries) == 1
        assert [it.text for it in await store.recent()] == ["hello"]
        assert b"9876" not in store.path.read_bytes()


async def test_the_summary_without_a_model() -> None:
    said = [
        "Hello. How are you?",
        "The dentist moved the appointment to Thursday at four. Fine.",
        "ok " * 500,
        "We decided to repaint the kitchen in sage green before Easter.",
    ]
    text = await Extract().summarize(said)
    assert "appointment to Thursday" in text
    assert "sage green" in text
    assert text.index("Thursday") < text.index("sage")
    assert len(text.split()) <= 120
    assert await Extract().summarize(["one two"]) == "one two"
    assert (await Extract().summarize(["word " * 9000])).startswith("word word")


async def test_a_year_of_turns(folder: Path) -> None:
    """Every rule at work, every day: what is there at the end follows from the rules alone."""
    clock = ManualClock(NOON)
    chance = random.Random(5)
    settings = UpkeepSettings(keep_turns_days=7, undo_days=10, unused_days=60, log_days=60)
    async with memory(folder, clock=clock) as store:
        upkeep = store.upkeep(settings)
        sizes: list[int] = []
        decisions: list[str] = []
        logged: list[LogEntry] = []
        told = 0
        for day in range(365):
            records = [
                Record(
                    f"turn {day}-{n}: " + " ".join(chance.choices(_WORDS, k=30)),
                    session=f"s{day % 3}",
                    speaker=("Anna", "ruster")[n % 2],
                )
                for n in range(12)
            ]
            records[0] = replace(records[0], tags=("decision",))
            made = await store.insert_many(records)
            told += len(made)
            decisions.append(made[0].id)
            if day == 3:
                await store.pin(made[5].id)
                pinned = made[5].id
            if decisions and day % 10 == 0:
                await store.used([decisions[day // 2]])
            clock.advance(_DAY)
            await upkeep.promote()
            await upkeep.vacuum()
            sizes.append(store.path.stat().st_size)
            logged += await _log_after(store, logged[-1].number if logged else 0)
            if day % 60 == 0:
                assert await store.check() == []
        await _check_year(store, clock, settings, decisions, pinned)
        # Bounded but for the summaries in `assets`, which stay for good.
        assert max(sizes[300:]) < 1.4 * max(sizes[150:210])
        by_action = {it.action for it in logged}
        assert by_action == {"promoted", "summarized", "expired", "demoted", "purged"}
        gone = {it.id for it in logged if it.action in ("expired", "demoted")}
        there = {it.id for it in await store.recent(limit=100_000)}
        assert not gone & there
        assert len({it.id for it in logged if it.action == "expired"}) > told * 0.9
        last = next(it for it in reversed(logged) if it.action == "expired")
        await upkeep.undo(last.number)
        assert last.id in {it.id for it in await store.recent(limit=100_000)}


_WORDS = "river stone lamp bread violin garden winter letter harbour clock pepper window".split()  # noqa: SIM905


async def _log_after(store: MemoryStore, number: int) -> list[LogEntry]:
    """Return the entries after one, which must follow it without a gap."""
    fresh = [it for it in await store.log(limit=1000) if it.number > number][::-1]
    assert [it.number for it in fresh] == list(range(number + 1, number + 1 + len(fresh)))
    return fresh


async def _check_year(
    store: MemoryStore,
    clock: ManualClock,
    settings: UpkeepSettings,
    decisions: Sequence[str],
    pinned: str,
) -> None:
    now = clock.now()
    for it in await store.recent(limit=100_000):
        age = now - (it.ts or 0)
        if it.id == pinned:
            assert it.layer is Layer.INTERACT
        elif it.layer is Layer.INTERACT:
            assert age < max(settings.keep_turns_days, 2) * _DAY
            assert "decision" not in it.tags or age < _DAY
        elif it.layer is Layer.INSIGHTS:
            since = max(it.ts or 0, it.last_used or 0)
            assert now - since < settings.unused_days * _DAY
        else:
            assert it.kind == "summary"
    found = [await store.get(id) for id in decisions[-30:-1]]
    assert all(it is not None and it.layer is Layer.INSIGHTS for it in found)
