"""``python -m bench.memory_child FOLDER``: searches the memory there and tells of it as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ruster.core.clock import SystemClock
from ruster.core.memory import Record
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.memory.database.native import Connection
from ruster.memory.index.nearest import Allowed, Nearest
from ruster.memory.index.vectors import generations
from ruster.memory.index.words import WORDS
from ruster.memory.search.filters import Filter
from ruster.memory.search.lexical import Lexical
from ruster.memory.search.terms import query_terms
from ruster.memory.store import MemoryStore

_TOP = 10
_FULL_QUERIES = 40
_TICK_S = 0.001


class Told:
    """An embedder that was told the vectors beforehand."""

    id = "given"

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self._vectors = vectors

    async def embed(self, texts: Sequence[str], kind: str = "document") -> list[list[float]]:
        return [self._vectors[text] for text in texts]


async def measure(folder: Path) -> dict[str, Any]:
    """Search one after the other, then while somebody inserts."""
    texts: list[str] = json.loads((folder / "questions.json").read_text())
    wanted = np.load(folder / "wanted.npy")
    embedder = Told(dict(zip(texts, wanted.tolist(), strict=True)))
    memory = await MemoryStore.open(folder / "memory.sqlite", SystemClock(), embedders=[embedder])
    warm, rest = texts[:20], texts[20:]
    first = await _timed(memory, warm[:1])
    await _timed(memory, warm)
    ticks = spawn(_ticks(held_up := [0.0]), name="bench-ticks")
    computed = time.process_time()
    hybrid = await _timed(memory, rest)
    computed = time.process_time() - computed
    await cancel_and_wait(ticks)
    resident = _resident_mb()
    inserting = spawn(_insert(memory), name="bench-insert")
    busy = await _timed(memory, rest)
    await cancel_and_wait(inserting)
    recall, vectors = await _recall(memory, wanted, np.load(folder / "exact.npy"))
    overlap = await _overlap(memory, texts[:_FULL_QUERIES])
    memory.use([])
    words = await _timed(memory, rest)
    await memory.aclose()
    return {
        "first_ms": first[0],
        "hybrid_ms": hybrid,
        "computing_ms": computed / len(rest) * 1000,
        "words_ms": words,
        "vectors_ms": vectors,
        "busy_ms": busy,
        "held_up_ms": held_up[0] * 1000,
        "recall": recall,
        "overlap": overlap,
        "resident_mb": resident,
    }


async def _timed(memory: MemoryStore, texts: Sequence[str]) -> list[float]:
    samples = []
    for text in texts:
        started = time.perf_counter()
        hits = await memory.search(text, _TOP)
        samples.append((time.perf_counter() - started) * 1000)
        assert hits
    return samples


async def _insert(memory: MemoryStore) -> None:
    rng = np.random.default_rng(3)
    while True:
        vector = rng.standard_normal(384).tolist()
        await memory.insert(Record("a new thing that is said meanwhile", embedding=vector))


async def _ticks(longest: list[float]) -> None:
    """Note how much later than asked the event loop came back."""
    while True:
        started = time.perf_counter()
        await asyncio.sleep(_TICK_S)
        longest[0] = max(longest[0], time.perf_counter() - started - _TICK_S)


async def _recall(
    memory: MemoryStore, wanted: npt.NDArray[np.float32], exact: npt.NDArray[np.intp]
) -> tuple[float, list[float]]:
    """Return which part of the nearest ten the search by vectors finds, and its times."""
    nearest = Nearest(has_vec0=True)
    found = 0
    samples = []
    for vector, true in zip(wanted, exact, strict=True):
        query = vector.tolist()
        started = time.perf_counter()
        chunks = await memory.source.read(partial(_near, nearest, query))
        samples.append((time.perf_counter() - started) * 1000)
        best = sorted(chunks, key=chunks.__getitem__, reverse=True)[:_TOP]
        found += len({chunk - 1 for chunk in best} & set(true.tolist()))
    return found / exact.size, samples[1:]


def _near(nearest: Nearest, query: list[float], connection: Connection) -> dict[int, float]:
    return nearest.find(connection, generations(connection)[0], query, 100, Allowed())


async def _overlap(memory: MemoryStore, texts: Sequence[str]) -> float:
    """Return which part of the best ten by BM25 over all chunks the bounded search keeps."""
    lexical = Lexical()
    shared = total = 0
    for text in texts:
        terms = query_terms(text)
        ask = f"SELECT rowid FROM {WORDS} WHERE {WORDS} MATCH ? "
        ask += f"ORDER BY bm25({WORDS}, 1.0, 0.5, 0.5) LIMIT {_TOP}"
        full = await memory.source.read(partial(_full, ask, " OR ".join(terms)))
        ours = await memory.source.read(partial(_bounded, lexical, terms))
        shared += len(full & ours)
        total += len(full)
    return shared / total


def _full(ask: str, expression: str, connection: Connection) -> set[int]:
    return {int(str(chunk)) for (chunk,) in connection.execute(ask, (expression,))}


def _bounded(lexical: Lexical, terms: list[str], connection: Connection) -> set[int]:
    return set(lexical.find(connection, terms, _TOP, Filter()))


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    line = next(it for it in status.splitlines() if it.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(Path(sys.argv[1])))))
