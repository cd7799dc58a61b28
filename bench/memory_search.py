"""``python -m bench.memory_search [--million] [--quick] [--json PATH]``: the memory at size.

Hybrid search, recall, insertion, file size and resident memory, beside plain sqlite-vec and, where
it is installed, LanceDB, in the same run over the same vectors. The vector of a question is at
hand: what a model takes to make it comes on top.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.figure import Figure, percentile
from bench.memory_child import Told
from bench.memory_items import BLOCK, Items
from bench.memory_peers import peers
from bench.report import surroundings, table, write_json
from ruster.core.clock import SystemClock
from ruster.core.memory import DIMENSIONS, Record
from ruster.memory.store import MemoryStore

_ROOT = Path(__file__).resolve().parent.parent
_BATCH = 1000
_TOP = 10


def main() -> int:
    """Measure and report; a target that is missed is no failure."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory_search", description=__doc__)
    parser.add_argument("--million", action="store_true", help="1,000,000 items, too")
    parser.add_argument("--quick", action="store_true", help="10,000 items only, fewer questions")
    parser.add_argument("--size", type=int, action="append", help="these sizes only")
    parser.add_argument("--json", type=Path, default=_ROOT / "target" / "bench" / "memory.json")
    chosen = parser.parse_args()
    sizes = chosen.size or [10_000, *([] if chosen.quick else [100_000])]
    sizes += [1_000_000] * chosen.million
    before = surroundings()
    figures: list[Figure] = []
    for size in sizes:
        folder = _ROOT / "target" / "tmp" / f"memory-{size}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            figures += measure(folder, size, questions=100 if chosen.quick else 400)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(table(figures))
    write_json(chosen.json, figures, before, quick=chosen.quick)
    return 0


def measure(folder: Path, size: int, questions: int) -> list[Figure]:
    """Build a memory of ``size`` items and measure it, then its peers."""
    print(f"{size:,} items …", file=sys.stderr, flush=True)
    items = Items()
    vectors = np.memmap(folder / "vectors", np.float32, "w+", shape=(size, DIMENSIONS))
    figures = asyncio.run(_build(folder, items, vectors, size))
    vectors.flush()
    asked = items.questions(size, questions)
    (folder / "questions.json").write_text(json.dumps([it.text for it in asked]))
    wanted = np.stack([it.vector for it in asked])
    np.save(folder / "wanted.npy", wanted)
    np.save(folder / "exact.npy", exact_neighbours(vectors, wanted))
    figures += _searched(folder, size)
    return figures + peers(folder, vectors, wanted, np.load(folder / "exact.npy"))


def exact_neighbours(
    vectors: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]
) -> npt.NDArray[np.intp]:
    """Return the places of the nearest ten of each question, best first, by full comparison."""
    found = np.empty((len(wanted), 0), np.intp)
    scores = np.empty((len(wanted), 0), np.float32)
    for start in range(0, len(vectors), BLOCK):
        part = wanted @ vectors[start : start + BLOCK].T
        places = np.broadcast_to(np.arange(start, start + part.shape[1]), part.shape)
        scores, found = np.hstack((scores, part)), np.hstack((found, places))
        best = np.argsort(-scores, axis=1)[:, :_TOP]
        scores = np.take_along_axis(scores, best, 1)
        found = np.take_along_axis(found, best, 1)
    return found


async def _build(
    folder: Path, items: Items, vectors: npt.NDArray[np.float32], size: int
) -> list[Figure]:
    """Insert all items; the last thousand one by one."""
    memory = await MemoryStore.open(folder / "memory.sqlite", SystemClock(), embedders=[Told({})])
    bulk_s = 0.0
    records: list[Record] = []
    for number, (texts, block) in enumerate(items.blocks(size)):
        first = number * BLOCK
        vectors[first : first + BLOCK] = block
        for start in range(0, BLOCK, _BATCH):
            records = [
                Record(texts[at], embedding=block[at], id=f"{first + at:036d}", ts=1.8e9)
                for at in range(start, start + _BATCH)
            ]
            if first + start + _BATCH == size:
                break
            started = time.perf_counter()
            await memory.insert_many(records)
            bulk_s += time.perf_counter() - started
    started = time.perf_counter()
    for record in records:
        await memory.insert(record)
    alone_s = time.perf_counter() - started
    await memory.wipe()
    bytes_an_item = memory.path.stat().st_size / size
    wrong = await memory.check() if size <= 100_000 else []
    await memory.aclose()
    assert not wrong, wrong
    name = f"{size:,} items: "
    return [
        Figure(f"{name}insert, in bulk", (size - _BATCH) / bulk_s, "/s", 5_000, at_least=True),
        Figure(f"{name}insert, one a commit", _BATCH / alone_s, "/s", 1_000, at_least=True),
        Figure(f"{name}file", bytes_an_item, "bytes/item", 2_500),
    ]


def _searched(folder: Path, size: int) -> list[Figure]:
    """Search in a process of its own, so that its memory is the search's alone."""
    child = [sys.executable, "-m", "bench.memory_child", str(folder)]
    done = subprocess.run(child, stdout=subprocess.PIPE, check=True, env=os.environ)
    found = json.loads(done.stdout)
    name = f"{size:,} items: "

    def times(what: str, samples: Sequence[float], target: float | None) -> list[Figure]:
        return [
            Figure(f"{name}{what}, p50", percentile(samples, 50), "ms"),
            Figure(f"{name}{what}, p99", percentile(samples, 99), "ms", target),
        ]

    return [
        *times("hybrid search", found["hybrid_ms"], 40.0),
        Figure(f"{name}hybrid search, computing", found["computing_ms"], "ms", note="all threads"),
        *times("search by words", found["words_ms"], None),
        *times("search by vectors", found["vectors_ms"], None),
        *times("hybrid search while inserting", found["busy_ms"], None),
        Figure(f"{name}event loop held up at most", found["held_up_ms"], "ms"),
        Figure(f"{name}first search", found["first_ms"], "ms"),
        Figure(f"{name}recall@10 of vectors", found["recall"], "", 0.98, at_least=True),
        Figure(f"{name}top 10 shared with full BM25", found["overlap"], ""),
        Figure(f"{name}resident", found["resident_mb"], "MB", 200.0),
    ]


if __name__ == "__main__":
    sys.exit(main())
