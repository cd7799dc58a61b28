"""A call of a script in a process that is warm, and the start of one that is not."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench.figure import Figure, percentile
from ruster.sandbox.http_guard import GuardedWeb
from ruster.sandbox.script import ScriptPool
from ruster.sandbox.script_settings import ScriptSettings
from ruster.sandbox.web_settings import WebSettings

__all__ = ["measure"]

_SOURCE = "def main(args):\n    return 'hello ' + args['name']\n"
_ARGS = {"name": "bench"}


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Call one small script again and again; the control is the same text run by plain Python."""
    return asyncio.run(_measure(100 if quick else 1000))


async def _measure(calls: int) -> list[Figure]:
    pool = ScriptPool(ScriptSettings(runs_per_process=calls * 2), GuardedWeb(WebSettings()))
    try:
        began = time.perf_counter()
        await pool.run(_SOURCE, _ARGS)
        cold_ms = (time.perf_counter() - began) * 1000
        samples = [await _call_ms(pool) for _ in range(calls)]
    finally:
        await pool.aclose()
    control = percentile([_plain_ms() for _ in range(calls)], 50)
    note = f"{calls} calls; control: plain Python without a sandbox"
    return [
        Figure("script, warm process, p50", percentile(samples, 50), "ms", 2, control, note),
        Figure("script, warm process, p95", percentile(samples, 95), "ms", None, control, note),
        Figure("script, first call with the start of its process", cold_ms, "ms"),
    ]


async def _call_ms(pool: ScriptPool) -> float:
    began = time.perf_counter()
    await pool.run(_SOURCE, _ARGS)
    return (time.perf_counter() - began) * 1000


def _plain_ms() -> float:
    began = time.perf_counter()
    names: dict[str, object] = {}
    exec(compile(_SOURCE, "script", "exec"), names)
    main = names["main"]
    assert callable(main)
    main(_ARGS)
    return (time.perf_counter() - began) * 1000
