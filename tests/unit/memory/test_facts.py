"""Facts by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.testing import ManualClock
from tests.unit.memory.memories import NOON, memory


async def test_set_get_delete_and_history(folder: Path) -> None:
    clock = ManualClock(NOON)
    async with memory(folder, clock=clock) as store:
        facts = store.facts
        assert await facts.get("city") is None
        await facts.set("city", "Porto")
        clock.advance(10)
        await facts.set("city", "Faro", origins=["web:x"])
        await facts.set("city", "Faro", origins=["web:x"])
        now = await facts.get("city")
        assert now is not None
        assert (now.value, now.since, now.until) == ("Faro", NOON + 10, None)
        assert now.origins == ("web:x",)
        clock.advance(10)
        assert await facts.delete("city")
        assert not await facts.delete("city")
        assert await facts.get("city") is None
        assert [(it.value, it.since, it.until) for it in await facts.history("city")] == [
            ("Faro", NOON + 10, NOON + 20),
            ("Porto", NOON, NOON + 10),
        ]


async def test_keys_by_pattern(folder: Path) -> None:
    async with memory(folder) as store:
        for key in ("user.name", "user.city", "user?", "[x]", "x", "Üser.ö"):
            await store.facts.set(key, "1")
        assert await store.facts.keys() == sorted(
            ["user.name", "user.city", "user?", "[x]", "x", "Üser.ö"]
        )
        assert await store.facts.keys("user.*") == ["user.city", "user.name"]
        assert await store.facts.keys("*.c*y") == ["user.city"]
        assert await store.facts.keys("user?") == ["user?"]
        assert await store.facts.keys("[x]") == ["[x]"]
        assert await store.facts.keys("USER*") == []
        assert await store.facts.flush_all() == 6
        assert await store.facts.keys() == []


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("", "x", "text_invalid"),
        ("k" * 300, "x", "text_invalid"),
        ("a\0b", "x", "text_invalid"),
        ("\ud800", "x", "text_invalid"),
        ("k", "\udfff", "text_invalid"),
        ("k", "x" * 70_000, "text_too_large"),
    ],
)
async def test_what_no_fact_may_hold(folder: Path, key: str, value: str, code: str) -> None:
    async with memory(folder) as store:
        with pytest.raises(MemoryError) as caught:
            await store.facts.set(key, value)
        assert caught.value.code == code


async def test_history_has_a_bound(folder: Path) -> None:
    async with memory(folder) as store:
        for n in range(130):
            await store.facts.set("k", str(n))
        history = await store.facts.history("k")
        assert len(history) == 100
        assert history[0].value == "128"
