"""Documents in a memory: replaced whole, listed by folder, gone from the disk when they go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import Layer, Record
from ruster.memory.store import MemoryStore
from ruster.testing import ManualClock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MemoryStore]:
    store = await MemoryStore.open(tmp_path / "memory.sqlite", ManualClock(1_700_000_000.0))
    yield store
    await store.aclose()


def _pieces(*texts: str) -> list[Record]:
    return [Record(text, layer=Layer.ASSETS, origins=("file:/a",)) for text in texts]


async def test_a_document_is_replaced_whole(store: MemoryStore) -> None:
    assert await store.documents.replace("/d/a.md", "one", _pieces("apples", "pears")) == 0
    assert await store.documents.replace("/d/a.md", "two", _pieces("plums")) == 2
    assert await store.documents.known("/d/a.md") == {"/d/a.md": "two"}
    (kept,) = await store.recent()
    assert (kept.text, kept.kind, kept.source) == ("plums", "document", "/d/a.md")
    assert (await store.search("apples")) == []
    assert await store.check() == []


async def test_what_is_below_a_folder_is_told_from_what_is_beside_it(store: MemoryStore) -> None:
    for source in ("/d/a.md", "/d/sub/b.md", "/d.md", "/d0/c.md", "/dd"):
        await store.documents.replace(source, source, _pieces(source))
    assert set(await store.documents.known("/d")) == {"/d/a.md", "/d/sub/b.md"}
    assert set(await store.documents.known("/d/")) == {"/d/a.md", "/d/sub/b.md"}
    assert set(await store.documents.known("/d.md")) == {"/d.md"}
    assert len(await store.documents.known("/")) == 5
    assert len(await store.documents.ids("/d")) == 2


async def test_a_piece_that_cannot_be_kept_leaves_the_document_as_it_was(
    store: MemoryStore,
) -> None:
    await store.documents.replace("/d/a.md", "one", _pieces("apples"))
    with pytest.raises(MemoryError) as caught:
        await store.documents.replace("/d/a.md", "two", _pieces("pears", "  "))
    assert caught.value.code == "text_invalid"
    assert await store.documents.known("/d/a.md") == {"/d/a.md": "one"}


async def test_pieces_keep_their_order_and_a_long_path_is_taken(store: MemoryStore) -> None:
    source = "/d/" + "x" * 3000
    await store.documents.replace(source, "one", _pieces("first", "second", "third"))
    assert [it.text for it in await store.recent()] == ["third", "second", "first"]
    assert await store.documents.known(source) == {source: "one"}
    assert b"second" in _on_disk(store)
    await store.forget(await store.documents.ids(source))
    assert b"second" not in _on_disk(store)


async def test_a_record_that_is_told_of_as_a_document_is_none_without_a_source(
    store: MemoryStore,
) -> None:
    await store.insert(Record("told", layer=Layer.ASSETS, kind="document"))
    assert await store.documents.known("/") == {}


def _on_disk(store: MemoryStore) -> bytes:
    return b"".join(it.read_bytes() for it in store.path.parent.iterdir())
