"""From the start of the process to a socket that takes connections; ``rusterctl --help``."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from statistics import median

from bench.figure import Figure
from bench.processes import run, start, wait_for_socket
from ruster.testing.daemon import environment_for

__all__ = ["measure"]

_IMPORTS = "import asyncio; from pydantic import BaseModel"
_HELP = "import sys; from ruster.cli.main import main; sys.argv = ['rusterctl', '--help']; main()"


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Start everything in turn, several times; the first round only warms the caches."""
    fresh: list[float] = []
    existing: list[float] = []
    bare: list[float] = []
    imports: list[float] = []
    helps: list[float] = []
    has_cli = importlib.util.find_spec("ruster.cli.main") is not None
    for number in range(1 + (5 if quick else 15)):
        home = folder / f"fresh-{number}"
        taken = [_start_s(home), _start_s(home), run("-c", "pass")]
        taken.append(run("-c", _IMPORTS))
        taken.append(run("-c", _HELP) if has_cli else 0.0)
        if number:
            for samples, seconds in zip(
                (fresh, existing, bare, imports, helps), taken, strict=True
            ):
                samples.append(seconds)
    control = median(imports)
    note = f"control: {_IMPORTS}; python -c pass {median(bare):.3f} s"
    return [
        Figure("start, existing data", median(existing), "s", 0.4, control, note),
        Figure("start, fresh data", median(fresh), "s", 0.4, control, note),
        Figure(
            "rusterctl --help",
            median(helps) if has_cli else None,
            "s",
            0.12,
            median(bare),
            "control: python -c pass" if has_cli else "absent: ruster.cli.main",
        ),
    ]


def _start_s(home: Path) -> float:
    home.mkdir(exist_ok=True)
    started = time.perf_counter()
    process = start(["-m", "ruster"], home / "output.txt", **environment_for(home))
    try:
        wait_for_socket(home / "r.sock", process)
        return time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()
