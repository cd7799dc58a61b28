"""Files and folders taken in, and taken in again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.memory import Layer
from ruster.memory.documents.settings import DocumentSettings
from ruster.memory.intake import Intake, Labels, Taken
from ruster.memory.store import MemoryStore
from ruster.testing import ManualClock

INTAKE = Intake()
PLAIN = Labels()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MemoryStore]:
    store = await MemoryStore.open(tmp_path / "m" / "memory.sqlite", ManualClock(1_700_000_000.0))
    yield store
    await store.aclose()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "guide.md").write_text("# Install\n\nUse pacman for apricots.\n")
    (folder / "sub" / "tides.txt").write_text("The tide tables of Hue.")
    return folder


async def _quiet(name: str, done: int, total: int) -> None:
    return


async def _take(store: MemoryStore, path: Path, labels: Labels = PLAIN) -> Taken:
    return await INTAKE.path(store, path, labels, _quiet)


def _counts(taken: Taken) -> tuple[int, int, int, int]:
    return taken.added, taken.changed, taken.unchanged, taken.removed


async def test_a_folder_is_read_once_and_then_only_where_it_changed(
    store: MemoryStore, docs: Path
) -> None:
    assert _counts(await _take(store, docs)) == (2, 0, 0, 0)
    before = {it.id for it in await store.recent()}
    assert _counts(await _take(store, docs)) == (0, 0, 2, 0)
    assert {it.id for it in await store.recent()} == before
    (docs / "guide.md").write_text("# Install\n\nUse apt for plums.\n")
    (docs / "new.md").write_text("Something new.")
    (docs / "sub" / "tides.txt").unlink()
    assert _counts(await _take(store, docs)) == (1, 1, 0, 1)
    assert (await store.search("apricots tide")) == []
    assert (await store.search("plums"))[0].passage == "guide.md > Install\nUse apt for plums."
    on_disk = b"".join(it.read_bytes() for it in store.path.parent.iterdir())
    assert b"apricots" not in on_disk
    assert b"plums" in on_disk
    assert await store.check() == []


async def test_each_file_is_told_before_it_is_read(store: MemoryStore, docs: Path) -> None:
    told: list[tuple[str, int, int]] = []

    async def tell(name: str, done: int, total: int) -> None:
        told.append((name, done, total))

    await INTAKE.path(store, docs, PLAIN, tell)
    assert told == [("guide.md", 0, 2), ("tides.txt", 1, 2)]


async def test_pieces_name_their_file_unless_its_words_are_the_users_own(
    store: MemoryStore, docs: Path
) -> None:
    await _take(store, docs / "guide.md")
    (piece,) = await store.recent()
    assert piece.origins == (f"file:{docs / 'guide.md'}",)
    assert (piece.layer, piece.kind, piece.source) == (
        Layer.ASSETS, "document", str(docs / "guide.md"),
    )  # fmt: skip
    trusted = replace(PLAIN, trusted=True, tags=("house",), project="p", layer=Layer.INSIGHTS)
    assert _counts(await _take(store, docs / "guide.md", trusted)) == (0, 1, 0, 0)
    (piece,) = await store.recent()
    assert (piece.origins, piece.tags, piece.project) == ((), ("house",), "p")
    assert piece.layer is Layer.INSIGHTS


async def test_what_cannot_be_read_keeps_the_rest_from_nothing(
    store: MemoryStore, docs: Path
) -> None:
    await _take(store, docs)
    (docs / "guide.md").write_bytes(b"\0\1\2 binary")
    (docs / "sub" / "tides.txt").write_text("x" * 3000)
    (docs / "z.md").write_text("the last one")
    small = Intake(DocumentSettings(text_bytes=1024, file_bytes=1024))
    taken = await small.path(store, docs, PLAIN, _quiet)
    assert (_counts(taken), taken.failures) == ((1, 0, 0, 1), 2)
    assert set(taken.failed) == {str(docs / "guide.md"), str(docs / "sub" / "tides.txt")}
    # What is no text any more is gone; what was only not read this time is kept.
    assert {it.source for it in await store.recent()} == {
        str(docs / "sub" / "tides.txt"), str(docs / "z.md"),
    }  # fmt: skip
    with pytest.raises(MemoryError) as caught:
        await _take(store, docs / "no-such.md")
    assert caught.value.code == "document_unreadable"


async def test_a_file_that_only_a_folder_leaves_out_is_kept(store: MemoryStore, docs: Path) -> None:
    (docs / ".hidden.md").write_text("hidden words")
    await _take(store, docs / ".hidden.md")
    assert _counts(await _take(store, docs)) == (2, 0, 0, 0)
    assert str(docs / ".hidden.md") in await store.documents.known(str(docs))


async def test_a_folder_with_more_files_than_are_taken_says_so(
    store: MemoryStore, docs: Path
) -> None:
    taken = await Intake(DocumentSettings(max_files=1)).path(store, docs, PLAIN, _quiet)
    assert (taken.added, taken.more) == (1, True)


async def test_a_text_with_a_name_takes_the_place_of_one_before(store: MemoryStore) -> None:
    first = await INTAKE.text(store, "notes.md", "# Peaches\n\nare ripe", PLAIN)
    assert (_counts(first), first.pieces) == ((1, 0, 0, 0), 1)
    assert _counts(await INTAKE.text(store, "notes.md", "# Peaches\n\nare ripe", PLAIN)) == (
        0, 0, 1, 0,
    )  # fmt: skip
    assert _counts(await INTAKE.text(store, "notes.md", "# Plums\n\nare not", PLAIN)) == (
        0, 1, 0, 0,
    )  # fmt: skip
    (piece,) = await store.recent()
    assert (piece.text, piece.origins) == ("notes.md > Plums\nare not", ("document:notes.md",))
