"""What is forgotten is gone: from searches, from history, and from the bytes on the disk."""

from __future__ import annotations

from array import array
from pathlib import Path

import apsw

from ruster.core.memory import Record
from ruster.memory.embedding.cache import EmbeddingCache
from ruster.memory.embedding.cached import CachedEmbedder
from ruster.memory.embedding.keys import text_key
from ruster.memory.embedding.wiping import CacheWiper
from ruster.memory.memories import Memories
from ruster.memory.store import MemoryStore
from ruster.testing import ManualClock
from tests.unit.memory.memories import NOON, BagOfWords, memory

_SECRETS = ("quaggaxylophone", "zebrawhisky")
_STEMS = (b"quaggaxyloph", b"zebrawhisk")
"""What the index of words may keep of them."""


def on_disk(store: MemoryStore) -> int:
    """Count the secrets in all bytes of the database's files."""
    files = [it for it in store.path.parent.iterdir() if it.name.startswith(store.path.name)]
    assert store.path in files
    return sum(it.read_bytes().lower().count(stem) for it in files for stem in _STEMS)


async def filled(store: MemoryStore) -> list[str]:
    """Fill a memory and return the ids of what holds the secrets."""
    before = [Record(f"Nothing of note happened on day {n}.", session="s") for n in range(300)]
    await store.insert_many(before)
    secret = Record("My word is QuaggaXylophone, " + "and so on " * 400, session="s")
    short = Record("Or zebrawhisky!", session="s", tags=("zebrawhisky",))
    made = await store.insert_many([secret, short])
    after = [Record(f"Something else happened on day {n}.", session="s") for n in range(300)]
    await store.insert_many(after)
    await store.settle()
    return [it.id for it in made]


async def test_no_byte_is_left(folder: Path) -> None:
    async with memory(folder, BagOfWords()) as store:
        ids = await filled(store)
        assert on_disk(store) > 4  # the control
        gone = await store.forget([*ids, "none"])
        assert on_disk(store) == 0
        assert gone.ids == tuple(ids)
        assert gone.chunks == gone.vectors > 10
        assert [it.action for it in await store.log(ids[0])] == ["forgotten"]
        assert await store.get(ids[0]) is None
        for word in _SECRETS:
            assert all(hit.scores.lexical == 0 for hit in await store.search(word))
        assert await store.check() == []
    async with memory(folder) as store:
        assert on_disk(store) == 0


async def test_plain_deletion_would_leave_some(folder: Path) -> None:
    """The control: without the wiping, words stay behind in the index or the log."""
    async with memory(folder, BagOfWords()) as store:
        ids = await filled(store)

        async def nothing() -> None:
            return None

        store.wipe = nothing  # type: ignore[method-assign]
        await store.forget(ids)
        assert on_disk(store) > 0


async def test_the_vectors_of_what_is_forgotten_go_too(folder: Path) -> None:
    bag = BagOfWords()
    async with memory(folder, bag) as store:
        ids = await filled(store)
        where = "SELECT half, (SELECT bits FROM signs_1 s WHERE s.chunk = v.chunk) "
        where += "FROM vectors_1 v WHERE chunk IN (SELECT c.id FROM chunks c JOIN items i "
        where += "ON i.n = c.item WHERE i.id = ?)"
        rows = await store.source.read(lambda it: it.execute(where, (ids[1],)).fetchall())
        parts = [bytes(part)[:40] for row in rows for part in row]  # type: ignore[arg-type]
        await store.forget([])  # all is in the main file now
        assert all(part in store.path.read_bytes() for part in parts)
        await store.forget(ids)
        left = store.path.read_bytes()
        assert not any(part in left for part in parts)


async def test_facts_are_forgotten_with_their_history(folder: Path) -> None:
    async with memory(folder) as store:
        await store.facts.set("word.old", "quaggaxylophone")
        await store.facts.set("word.old", "zebrawhisky")
        await store.facts.set("other", "stays")
        gone = await store.forget_facts("word.*")
        assert gone.facts == ("word.old",)
        assert on_disk(store) == 0
        assert await store.facts.history("word.old") == []
        assert await store.facts.keys() == ["other"]


async def test_edits_leave_the_old_text_no_place_after_a_wipe(folder: Path) -> None:
    async with memory(folder, BagOfWords()) as store:
        ids = await filled(store)
        for id in ids:
            await store.edit(id, "Something harmless.")
        await store.settle()
        ask = "UPDATE items SET tags = '[]'"
        await store._database.write(lambda it: it.execute(ask))
        await store.wipe()
        assert on_disk(store) == 0


def _in_cache(file: Path) -> tuple[int, bytes]:
    """Return how many vectors a cache has, and all its bytes."""
    connection = apsw.Connection(str(file))
    count = connection.execute("SELECT count(*) FROM vectors").get
    connection.close()
    return count, b"".join(it.read_bytes() for it in sorted(file.parent.glob(f"{file.name}*")))


async def test_vectors_that_are_cached_go_with_their_texts(folder: Path) -> None:
    file = folder / "vectors.sqlite"
    cache = EmbeddingCache(file)
    bag = BagOfWords()
    cached = [CachedEmbedder(bag, cache), CachedEmbedder(BagOfWords("bag/older"), cache)]
    memories = Memories(folder / "owners", ManualClock(NOON), 4, None, CacheWiper(file))
    memories.use(cached[:1], None)
    async with memories.lend(memories.owner_file(1)) as store:
        said, kept = await store.insert_many([Record("my word is quagga"), Record("tea at five")])
        await store.settle()
        (passage,) = [it for it in bag.asked if "quagga" in it]
        await cached[0].embed([said.text], "query")  # it was searched for when it was said
        await cached[1].embed([passage])
        secret = array("f", cache.get([_key(passage, "bag/words")]).popitem()[1]).tobytes()
        count, data = _in_cache(file)
        assert (count, secret in data) == (4, True)  # the control
        await store.forget([said.id])
        count, data = _in_cache(file)
        assert (count, secret in data) == (1, False)
        assert (await store.get(kept.id)) is not None
        bag.asked.clear()
        await cached[0].embed([passage.replace("my word is quagga", kept.text)])
        assert bag.asked == []
    await memories.aclose()
    cache.close()


def _key(text: str, embedder: str) -> bytes:
    return text_key(text) + text_key(f"{embedder}\0document")


async def test_a_changed_document_keeps_the_vectors_of_what_stayed(folder: Path) -> None:
    file = folder / "vectors.sqlite"
    cache = EmbeddingCache(file)
    bag = BagOfWords()
    wiper = CacheWiper(file)
    wiper.embedder = CachedEmbedder(bag, cache)
    memories = Memories(folder / "owners", ManualClock(NOON), 4, None, wiper)
    memories.use([wiper.embedder], None)
    async with memories.lend(memories.owner_file(1)) as store:
        await store.documents.replace("a.md", "1", [Record("quagga"), Record("tea at five")])
        await store.settle()
        bag.asked.clear()
        await store.documents.replace("a.md", "2", [Record("zebra"), Record("tea at five")])
        await store.settle()
        assert len(bag.asked) == 1
        assert _in_cache(file)[0] == 2
        await store.forget_vectors()
        assert _in_cache(file)[0] == 0
    await memories.aclose()
    cache.close()
