"""Records page by page, moved by hand, and counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import Layer, Record
from ruster.memory.records.listing import place_of
from ruster.memory.store import MemoryStore
from ruster.testing import ManualClock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MemoryStore]:
    store = await MemoryStore.open(tmp_path / "memory.sqlite", ManualClock(1_700_000_000.0))
    yield store
    await store.aclose()


async def test_pages_hold_everything_once_also_what_was_said_at_the_same_time(
    store: MemoryStore,
) -> None:
    layers = list(Layer)
    await store.insert_many(
        Record(f"number {n}", layer=layers[n % 3], ts=1000.0 + n // 7) for n in range(40)
    )
    seen: list[str] = []
    before, before_id = 2000.0, ""
    while page := await store.recent(before=before, before_id=before_id, limit=6):
        seen += [it.text for it in page]
        before, before_id = place_of(page[-1])
    assert len(seen) == len(set(seen)) == 40
    insights = await store.recent(Layer.INSIGHTS, limit=100)
    assert {it.layer for it in insights} == {Layer.INSIGHTS}
    assert [it.ts for it in insights] == sorted((it.ts or 0 for it in insights), reverse=True)


async def test_an_export_takes_everything_once_and_in_order(store: MemoryStore) -> None:
    await store.insert_many(Record(f"number {n}") for n in range(10))
    first = await store.since(0, 4)
    rest = await store.since(first[-1][0], 100)
    assert [it.text for _, it in (*first, *rest)] == [f"number {n}" for n in range(10)]


async def test_a_move_by_hand_is_in_the_log_once(store: MemoryStore) -> None:
    kept = await store.insert(Record("we chose SQLite"))
    moved = await store.move(kept.id, Layer.INSIGHTS)
    assert moved.layer is Layer.INSIGHTS
    await store.move(kept.id, Layer.INSIGHTS)
    (entry,) = await store.log(kept.id)
    assert (entry.action, entry.rule, entry.from_layer, entry.to_layer) == (
        "promoted", "told", Layer.INTERACT, Layer.INSIGHTS,
    )  # fmt: skip
    assert (await store.search("sqlite").with_layers([Layer.INSIGHTS]))[0].record.id == kept.id
    assert (await store.search("sqlite").with_layers([Layer.INTERACT])) == []
    assert await store.check() == []
    with pytest.raises(MemoryError) as caught:
        await store.move("no-such", Layer.ASSETS)
    assert caught.value.code == "record_not_found"


async def test_counts(store: MemoryStore) -> None:
    await store.insert_many([Record("a", ts=5.0, pinned=True), Record("b", ts=9.0, kind="fact")])
    await store.documents.replace("/a.md", "one", [Record("one", layer=Layer.ASSETS)] * 2)
    await store.facts.set("city", "Hue")
    plain = await store.stats()
    assert plain.layers == {"interact": 2, "insights": 0, "assets": 2}
    assert (plain.facts, plain.documents, plain.hidden, plain.waiting) == (1, 1, 0, 4)
    assert (plain.kinds, plain.pinned) == ({}, None)
    assert plain.size_bytes > 4096
    whole = await store.stats(details=True)
    assert whole.kinds == {"document": 2, "fact": 1, "note": 1}
    assert (whole.pinned, whole.oldest) == (1, 5.0)
