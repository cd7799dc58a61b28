"""The models in memory: which may be loaded beside which, and when one has to go.

A model is loaded when a request needs it and the memory budget has room. To make room the models
that nobody uses are unloaded, the least recently used first; one in use is never unloaded: the
request waits. What cannot fit even alone gets a smaller window, or is refused before native code
sees it. Compute thread only; loading itself is the caller's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from ruster.core.errors import ModelError
from ruster.core.orchestration import EngineCommand
from ruster.engine.estimate import Demand, Footprint, layers_that_fit
from ruster.engine.gguf import read_shape
from ruster.engine.memory import available_bytes, in_words
from ruster.engine.settings import EngineSettings

__all__ = ["Grant", "Memory", "ModelPool", "PooledModel"]

SHARE = 0.8
"""The part of the machine's available memory that models may take when no budget is set."""

_log = logging.getLogger("ruster.engine")


class PooledModel(Protocol):
    """A loaded model; see ``engine.lane``."""

    @property
    def busy(self) -> bool: ...

    def close(self) -> None: ...


_Model = TypeVar("_Model", bound=PooledModel)


@dataclass(frozen=True, slots=True)
class Memory:
    """How the pool learns what is free: the machine's memory, and its GPUs' (None: there is none).

    Tests give their own.
    """

    available: Callable[[], int | None] = available_bytes
    on_devices: Callable[[], int | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Grant:
    """A request may go on: with a ``window`` smaller than ``wanted`` if memory is short.

    ``gpu_layers`` is what to load with; -1 leaves it to llama.cpp.
    """

    footprint: Footprint
    demand: Demand
    window: int
    gpu_layers: int = -1

    @property
    def lowered(self) -> bool:
        """Whether the window is smaller than what was asked for."""
        return self.window < self.demand.window


@dataclass(eq=False, slots=True)
class _Place(Generic[_Model]):
    """A model in memory; ``idle_since`` is None while it is in use or was never asked anything."""

    model: _Model
    footprint: Footprint
    used_at: float
    idle_since: float | None
    asked: bool = False


class ModelPool(Generic[_Model]):
    """Holds the loaded models by the path of their file.

    ``on_unload`` is told each path whose model has gone.
    """

    def __init__(
        self,
        settings: EngineSettings,
        monotonic: Callable[[], float],
        memory: Memory,
        on_unload: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._memory = memory
        self._on_unload = on_unload
        self._places: dict[str, _Place[_Model]] = {}

    def __iter__(self) -> Iterator[tuple[str, _Model]]:
        return iter([(name, place.model) for name, place in self._places.items()])

    def get(self, name: str) -> _Model | None:
        """Return a loaded model."""
        place = self._places.get(name)
        return place.model if place is not None else None

    def bytes_of(self, name: str) -> int:
        """Return what was estimated for a loaded model."""
        return self._places[name].footprint.bytes

    def idle_s(self, name: str) -> float | None:
        """Return for how long a loaded model has been idle; None while it is in use."""
        since = self._places[name].idle_since
        return None if since is None else self._monotonic() - since

    def last_used(self) -> str | None:
        """Return the path of the model that was used last."""
        return max(self._places, key=lambda name: self._places[name].used_at, default=None)

    def reserve(self, name: str, command: EngineCommand) -> Grant | None:
        """Make room for what a command needs; None when models in use must end first.

        Raises ModelError (``out_of_memory``, or what reading the file's head raises).
        """
        footprint, gpu_layers = self._footprint(name)
        demand = footprint.demand(command)
        grant = Grant(footprint, demand, demand.window, gpu_layers)
        needed = footprint.with_demand(demand)
        if name in self._places and needed <= footprint.bytes:
            return grant
        room = self._room()
        if room is not None and needed > room:
            window = footprint.largest_window(demand, room)
            if window is None:
                raise self._too_large(name, grant, room)
            grant = Grant(footprint, demand, window, gpu_layers)
            needed = footprint.with_demand(demand, window)
        return grant if room is None or self._make_room(name, needed, room) else None

    def use(self, name: str, grant: Grant) -> None:
        """Note that a request of the loaded model begins under its grant."""
        if grant.lowered:
            grant.footprint.limit = grant.window
        grant.footprint.grant(grant.demand)
        place = self._places[name]
        place.used_at = self._monotonic()
        place.idle_since = None
        place.asked = True

    def add(self, name: str, model: _Model, grant: Grant) -> None:
        """Take a model in that was loaded under a grant."""
        now = self._monotonic()
        self._places[name] = _Place(model, grant.footprint, now, now)
        if grant.lowered:
            grant.footprint.limit = grant.window
        grant.footprint.grant(grant.demand)

    def note_idle(self) -> bool:
        """See which models are in use; the idle time of the others begins, True if of any now."""
        now, begins = self._monotonic(), False
        for place in self._places.values():
            if place.model.busy:
                place.idle_since, place.used_at = None, now
            elif place.idle_since is None:
                place.idle_since, begins = now, True
        return begins

    def unload_expired(self) -> None:
        """Unload what has been idle for long enough."""
        now = self._monotonic()
        for name, place in list(self._places.items()):
            deadline = self._deadline(place)
            if deadline is not None and deadline <= now:
                self.unload(name)

    def wait_s(self) -> float | None:
        """Return how long until something must be unloaded; None when nothing will be."""
        deadlines = [self._deadline(place) for place in self._places.values()]
        nearest = min((it for it in deadlines if it is not None), default=None)
        return None if nearest is None else max(0.0, nearest - self._monotonic())

    def unload(self, name: str) -> None:
        """Give a model's memory back; its sessions are kept as snapshots."""
        place = self._places.pop(name)
        place.model.close()
        _log.info("unloaded %s", name)
        self._on_unload(name)

    def close(self) -> None:
        """Unload everything, the model used last first: its snapshots matter most."""
        for name in sorted(self._places, key=lambda it: self._places[it].used_at, reverse=True):
            self.unload(name)

    def _deadline(self, place: _Place[_Model]) -> float | None:
        """Return when a model is to go; None while it is in use or kept alive."""
        if place.idle_since is None or self._settings.unload == "keep_alive":
            return None
        if self._settings.unload == "immediate" and place.asked:
            return place.idle_since
        return place.idle_since + self._settings.unload_after_s

    def _footprint(self, name: str) -> tuple[Footprint, int]:
        if (place := self._places.get(name)) is not None:
            return place.footprint, -1
        shape, settings = read_shape(Path(name)), self._settings
        layers, free = settings.n_gpu_layers, self._memory.on_devices()
        adapters = self._adapter_bytes(Path(name))
        if free is None:
            return Footprint(shape, settings, adapter_bytes=adapters), layers
        if layers < 0:
            cells = settings.kv_cells or min(
                shape.context_length or settings.context_size, settings.context_size
            )
            layers = layers_that_fit(shape, cells, free)
        return Footprint(shape, settings, layers, adapter_bytes=adapters), layers

    def _adapter_bytes(self, path: Path) -> int:
        files = [it.path.expanduser() for it in self._settings.lora if it.is_for(path)]
        return sum(file.stat().st_size for file in files if file.exists())

    def _room(self) -> int | None:
        """Return what one model may take if all others went; None when nothing bounds it."""
        budget = self._settings.memory_budget_bytes
        if budget is not None:
            return budget
        available = self._memory.available()
        if available is None:
            return None
        # Weights are mapped: the kernel counts them as available though they are in use. All else
        # that our models hold it counts as taken.
        held = sum(it.footprint.bytes - it.footprint.weights_bytes for it in self._places.values())
        return int(SHARE * (available + held))

    def _make_room(self, name: str, needed: int, room: int) -> bool:
        """Unload idle models until there is room; False when those in use leave too little."""
        others = {it: place for it, place in self._places.items() if it != name}
        in_use = sum(it.footprint.bytes for it in others.values() if it.model.busy)
        if in_use + needed > room:
            return False
        idle = sorted((it for it in others if not others[it].model.busy),
                      key=lambda it: others[it].used_at)  # fmt: skip
        held = sum(place.footprint.bytes for place in others.values())
        for other in idle:
            if held + needed <= room:
                break
            held -= others[other].footprint.bytes
            self.unload(other)
        return True

    def _too_large(self, name: str, grant: Grant, room: int) -> ModelError:
        footprint, demand = grant.footprint, grant.demand
        needs = in_words(footprint.with_demand(demand))
        if demand.least < demand.window:
            least = in_words(footprint.with_demand(demand, demand.least))
            needs += f" with a window of {demand.window} tokens, {least} with {demand.least}"
        return ModelError(
            f"{Path(name).name} needs {needs} of memory, and {in_words(room)} are free for it; "
            "choose a smaller model or context_size",
            code="out_of_memory",
        )
