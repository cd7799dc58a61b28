"""Loading and unloading a model again and again: memory, time, and whether the estimate holds."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from statistics import median

from bench.engine import written_model
from bench.figure import Figure
from ruster.core.inference import Behaviour, InferenceConfig, InferenceRequest
from ruster.core.messages import Message, Role
from ruster.core.orchestration import Infer
from ruster.engine.estimate import Footprint
from ruster.engine.gguf import read_shape
from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings

__all__ = ["measure"]

_NEEDED = ("llama_cpp", "gguf", "numpy", "jinja2")
_NAME = "memory after loads and unloads"
_MB = 1e6
_WARM_UP = 3


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Let one worker load, answer and unload; look at its memory after each time."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return [Figure(_NAME, None, "%", note=f"absent: {', '.join(missing)}")]
    return asyncio.run(_measure(written_model(), folder, 10 if quick else 50))


async def _measure(model: Path, folder: Path, cycles: int) -> list[Figure]:
    settings = EngineSettings(snapshot_folder=folder / "kv")
    host = EngineHost(settings)
    unloaded: list[int] = []
    loaded: list[int] = []
    took: list[float] = []
    try:
        for _ in range(_WARM_UP + cycles):
            await _answer(host, model)
            loaded.append(_memory(host, "VmRSS"))
            await host.unload()
            unloaded.append(_memory(host, "VmRSS"))
            took.append(host.status()[0].load_s or 0.0)
    finally:
        await host.aclose()
    first, last = unloaded[_WARM_UP - 1], max(unloaded[_WARM_UP:])
    footprint = Footprint(read_shape(model), settings)
    estimate = footprint.with_demand(footprint.demand(Infer("hi")))
    taken = median(loaded[_WARM_UP:]) - first
    return [
        Figure(_NAME, 100 * (last / first - 1), "%", 2.0, None, f"most of {cycles}, "
               f"{first / _MB:.1f} to {last / _MB:.1f} MB"),
        Figure("memory given back by an unload", 100 * (1 - (last - first) / taken), "%", 98.0,
               note=f"of {taken / _MB:.0f} MB", at_least=True),
        Figure("estimate before the load", estimate / _MB, "MB", None, taken / _MB,
               "control: what was taken"),
        Figure("load of a model", median(took[_WARM_UP:]), "s", note="145 MB, from the file cache"),
    ]  # fmt: skip


async def _answer(host: EngineHost, model: Path) -> None:
    config = InferenceConfig(Behaviour(max_tokens=4))
    message = Message(Role.USER, "Tell me a story.")
    async for _ in host.infer(model, InferenceRequest("", (message,), config, session="bench")):
        pass


def _memory(host: EngineHost, field: str) -> int:
    for line in Path(f"/proc/{host.worker_pid}/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == field:
            return int(rest.split()[0]) * 1024
    raise LookupError(field)
