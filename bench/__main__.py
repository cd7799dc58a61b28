"""``python -m bench [names…] [--quick] [--json PATH]``: measures, prints a table, writes JSON."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path

from bench.figure import Figure
from bench.report import surroundings, table, write_json
from ruster.testing import short_folder

_NAMES = (
    "turn",
    "start",
    "memory",
    "connections",
    "prompt",
    "choice",
    "engine",
    "lifecycle",
    "sandbox",
    "scripts",
    "jobs",
    "gateway",
)
_ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the named benchmarks, or all; a target that is missed is no failure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(_NAMES))
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--json", type=Path, default=_ROOT / "target" / "bench" / "figures.json")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(_NAMES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; known: {', '.join(_NAMES)}")
    os.chdir(_ROOT)
    _use_own_temporary_folder()
    before = surroundings()
    figures: list[Figure] = []
    for name in chosen.names or _NAMES:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures += _measure(name, quick=chosen.quick)
    print(f"load average {before['load_average'][0]} before, {os.getloadavg()[0]:.2f} after")
    print(table(figures))
    write_json(chosen.json, figures, before, quick=chosen.quick)
    return 0


def _measure(name: str, *, quick: bool) -> list[Figure]:
    """Run one benchmark; its failure is told and does not stop the others."""
    try:
        with short_folder() as folder:
            measure = importlib.import_module(f"bench.{name}").measure
            figures: list[Figure] = measure(folder, quick=quick)
            return figures
    except Exception as error:  # noqa: BLE001 - the others are measured all the same
        traceback.print_exc()
        return [Figure(name, None, "", note=f"failed: {error}")]


def _use_own_temporary_folder() -> None:
    """Keep files below the checkout: elsewhere they may lie in memory, where flushing is free."""
    folder = _ROOT / "target" / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(folder)


if __name__ == "__main__":
    sys.exit(main())
