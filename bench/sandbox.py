"""``/bin/true`` in the sandbox against ``/bin/true`` as a plain child, in turn."""

from __future__ import annotations

import asyncio
import time
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from statistics import median

from bench.figure import Figure
from ruster.core.sandbox import ProcessSpec
from ruster.sandbox.probe import mechanisms, probe
from ruster.sandbox.process import SystemSandbox

__all__ = ["measure"]

_TARGET_MS = 15.0
_COMMAND = ("/bin/true",)


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure what each mechanism that works here adds to a plain spawn."""
    return asyncio.run(_measure(20 if quick else 100))


async def _measure(rounds: int) -> list[Figure]:
    figures = []
    for mechanism in mechanisms():
        name = f"sandbox, {mechanism.name}, more than a plain spawn"
        found = await asyncio.to_thread(probe, [mechanism])
        if found.mechanism is None:
            figures.append(Figure(name, None, "ms", note=str(found.findings[0].why_not)))
            continue
        sandbox = SystemSandbox(mechanism=mechanism)
        confined, plain = [], []
        for number in range(1 + rounds):
            samples = (await _sandboxed_ms(sandbox), await _plain_ms())
            if number:  # the first round only warms the caches
                confined.append(samples[0])
                plain.append(samples[1])
        control = median(plain)
        target = None if figures else _TARGET_MS  # the second choice has none
        note = f"control: /bin/true as a plain child; median of {rounds}"
        figures.append(Figure(name, median(confined) - control, "ms", target, control, note))
    return figures


async def _sandboxed_ms(sandbox: SystemSandbox) -> float:
    started = time.perf_counter()
    done = await sandbox.run(ProcessSpec(_COMMAND))
    assert done.succeeded
    return (time.perf_counter() - started) * 1000


async def _plain_ms() -> float:
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    await process.communicate()
    return (time.perf_counter() - started) * 1000
