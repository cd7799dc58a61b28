"""What is found, in which order, why, and what the builder's parts do."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import Layer, Record
from ruster.memory.search.filters import Filter
from ruster.memory.search.query import Query
from ruster.memory.search.recipe import Recipe
from ruster.testing import ManualClock
from tests.unit.memory.memories import NOON, BagOfWords, WordCount, memory, texts

_DAY = 86_400.0


async def test_words_find_other_forms_of_themselves(folder: Path) -> None:
    async with memory(folder) as store:
        await store.insert(Record("She was planning two holidays in Norway."))
        await store.insert(Record("The kettle is broken."))
        assert texts(await store.search("plans for the holiday")) == [
            "She was planning two holidays in Norway."
        ]


async def test_vectors_find_what_shares_no_word(folder: Path) -> None:
    bag = BagOfWords(automobile="car", purchased="bought")
    async with memory(folder, bag) as store:
        await store.insert(Record("He bought a red car."))
        await store.insert(Record("Rain fell all night."))
        await store.settle()
        best = (await store.search("purchased automobile"))[0]
        assert best.record.text == "He bought a red car."
        assert best.scores.lexical == 0
        assert best.scores.vector > 0.3
        store.use([])
        assert await store.search("purchased automobile") == []


async def test_a_turn_is_found_by_what_was_said_around_it(folder: Path) -> None:
    async with memory(folder) as store:
        for session in ("s", "other"):
            await store.insert(Record("Where did you spend the summer?", session=session))
        await store.insert(Record("On a farm near Evora.", session="s"))
        hits = await store.search("summer")
        assert "On a farm near Evora." in texts(hits)
        assert hits[0].record.text == "Where did you spend the summer?"


async def test_turns_far_apart_in_time_are_no_neighbours(folder: Path) -> None:
    async with memory(folder) as store:
        await store.insert(Record("Where did you spend the summer?", session="s"))
        await store.insert(Record("Good morning.", session="s", ts=NOON + _DAY))
        assert texts(await store.search("summer")) == ["Where did you spend the summer?"]


async def test_who_spoke_is_found(folder: Path) -> None:
    async with memory(folder) as store:
        await store.insert(Record("I like tea.", speaker="Anna"))
        await store.insert(Record("I like tea, too.", speaker="Ben"))
        assert (await store.search("what does Ben like?"))[0].record.speaker == "Ben"


async def test_the_parts_of_a_score_add_up(folder: Path) -> None:
    async with memory(folder, BagOfWords()) as store:
        await store.insert(
            Record("the red lantern", Layer.INSIGHTS, pinned=True, ts=NOON - 30 * _DAY)
        )
        await store.settle()
        (hit,) = await store.search("red lantern")
        parts = hit.scores
        assert parts.lexical == 1
        assert 0 < parts.vector <= Recipe().vector
        assert parts.sitting == pytest.approx(Recipe().sitting)
        assert (parts.layer, parts.length, parts.date) == (0, 0, 0)
        assert parts.age == pytest.approx(0.02)
        assert parts.pinned == pytest.approx(0.05)
        fit = parts.lexical + parts.vector + parts.sitting
        assert hit.score == pytest.approx(fit + 0.07)


async def test_what_was_said_in_a_sitting_helps_all_of_it(folder: Path) -> None:
    async with memory(folder) as store:
        for n, (session, hours, text) in enumerate(
            (
                ("alone", 0.0, "The tickets cost a lot."),
                ("s", 0.0, "We talked about Norway and its fjords."),
                *(("s", 0.1, f"Small talk, part {part}.") for part in range(3)),
                ("s", 1.0, "The tickets were dear."),
                ("s", 9.0, "The tickets are here."),
            )
        ):
            await store.insert(
                Record(text, session=session, ts=NOON - 30 * _DAY + hours * 3600, id=str(n))
            )
        found = await store.search("Norway fjords tickets")
        hits = {hit.record.text: hit.scores for hit in found}
        assert next(it for it in hits if "tickets" in it) == "The tickets were dear."
        assert hits["The tickets were dear."].sitting == pytest.approx(Recipe().sitting)
        for apart in ("The tickets cost a lot.", "The tickets are here."):
            own = hits[apart].lexical * Recipe().sitting
            assert hits[apart].sitting == pytest.approx(own)


async def test_what_vectors_find_is_rated_by_its_words_as_well(folder: Path) -> None:
    bag = BagOfWords()
    ((near,), (away,)) = [await bag.embed([text]) for text in ("red lantern", "a green hill")]
    async with memory(folder, bag) as store:
        await store.insert(Record("red lantern", embedding=away))
        await store.insert(Record("a red boat, a long way out", embedding=near))
        found = await store.search("red lantern").top_k(1).limit(2)
        boat, lantern = found[0].scores, found[1].scores
        assert boat.vector == pytest.approx(Recipe().vector, abs=1e-3)
        assert 0 < boat.lexical < lantern.lexical == 1


async def test_words_alone_choose_from_more(folder: Path) -> None:
    async with memory(folder) as store:
        for n in range(6):
            await store.insert(Record(f"a red boat, number {n}"))
        assert len(await store.search("red").top_k(2).limit(6)) == 4


async def test_layer_and_age_break_ties_only(folder: Path) -> None:
    async with memory(folder) as store:
        await store.insert(Record("the blue door", ts=NOON - 300 * _DAY, layer=Layer.ASSETS))
        await store.insert(Record("the blue door", ts=NOON))
        await store.insert(Record("the blue door of the mill by the river", layer=Layer.ASSETS))
        assert [it.record.ts for it in await store.search("blue door", 1)] == [NOON]
        best = (await store.search("blue door mill river"))[0]
        assert best.record.layer is Layer.ASSETS


async def test_filters(folder: Path) -> None:
    async with memory(folder, BagOfWords()) as store:
        await store.insert(Record("apple one", kind="fact", tags=("a", "b"), project="p"))
        await store.insert(Record("apple two", Layer.INSIGHTS, session="s", tags=("a",)))
        await store.insert(Record("apple three", Layer.ASSETS, ts=NOON - 5 * _DAY))
        await store.settle()

        async def found(query: Query) -> set[str]:
            return {text.removeprefix("apple ") for text in texts(await query)}

        apple = store.search("apple")
        assert await found(apple) == {"one", "two", "three"}
        assert await found(apple.with_layers(["insights", Layer.ASSETS])) == {"two", "three"}
        assert await found(apple.with_project("p")) == {"one"}
        assert await found(apple.with_sessions(["s", "t"])) == {"two"}
        assert await found(apple.with_kinds(["fact"])) == {"one"}
        assert await found(apple.with_tags(["a"])) == {"one", "two"}
        assert await found(apple.with_tags(["a", "b"])) == {"one"}
        assert await found(apple.between(None, NOON - _DAY)) == {"three"}
        assert await found(apple.between(NOON - _DAY, None)) == {"one", "two"}
        assert await found(apple.with_project("p").with_layers(["assets"])) == set()
        assert await found(apple.with_project("none")) == set()


async def test_the_query_builder_of_the_seed(folder: Path) -> None:
    rerank = WordCount("really")
    async with memory(folder, BagOfWords(), reranker=rerank) as store:
        for n in range(40):
            await store.insert(Record(f"note {n} about cache layers", project="p", kind="note"))
        await store.insert(Record("cache layers, really really", project="p"))
        await store.insert(Record("cache layers, really really really", project="q"))
        await store.settle()
        hits = (
            await store.search("design cache layers")
            .with_layers(["interact", "insights"])
            .with_project("p")
            .top_k(200)
            .rerank(32)
        )
        assert len(hits) == 32
        assert len(rerank.asked) == 32
        assert hits[0].record.text == "cache layers, really really"
        assert hits[0].scores.rerank == hits[0].score


async def test_a_reranker_that_fails_changes_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rerank = WordCount("x")
    async with memory(folder, reranker=rerank) as store:
        await store.insert(Record("one fish"))
        await store.insert(Record("two fish, blue fish"))
        plain = texts(await store.search("fish"))
        rerank.failure = MemoryError("it is gone", code="reranker_failed")
        for _ in range(2):
            assert texts(await store.search("fish").rerank(5)) == plain
        assert [it.message for it in caplog.records] == ["not reranking: it is gone"]


async def test_an_embedder_that_fails_leaves_the_words(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bag = BagOfWords()
    async with memory(folder, bag) as store:
        await store.insert(Record("one fish"))
        await store.settle()
        bag.failure = MemoryError("it is gone", code="embedder_failed")
        for _ in range(2):
            (hit,) = await store.search("fish")
            assert hit.scores.vector == 0
        told = [it.message for it in caplog.records if "words only" in it.message]
        assert told == ["searching by words only: it is gone"]


async def test_what_repeats_better_hits_is_moved_back(folder: Path) -> None:
    async with memory(folder) as store:
        for n in range(4):
            await store.insert(Record(f"the train to Lisbon leaves at nine, gate {n}"))
        other = "Lisbon has a museum of tiles which opens at ten on weekdays"
        await store.insert(Record(other))
        assert other in texts(await store.search("Lisbon", 2))
        assert other not in texts(await store.search("Lisbon", 2).diverse(False))


async def test_a_budget_of_tokens(folder: Path) -> None:
    async with memory(folder) as store:
        for n in range(10):
            await store.insert(Record(f"word {n} " + "filler " * 50))
        hits = await store.search("word").budget(300)
        assert len(hits) == 3
        assert await store.search("word").budget(10) == []


async def test_long_texts_are_found_by_their_passage(folder: Path) -> None:
    filler = "Nothing of note happened here, and the day went by. " * 60
    async with memory(folder, BagOfWords()) as store:
        await store.insert(Record(filler + "The safe opens with the number 4711. " + filler))
        await store.insert(Record("What is a safe?"))
        await store.settle()
        hits = await store.search("number of the safe")
        passages = [hit.passage for hit in hits if len(hit.record.text) > 1000]
        assert len(passages) == 1
        assert "4711" in passages[0]
        assert len(passages[0].split()) <= 90
        long = next(hit for hit in hits if len(hit.record.text) > 1000)
        assert long.scores.length < -0.5


@pytest.mark.parametrize(
    ("question", "days_ago"),
    [
        ("what did we talk about last Tuesday?", 7),
        ("what was it about on Friday?", 4),
        ("what did I say two weeks ago?", 14),
        ("what was it in May?", 188),
        ("what did I tell you yesterday", 1),
        ("anything on 2026-06-01?", 176),
    ],
)
async def test_questions_that_name_a_time(folder: Path, question: str, days_ago: int) -> None:
    async with memory(folder, BagOfWords()) as store:
        for ago in (0, 1, 2, 4, 7, 14, 29, 60, 100, 176, 188, 300):
            await store.insert(Record(f"The stones of day {ago}.", ts=NOON - ago * _DAY))
        await store.settle()
        best = (await store.search(question))[0]
        assert best.record.text == f"The stones of day {days_ago}."
        assert best.scores.date > 0


@pytest.mark.parametrize("older", [0, 30, 250, 450])
async def test_a_named_time_finds_words_that_are_rated_higher_elsewhere(
    folder: Path, older: int
) -> None:
    """Neither among the best of all time nor among the newest of the day, but the day's only one.

    With fewer than a search looks at, they are all found at once.
    """
    wanted = "early in the morning, before any of us had a cup of coffee: the stones"
    async with memory(folder) as store:
        await store.insert_many(
            Record(f"stones and stones {n}", ts=NOON - 300 * _DAY) for n in range(older)
        )
        await store.insert(Record(wanted, ts=NOON - 3600))
        await store.insert_many(Record(f"the weather at {n}", ts=NOON - n) for n in range(120))
        assert wanted in texts(await store.search("what of the stones today?", 300))
        plain = await store.search("what of the stones?", 300)
        assert (wanted in texts(plain)) == (older < 200)


async def test_the_newest_of_a_named_time_come_from_every_layer(folder: Path) -> None:
    async with memory(folder) as store:
        for layer in Layer:
            await store.insert_many(
                Record(f"{layer} {n}", layer=layer, ts=NOON - 1 - 2 * n) for n in range(40)
            )
        found = texts(await store.search("what was today?", 100))
        for layer in Layer:
            numbers = sorted(int(it.split()[1]) for it in found if it.startswith(layer))
            assert numbers == list(range(len(numbers)))
            assert len(numbers) in (16, 17)


async def test_what_is_over_is_not_found(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        await store.insert(Record("on holiday", valid_to=NOON + 60))
        await store.insert(Record("the holiday code", expires=NOON + 60))
        assert len(await store.search("holiday")) == 2
        clock.advance(61)
        assert await store.search("holiday") == []


async def test_questions_without_telling_words(folder: Path) -> None:
    async with memory(folder) as store:
        await store.insert(Record("I am who I am."))
        await store.insert(Record("Nothing else."))
        assert texts(await store.search("who am I?")) == ["I am who I am."]
        assert await store.search("") == []
        assert await store.search("?!") == []


async def test_an_empty_memory_has_nothing(folder: Path) -> None:
    async with memory(folder, BagOfWords()) as store:
        assert await store.search("anything last week") == []


@pytest.mark.parametrize("wrong", [0, -1, 5000])
async def test_sizes_have_bounds(folder: Path, wrong: int) -> None:
    async with memory(folder) as store:
        plain = store.search("x")
        for refine in (plain.top_k, plain.limit, plain.rerank, partial(store.search, "x")):
            with pytest.raises(MemoryError) as caught:
                refine(wrong)
            assert caught.value.code == "query_invalid"
        for too_many in (plain.with_tags, plain.with_kinds, plain.with_sessions):
            with pytest.raises(MemoryError):
                too_many(map(str, range(100_000)))
        with pytest.raises(MemoryError):
            plain.with_layers(["elsewhere"])


async def test_a_cancelled_search_leaves_the_memory_in_order(folder: Path) -> None:
    bag = BagOfWords()
    async with memory(folder, bag) as store:
        await store.insert(Record("one fish"))
        await store.settle()
        bag.gate.clear()
        search = asyncio.ensure_future(store.search("fish").run(store.search("fish")))
        await asyncio.sleep(0.01)
        search.cancel()
        with pytest.raises(asyncio.CancelledError):
            await search
        bag.gate.set()
        assert texts(await store.search("fish")) == ["one fish"]


async def test_the_event_loop_goes_on_while_a_search_is_held_up(folder: Path) -> None:
    """A search whose database call does not return must not keep others from running."""
    async with memory(folder) as store:
        await store.insert(Record("one fish"))
        entered, leave = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def held(connection: object) -> None:
            loop.call_soon_threadsafe(entered.set)
            asyncio.run_coroutine_threadsafe(leave.wait(), loop).result()

        reading = asyncio.ensure_future(store.source.read(held))
        await entered.wait()  # only a loop that runs gets here
        assert texts(await store.search("fish")) == ["one fish"]  # the other reader serves
        await store.insert(Record("two fish"))
        leave.set()
        await reading


async def test_times_are_looked_up_in_an_index(folder: Path) -> None:
    async with memory(folder) as store:
        condition, values = Filter(after=NOON - 60, before=NOON).condition()
        ask = f"EXPLAIN QUERY PLAN SELECT i.n FROM items i WHERE {condition}"
        plan = await store.source.read(lambda it: str(list(it.execute(ask, values))))
        assert "items_by_age (layer=? AND ts>? AND ts<?)" in plan
