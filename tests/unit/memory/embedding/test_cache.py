"""The cache of vectors: bounded, shared, made anew when damaged, and deleted for good."""

from __future__ import annotations

import logging
from array import array
from pathlib import Path

import apsw
import pytest

from ruster.memory.embedding.cache import EmbeddingCache


def vector(number: int) -> list[float]:
    return [number / 8] * 384


def key(number: int) -> bytes:
    return b"%032d" % number


def test_what_is_put_is_there_also_later(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "vectors.db"
    cache = EmbeddingCache(path)
    cache.put({key(1): vector(1), key(2): vector(2)})
    assert cache.get([key(2), key(3), key(1)]) == {key(2): vector(2), key(1): vector(1)}
    cache.close()

    assert EmbeddingCache(path).get([key(1)]) == {key(1): vector(1)}
    assert path.stat().st_mode & 0o777 == 0o600


def test_those_unused_longest_go_first(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "vectors.db", max_entries=20)
    for number in range(20):
        cache.put({key(number): vector(number)})
    assert cache.get([key(0)])
    cache.close()
    cache.put({key(20): vector(20)})  # what was used is known also after a restart

    there = [number for number in range(21) if cache.get([key(number)])]
    assert there == [0, *range(4, 21)]


@pytest.mark.parametrize("damage", ["rubbish", "middle"])
def test_a_damaged_file_is_made_anew(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "vectors.db"
    cache = EmbeddingCache(path)
    cache.put({key(number): vector(number) for number in range(200)})
    cache.close()
    data = path.read_bytes()
    path.write_bytes(b"rubbish" * 4096 if damage == "rubbish" else data[:4096] + b"x" * 40_000)

    for number in range(3):
        cache.put({key(number): vector(number)})
    assert cache.get([key(0), key(1), key(2)]).keys() >= {key(1), key(2)}
    assert any("made anew" in record.message for record in caplog.records)


def test_a_vector_of_the_wrong_size_counts_as_missing(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "vectors.db")
    cache.put({key(1): [1.0, 2.0]})

    assert cache.get([key(1)]) == {}


def test_what_was_dropped_is_nowhere_in_the_files(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "vectors.db")
    telling = array("f", vector(7)).tobytes()
    cache.put({key(number): vector(number) for number in range(30)})
    cache.put({key(7): vector(7)})
    assert any(telling in path.read_bytes() for path in tmp_path.iterdir())

    cache.drop([key(7)[:30] + b"07", key(99)])

    assert cache.get([key(7), key(8)]) == {key(8): vector(8)}
    assert not any(telling in path.read_bytes() for path in tmp_path.iterdir())


def test_two_share_a_file(tmp_path: Path) -> None:
    one, other = (EmbeddingCache(tmp_path / "vectors.db") for _ in range(2))
    one.put({key(1): vector(1)})
    other.put({key(2): vector(2)})

    assert (
        one.get([key(1), key(2)]).keys() == other.get([key(1), key(2)]).keys() == {key(1), key(2)}
    )


def test_a_disk_that_refuses_is_told_to_the_log_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    cache = EmbeddingCache(tmp_path / "file" / "vectors.db")
    with caplog.at_level(logging.WARNING):
        cache.put({key(1): vector(1)})
        assert cache.get([key(1)]) == {}
        cache.drop([key(1)])

    assert "cannot be used" in caplog.text


def test_a_file_that_another_holds_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ruster.memory.embedding.cache._BUSY_MS", 10)
    path = tmp_path / "vectors.db"
    cache = EmbeddingCache(path)
    cache.put({key(1): vector(1)})
    holder = apsw.Connection(str(path))
    holder.execute("BEGIN EXCLUSIVE")
    assert cache.get([key(1)]) == {}
    holder.execute("ROLLBACK")
    holder.close()

    assert cache.get([key(1)]) == {key(1): vector(1)}
