"""The embedded engine against llama.cpp's own server: the same file, libraries and threads.

``python -m bench.engine_peer [names…] [--server PATH] [--model q8_0|q4_0|small|tiny] [--threads 2]
[--quick] [--json PATH]``. Rounds of both sides take turns, and only one computes at a time; what is
compared is the median of the rounds' ratios. Without ``--server`` only our own figures are taken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from bench.contest import Contest
from bench.llama_server import Run, native_folder
from bench.report import surroundings, table, write_json

_ROOT = Path(__file__).resolve().parent.parent
_MODELS = ("q8_0", "q4_0", "small", "tiny")
_NAMES = ("streams", "burst", "turns", "gaps", "restore", "start", "isolation")
_SESSIONS = 8


def main() -> int:
    """Take the figures; a target that is missed is no failure."""
    chosen = _parsed()
    os.chdir(_ROOT)
    _keep_files_below_the_checkout()
    run = Run(_model(chosen.model), chosen.threads, chosen.window, _SESSIONS)
    before = surroundings() | {
        "model": run.model.name,
        "threads": run.threads,
        "window": run.window,
        "peer": _describe(chosen.server),
    }
    rounds = 2 if chosen.quick else chosen.rounds
    with tempfile.TemporaryDirectory() as folder:
        contest = Contest(run, chosen.server, Path(folder), rounds)
        figures = asyncio.run(contest.measure(chosen.names or _NAMES))
    print(f"{before['model']}, {run.threads} threads, {rounds} rounds; {before['peer']}")
    print(f"load average {before['load_average'][0]} before, {os.getloadavg()[0]:.2f} after")
    print(table(figures))
    write_json(chosen.json, figures, before, quick=chosen.quick)
    return 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.engine_peer", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(_NAMES))
    parser.add_argument("--server", type=_program, help="a llama-server program")
    parser.add_argument("--model", choices=_MODELS, default="q8_0")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--window", type=int, default=2560, help="tokens of one session")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--json", type=Path, default=_ROOT / "target" / "bench" / "engine.json")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(_NAMES):
        parser.error(f"no figure {', '.join(sorted(unknown))}; known: {', '.join(_NAMES)}")
    return chosen


def _program(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not os.access(path, os.X_OK):
        raise argparse.ArgumentTypeError(f"{path} is no program")
    return path


def _model(name: str) -> Path:
    """Return a model file, written now if it is not there."""
    from bench.weights import QWEN, SMOLLM, TINY, Kind, write  # needs numpy and gguf

    known = {"small": (SMOLLM, "q8_0"), "tiny": (TINY, "q8_0")}
    shape, kind = known.get(name, (QWEN, name))
    path = Path(f"target/bench/models/{shape.name.lower()}-{kind}-random.gguf").absolute()
    if not path.exists():
        print("writing a model …", file=sys.stderr, flush=True)
        write(path, shape, Kind[kind.upper()])
    return path


def _describe(server: Path | None) -> str:
    """Say what computes on each side."""
    if server is None:
        return "no peer (--server PATH names one)"
    return f"peer: {server.name}, run with the libraries in {native_folder().name} of the binding"


def _keep_files_below_the_checkout() -> None:
    folder = _ROOT / "target" / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(folder)


if __name__ == "__main__":
    sys.exit(main())
