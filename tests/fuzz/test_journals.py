"""Any file opens as a journal, and what is left of it is readable."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ruster.storage.disk import Disk
from ruster.storage.journal import DAMAGED, Journal, seal
from tests.fuzz.guided import fuzz

RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
BODIES = st.dictionaries(
    st.text(), st.integers() | st.text() | st.none() | st.lists(st.booleans()), min_size=1
).map(lambda body: json.dumps(body, ensure_ascii=False).encode(errors="replace"))


class QuickDisk(Disk):
    """Flushes nothing: this is not about power."""

    def sync(self, fd: int) -> None:
        return

    def sync_folder(self, path: Path) -> None:
        return


@pytest.fixture(scope="module")
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "fuzz.jsonl"


def check(path: Path, data: bytes, good: list[bytes] | None = None) -> None:
    """Open ``data`` as a journal; ``good`` are sealed lines that must have survived, in order."""
    path.write_bytes(data)
    path.with_suffix(".damaged").unlink(missing_ok=True)
    journal = Journal(path, QuickDisk())
    try:
        bodies = list(journal.bodies())
        assert len(bodies) == len(journal)
        kept = [body for body in bodies if DAMAGED not in json.loads(body)]
        if good is not None:
            assert kept == good
        journal.append_record({"after": 1})
    finally:
        journal.close()
    text = path.read_bytes()
    assert text.count(b"\n") == len(bodies) + 1
    for line in text.splitlines(keepends=True):
        assert isinstance(json.loads(line), dict)
    again = Journal(path, QuickDisk())
    assert again.damage.lines == again.damage.torn_bytes == 0
    assert list(again.bodies())[:-1] == bodies
    again.close()


@given(st.binary())
@RELAXED
def test_any_bytes(path: Path, data: bytes) -> None:
    check(path, data)


@given(st.lists(BODIES), st.binary(max_size=30))
@RELAXED
def test_whole_lines_before_a_torn_one_survive(
    path: Path, bodies: list[bytes], tail: bytes
) -> None:
    check(path, b"".join(map(seal, bodies)) + tail.replace(b"\n", b""), bodies)


@given(st.lists(BODIES, min_size=1), st.data())
@RELAXED
def test_damage_costs_only_what_it_touches(
    path: Path, bodies: list[bytes], data: st.DataObject
) -> None:
    lines = [seal(body) for body in bodies]
    index = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[index]) - 2))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte not in (lines[index][at], 10)))
    damaged = bytearray(lines[index])
    damaged[at] = other
    lines[index] = bytes(damaged)
    check(path, b"".join(lines), bodies[:index] + bodies[index + 1 :])


def test_coverage_guided(path: Path) -> None:
    lines = [seal(json.dumps({"n": n, "text": "x" * n}).encode()) for n in range(4)]
    seeds = [lines[0]]
    corpus = fuzz(
        lambda data: check(path, data),
        seeds,
        ["storage/journal.py"],
        tokens=[*lines, b"\n", b'"crc":"', b"{", b"}", b"\0", b"\xff", lines[1][:-1], b"\r\n"],
        rounds=1200,
        seed=random.SystemRandom().randrange(1 << 32),
    )
    assert len(corpus) > len(seeds) + 1, "the fuzzer found nothing new: is it guided at all?"
