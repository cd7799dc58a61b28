"""Tokens a second through the socket against the same engine driven directly."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.client import Client
from bench.figure import Figure
from bench.processes import daemon, environment

__all__ = ["measure", "written_model"]

_NEEDED = ("llama_cpp", "gguf", "numpy", "jinja2")
_MODEL = Path("target/bench/models/smollm2-135m-q8_0-random.gguf")
_NAME = "engine tokens through the socket"


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Let both write the same number of tokens in turn; the first round loads and warms up."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return [Figure(_NAME, None, "tokens/s", note=f"absent: {', '.join(missing)}")]
    model = written_model()
    tokens = "64" if quick else "128"
    through: list[float] = []
    direct: list[float] = []
    settings = {"agent_max_tokens": tokens, "default_model": f"llamacpp/{model}"}
    with (
        daemon(folder, **settings) as server,
        Client(server.socket_path) as client,
        _direct(model, tokens) as control,
    ):
        for number in range(1 + (3 if quick else 8)):
            message = f"Tell me story number {number}."
            taken = _through(client, f"s{number}", message), _ask(control, message)
            if number:
                through.append(taken[0])
                direct.append(taken[1])
    return _figures(through, direct)


def _figures(through: list[float], direct: list[float]) -> list[Figure]:
    from bench.weights import SHAPE  # needs numpy and gguf

    ratio = median(ours / theirs for ours, theirs in zip(through, direct, strict=True))
    note = f"{SHAPE}, random weights; control: the engine's runner"
    return [
        Figure(_NAME, median(through), "tokens/s", None, median(direct), note),
        Figure("engine: socket against direct", ratio, "x", 0.97, None, "median", at_least=True),
    ]


def written_model() -> Path:
    """Return the model that is measured with, written when it is missing."""
    from bench.weights import write  # needs numpy and gguf

    path = _MODEL.absolute()
    if not path.exists():
        print("writing a model …", file=sys.stderr, flush=True)
        write(path)
    return path


def _through(client: Client, session: str, message: str) -> float:
    """Take a turn in a new session; return tokens a second from the command to its end."""
    client.ask({"action": "create", "session_id": session}, "created")
    started = time.perf_counter()
    usage = client.ask({"action": "send", "session_id": session, "message": message}, "usage")
    while not client.event("response").get("done"):
        pass
    return float(usage["completion_tokens"]) / (time.perf_counter() - started)


@contextmanager
def _direct(model: Path, tokens: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "bench.engine_direct", str(model), tokens],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        text=True,
    ) as process:
        yield process
        if process.stdin is not None:
            process.stdin.close()


def _ask(process: subprocess.Popen[str], message: str) -> float:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the control has no pipes")
    process.stdin.write(message + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    return float(answer["tokens"]) / float(answer["seconds"])
