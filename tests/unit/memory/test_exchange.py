"""Exports that can be taken in again, by others as well."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import Layer, Record
from ruster.memory.exchange import Imported, export_page, take_in
from ruster.memory.store import MemoryStore
from ruster.testing import ManualClock


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[MemoryStore, MemoryStore]]:
    clock = ManualClock(1_700_000_000.0)
    one = await MemoryStore.open(tmp_path / "1" / "memory.sqlite", clock)
    two = await MemoryStore.open(tmp_path / "2" / "memory.sqlite", clock)
    yield one, two
    await one.aclose()
    await two.aclose()


async def _all(store: MemoryStore, limit: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = await export_page(store, after, limit)
        assert len(page.items) <= limit
        items += page.items
        after = page.next
    return items


FULL = Record(
    "all of it",
    layer=Layer.INSIGHTS,
    kind="fact",
    tags=("a", "b"),
    project="p",
    session="1000/work",
    speaker="user",
    ts=1000.0,
    source="t-1",
    origins=("web:example.org",),
    pinned=True,
    score=0.9,
    slot="user.city",
    valid_from=1000.0,
    expires=2_000_000_000.0,
    metadata='{"x": 1}',
)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_what_is_exported_can_be_taken_in(
    stores: tuple[MemoryStore, MemoryStore], limit: int
) -> None:
    one, two = stores
    await one.insert_many([FULL, Record("short"), Record("third", layer=Layer.ASSETS)])
    for name in ("b", "a", "c"):
        await one.facts.set(name, f"value of {name}", ("web:x",) if name == "a" else ())
    items = await _all(one, limit)
    assert [it["type"] for it in items] == ["memory"] * 3 + ["fact"] * 3
    items = json.loads(json.dumps(items))
    assert await take_in(two, 1000, items) == Imported(3, 3, 0)
    assert await two.recent() == await one.recent()
    assert (fact := await two.facts.get("a")) is not None
    assert (fact.value, fact.origins) == ("value of a", ("web:x",))
    assert await take_in(two, 1000, items) == Imported(0, 3, 3)
    assert len(await two.recent()) == 3


async def test_sessions_are_those_of_whoever_takes_them_in(
    stores: tuple[MemoryStore, MemoryStore],
) -> None:
    one, two = stores
    await one.insert(FULL)
    (item,) = await _all(one, 10)
    assert item["session_id"] == "work"
    await take_in(two, 2000, [item])
    assert [it.session for it in await two.recent()] == ["2000/work"]


async def test_pages_are_bounded_by_size_and_empty_memories_have_none(
    stores: tuple[MemoryStore, MemoryStore],
) -> None:
    one, two = stores
    assert await _all(two, 5) == []
    await one.insert_many(Record("x" * 300_000 + str(n)) for n in range(4))
    page = await export_page(one, "", 100)
    assert len(page.items) == 1
    assert len(await _all(one, 100)) == 4


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"type": "thing"},
        {"type": "memory"},
        {"type": "memory", "text": 1},
        {"type": "memory", "text": "t", "surplus": 1},
        {"type": "memory", "text": "t", "layer": "attic"},
        {"type": "memory", "text": "t", "layer": 1},
        {"type": "memory", "text": "t", "tags": "abc"},
        {"type": "memory", "text": "t", "pinned": "yes"},
        {"type": "memory", "text": "t", "ts": "now"},
        {"type": "memory", "text": "t", "session": "0/work"},
        {"type": "memory", "text": "t", "embedding": [1.0]},
        {"type": "fact", "key": "k"},
        {"type": "fact", "key": "k", "value": 1},
        {"type": "fact", "key": "k", "value": "v", "origins": "x"},
    ],
)
async def test_what_is_no_export_is_refused_whole(
    stores: tuple[MemoryStore, MemoryStore], item: dict[str, Any]
) -> None:
    good = {"type": "memory", "text": "good"}
    with pytest.raises(MemoryError) as caught:
        await take_in(stores[0], 0, [good, item])
    assert caught.value.code == "import_invalid"
    assert await stores[0].recent() == []
    await take_in(stores[0], 0, [good])
    assert len(await stores[0].recent()) == 1


@pytest.mark.parametrize("item", [{"text": " "}, {"text": "a\0b"}, {"text": "t", "score": 7.0}])
async def test_what_the_memory_does_not_take_leaves_nothing_behind(
    stores: tuple[MemoryStore, MemoryStore], item: dict[str, Any]
) -> None:
    with pytest.raises(MemoryError):
        await take_in(stores[0], 0, [{"type": "memory", "text": "good"}, {"type": "memory"} | item])
    assert await stores[0].recent() == []


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30, "²"])
async def test_a_page_that_cannot_be_is_refused(
    stores: tuple[MemoryStore, MemoryStore], after: str
) -> None:
    with pytest.raises(MemoryError) as caught:
        await export_page(stores[0], after, 10)
    assert caught.value.code == "query_invalid"
