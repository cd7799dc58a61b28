"""Hostile input: a typed error or a plain answer, never a traceback, never a broken file."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ruster.core.errors import MemoryError
from ruster.core.memory import Record
from ruster.memory.records.checks import MAX_TEXT_BYTES
from tests.unit.memory.memories import BagOfWords, memory, texts

_SYNTAX = (
    '"',
    "fish OR",
    "NEAR(fish, 2)",
    "fish AND NOT fish",
    "self: fish",
    "^fish*",
    "{self near}: fish",
    "'); DROP TABLE items; --",
    "fish) OR (1=1",
    "*",
    "a" * 100_000,
    "fish " * 50_000,
    "(" * 10_000,
    "-fish +fish",
    "%s %d {0} {x}",
    "\x01\x02\x1b[2J fish",
    "fish\u202e\ufeff\u200b",
)


@pytest.mark.parametrize("question", _SYNTAX)
async def test_a_question_is_never_syntax(folder: Path, question: str) -> None:
    async with memory(folder, BagOfWords()) as store:
        await store.insert(Record("one fish"))
        await store.settle()
        hits = await store.search(question)
        assert len(hits) <= 1
        assert ("fish" in question) <= (texts(hits) == ["one fish"])


@pytest.mark.parametrize("text", [*_SYNTAX, "word\n" * 100_000, "x" * 900_000, "\u4e16" * 100_000])
async def test_any_text_can_be_kept(folder: Path, text: str) -> None:
    async with memory(folder) as store:
        made = await store.insert(Record(text, session="s", speaker=text[:100], tags=(text[:100],)))
        await store.insert(Record("after", session="s"))
        found = await store.get(made.id)
        assert found is not None
        assert found.text == text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"text": "a\0b"}, "text_invalid"),
        ({"text": "half \ud83d of a crab"}, "text_invalid"),
        ({"text": ""}, "text_invalid"),
        ({"text": " \n\t"}, "text_invalid"),
        ({"text": "x" * 10_000_000}, "text_too_large"),
        ({"text": "\u4e16" * (MAX_TEXT_BYTES // 3 + 1)}, "text_too_large"),
        ({"speaker": "\udc00"}, "text_invalid"),
        ({"tags": ("ok", "no\0")}, "text_invalid"),
        ({"tags": tuple(map(str, range(100)))}, "record_invalid"),
        ({"project": "p" * 1000}, "text_invalid"),
        ({"origins": ("web:\ud800",)}, "text_invalid"),
        ({"metadata": "m" * 100_000}, "text_too_large"),
        ({"ts": math.nan}, "record_invalid"),
        ({"ts": math.inf}, "record_invalid"),
        ({"ts": 1e18}, "record_invalid"),
        ({"expires": -math.inf}, "record_invalid"),
        ({"score": math.nan}, "record_invalid"),
        ({"score": 2.0}, "record_invalid"),
        ({"embedding": [math.nan] * 384}, "vector_invalid"),
        ({"embedding": [math.inf] * 384}, "vector_invalid"),
        ({"embedding": [1e200] * 384}, "vector_invalid"),
        ({"embedding": [0.0] * 384}, "vector_invalid"),
        ({"embedding": [1.0] * 383}, "vector_invalid"),
        ({"embedding": []}, "vector_invalid"),
    ],
)
async def test_what_no_record_may_hold(folder: Path, change: dict[str, object], code: str) -> None:
    async with memory(folder) as store:
        record = replace(Record("fine"), **change)  # type: ignore[arg-type]
        for call in (store.insert, store.keep):
            if "embedding" in change and call == store.keep:
                continue
            with pytest.raises(MemoryError) as caught:
                await call(record)
            assert caught.value.code == code
        assert await store.recent() == []


@pytest.mark.parametrize("question", ["fish \0", "fish \ud800"])
async def test_what_no_question_may_hold(folder: Path, question: str) -> None:
    async with memory(folder) as store:
        with pytest.raises(MemoryError) as caught:
            await store.search(question)
        assert caught.value.code == "text_invalid"
        with pytest.raises(MemoryError):
            store.search("x" * 10_000_000)
        for call in (store.get, store.history):
            with pytest.raises(MemoryError):
                await call(question)


async def test_many_origins_are_bounded_and_never_lost(folder: Path) -> None:
    async with memory(folder) as store:
        origins = tuple(f"web:{n}.example" for n in range(200))
        made = await store.insert(Record("text", origins=origins))
        assert len(made.origins) == 32
        assert made.origins[-1] == "other:more"


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=6), st.text(max_size=200))
async def test_any_texts_and_any_question(folder: Path, said: list[str], question: str) -> None:
    async with memory(folder) as store:
        codes = set()
        for text in said:
            try:
                await store.insert(Record(text, session="s"))
            except MemoryError as error:
                codes.add(error.code)
        try:
            await store.search(question)
        except MemoryError as error:
            codes.add(error.code)
        assert codes <= {"text_invalid"}
        await store.forget([it.id for it in await store.recent()])
