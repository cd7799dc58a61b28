"""What others do with the same vectors: plain sqlite-vec, and LanceDB where it is installed."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.figure import Figure, percentile
from ruster.core.memory import DIMENSIONS
from ruster.memory.database.native import load_vectors, open_connection

__all__ = ["peers"]

_Floats = npt.NDArray[np.float32]
_Find = Callable[[_Floats], list[int]]
_TOP = 10
_QUESTIONS = 100


def peers(
    folder: Path, vectors: _Floats, wanted: _Floats, exact: npt.NDArray[np.intp]
) -> list[Figure]:
    """Measure each peer's search by vectors; none of them searches words here."""
    figures = _plain(folder, vectors, wanted, exact)
    if find_spec("lancedb") is None:
        return [*figures, Figure("LanceDB", None, "ms", note="not installed")]
    return figures + _lance(folder, vectors, wanted, exact)


def _plain(
    folder: Path, vectors: _Floats, wanted: _Floats, exact: npt.NDArray[np.intp]
) -> list[Figure]:
    path = folder / "plain.sqlite"
    connection = open_connection(path, writes=True)
    load_vectors(connection)
    connection.execute(f"CREATE VIRTUAL TABLE plain USING vec0(v float[{DIMENSIONS}])")
    started = time.perf_counter()
    with connection:
        connection.executemany(
            "INSERT INTO plain(rowid, v) VALUES(?, ?)",
            ((at, vector.tobytes()) for at, vector in enumerate(vectors)),
        )
    rate = len(vectors) / (time.perf_counter() - started)

    def find(vector: _Floats) -> list[int]:
        ask = f"SELECT rowid FROM plain WHERE v MATCH ? AND k = {_TOP}"
        return [int(str(at)) for (at,) in connection.execute(ask, (vector.tobytes(),))]

    figures = _figures(f"{len(vectors):,} items: sqlite-vec as it comes", find, wanted, exact, rate)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    path.unlink()
    return figures


def _lance(
    folder: Path, vectors: _Floats, wanted: _Floats, exact: npt.NDArray[np.intp]
) -> list[Figure]:
    import lancedb
    import pyarrow as pa

    figures = []
    for kind in ("IVF_PQ", "IVF_HNSW_SQ"):
        database = lancedb.connect(str(folder / f"lance-{kind}"))
        started = time.perf_counter()
        table: Any = None
        for start in range(0, len(vectors), 50_000):
            part = np.asarray(vectors[start : start + 50_000])
            flat = pa.array(part.reshape(-1), pa.float32())
            rows = pa.table(
                {
                    "n": np.arange(start, start + len(part)),
                    "vector": pa.FixedSizeListArray.from_arrays(flat, DIMENSIONS),
                }
            )
            if table is None:
                table = database.create_table("items", rows)
            else:
                table.add(rows)
        extra = {"num_sub_vectors": 48} if kind == "IVF_PQ" else {}
        table.create_index(metric="cosine", index_type=kind, **extra)
        rate = len(vectors) / (time.perf_counter() - started)

        def find(vector: _Floats, table: Any = table) -> list[int]:
            found = table.search(vector).metric("cosine").nprobes(20).refine_factor(10)
            return [row["n"] for row in found.limit(_TOP).select(["n"]).to_list()]

        name = f"{len(vectors):,} items: LanceDB {kind}"
        figures += _figures(name, find, wanted, exact, rate)
    return figures


def _figures(
    name: str, find: _Find, wanted: _Floats, exact: npt.NDArray[np.intp], rate: float
) -> list[Figure]:
    samples, found = [], 0
    for vector, true in zip(wanted[:_QUESTIONS], exact, strict=False):
        started = time.perf_counter()
        got = find(vector)
        samples.append((time.perf_counter() - started) * 1000)
        found += len(set(got) & set(true.tolist()))
    return [
        Figure(f"{name}, vectors only, p50", percentile(samples, 50), "ms"),
        Figure(f"{name}, vectors only, p99", percentile(samples, 99), "ms"),
        Figure(f"{name}, recall@10", found / (len(samples) * _TOP), ""),
        Figure(f"{name}, build", rate, "/s", note="vectors only, with the index"),
    ]
