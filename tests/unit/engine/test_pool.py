"""Which models are in memory: budget, eviction, waiting, unloading. Nothing is really loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ruster.core.errors import ModelError
from ruster.core.orchestration import Infer
from ruster.engine.estimate import Footprint
from ruster.engine.gguf import read_shape
from ruster.engine.pool import SHARE, Memory, ModelPool
from ruster.engine.settings import EngineSettings
from ruster.testing import ManualClock


@dataclass(eq=False)
class _Model:
    busy: bool = False
    closed: bool = False

    def close(self) -> None:
        assert not self.busy
        self.closed = True


@dataclass
class _Desk:
    """A pool, driven by hand; ``gone`` are the models it has unloaded."""

    pool: ModelPool[_Model]
    clock: ManualClock
    paths: list[str]
    gone: list[str] = field(default_factory=list)
    models: dict[str, _Model] = field(default_factory=dict)

    def ask(self, number: int, *, busy: bool = False) -> bool:
        """Ask a model something; False when it must wait."""
        name = self.paths[number]
        command = Infer("hi", model=name)
        grant = self.pool.reserve(name, command)
        if grant is None:
            return False
        if self.pool.get(name) is None:
            self.models[name] = _Model()
            self.pool.add(name, self.models[name], grant)
        self.pool.use(name, grant)
        self.models[name].busy = busy
        self.pool.note_idle()
        self.clock.advance(1)
        return True

    def end(self, number: int) -> None:
        """Let what a model does end."""
        self.models[self.paths[number]].busy = False
        self.pool.note_idle()

    @property
    def loaded(self) -> list[int]:
        return sorted(self.paths.index(name) for name, _ in self.pool)


@pytest.fixture
def paths(scripted: Path, tmp_path: Path) -> list[str]:
    """Return the paths of four model files."""
    for number in range(4):
        os.link(scripted, tmp_path / f"{number}.gguf")
    return [str(tmp_path / f"{number}.gguf") for number in range(4)]


def _one(paths: list[str]) -> int:
    footprint = Footprint(read_shape(Path(paths[0])), EngineSettings())
    return footprint.with_demand(footprint.demand(Infer("hi")))


def _desk(paths: list[str], memory: Memory | None = None, **options: object) -> _Desk:
    clock = ManualClock()
    settings = EngineSettings.model_validate(options)
    desk: _Desk
    pool: ModelPool[_Model] = ModelPool(
        settings,
        clock.monotonic,
        memory or Memory(lambda: None),
        lambda name: desk.gone.append(name),
    )
    desk = _Desk(pool, clock, paths)
    return desk


def test_what_fits_stays_loaded(paths: list[str]) -> None:
    desk = _desk(paths, memory_budget_bytes=4 * _one(paths))
    assert all(desk.ask(number) for number in (0, 1, 2, 3, 0))
    assert desk.loaded == [0, 1, 2, 3]
    assert desk.gone == []


def test_the_least_recently_used_makes_room(paths: list[str]) -> None:
    desk = _desk(paths, memory_budget_bytes=2 * _one(paths))
    for number in (0, 1, 0, 2):
        assert desk.ask(number)
    assert desk.loaded == [0, 2]
    assert desk.gone == [paths[1]]
    desk.ask(3)
    assert desk.loaded == [2, 3]


def test_one_in_use_is_never_unloaded(paths: list[str]) -> None:
    desk = _desk(paths, memory_budget_bytes=2 * _one(paths))
    desk.ask(0, busy=True)
    desk.ask(1, busy=True)
    assert not desk.ask(2)
    assert desk.gone == []
    desk.end(1)
    assert desk.ask(2)
    assert desk.loaded == [0, 2]


def test_nothing_is_unloaded_for_one_that_must_wait_all_the_same(paths: list[str]) -> None:
    desk = _desk(paths, memory_budget_bytes=2 * _one(paths) - 1)
    desk.ask(0, busy=True)
    assert not desk.ask(1)
    assert desk.loaded == [0]


def test_one_that_cannot_fit_is_refused_with_figures(paths: list[str]) -> None:
    desk = _desk(paths, memory_budget_bytes=1000)
    with pytest.raises(ModelError, match=r"0\.gguf needs .*MB.* and 1 kB are free") as caught:
        desk.ask(0)
    assert caught.value.code == "out_of_memory"
    assert "context_size" in caught.value.message


def test_a_refused_one_drives_nobody_out(paths: list[str], scripted: Path) -> None:
    budget = _one(paths)
    desk = _desk(paths, memory_budget_bytes=budget)
    desk.ask(0)
    Path(paths[1]).unlink()
    data = scripted.read_bytes()
    Path(paths[1]).write_bytes(data + bytes(budget))  # a file that is too large
    with pytest.raises(ModelError):
        desk.ask(1)
    assert desk.loaded == [0]


def test_where_memory_is_short_the_window_shrinks(paths: list[str]) -> None:
    desk = _desk(paths, memory_budget_bytes=_one(paths) - 1_000_000)
    grant = desk.pool.reserve(paths[0], Infer("hi"))
    assert grant is not None
    assert grant.lowered
    assert 2048 <= grant.window < grant.demand.window == 8192
    assert desk.ask(0)
    again = desk.pool.reserve(paths[0], Infer("hi"))
    assert again is not None
    assert not again.lowered  # it now asks for no more than there is
    assert again.demand.window == grant.window
    assert desk.pool.bytes_of(paths[0]) <= _one(paths) - 1_000_000


def test_without_a_budget_a_share_of_what_is_available(paths: list[str]) -> None:
    one, weights = _one(paths), read_shape(Path(paths[0])).weights_bytes
    total = int(2.2 * one / SHARE)
    # Cells are taken from what is available; weights are mapped and still count as available.
    desk = _desk(paths, Memory(lambda: total - len(desk.loaded) * (one - weights)))
    for number in (0, 1, 2):
        assert desk.ask(number)
    assert desk.loaded == [1, 2]
    short = _desk(paths, Memory(lambda: 1_000_000))
    with pytest.raises(ModelError):
        short.ask(0)


def test_hibernate_counts_from_when_the_last_user_leaves(paths: list[str]) -> None:
    desk = _desk(paths, unload_after_s=300)
    desk.ask(0, busy=True)
    desk.clock.advance(1000)
    assert desk.pool.wait_s() is None
    desk.end(0)
    assert desk.pool.wait_s() == 300
    desk.clock.advance(299)
    desk.pool.unload_expired()
    assert desk.loaded == [0]
    desk.ask(0)  # asked again, it starts anew
    desk.clock.advance(200)
    desk.pool.unload_expired()
    assert desk.loaded == [0]
    desk.clock.advance(100)
    desk.pool.unload_expired()
    assert (desk.loaded, desk.gone) == ([], [paths[0]])
    assert desk.models[paths[0]].closed
    assert desk.pool.wait_s() is None


def test_each_model_has_its_own_time(paths: list[str]) -> None:
    desk = _desk(paths, unload_after_s=10)
    desk.ask(0)
    desk.clock.advance(6)
    desk.ask(1)
    assert desk.pool.wait_s() == pytest.approx(2)
    desk.clock.advance(2)
    desk.pool.unload_expired()
    assert desk.loaded == [1]


def test_immediate_goes_after_the_answer_but_not_before_it(paths: list[str]) -> None:
    desk = _desk(paths, unload="immediate")
    grant = desk.pool.reserve(paths[0], Infer("hi"))
    assert grant is not None
    desk.pool.add(paths[0], _Model(), grant)  # loaded ahead: there was no answer yet
    desk.pool.note_idle()
    desk.pool.unload_expired()
    assert desk.loaded == [0]
    desk.ask(1, busy=True)
    desk.pool.unload_expired()
    assert desk.loaded == [0, 1]
    desk.end(1)
    assert desk.pool.wait_s() == 0
    desk.pool.unload_expired()
    assert desk.loaded == [0]


def test_kept_alive_it_stays(paths: list[str]) -> None:
    desk = _desk(paths, unload="keep_alive", unload_after_s=0)
    desk.ask(0)
    desk.clock.advance(1e9)
    desk.pool.unload_expired()
    assert (desk.loaded, desk.pool.wait_s()) == ([0], None)


@pytest.mark.parametrize(
    ("wanted", "free", "given"), [(-1, 1 << 40, 3), (2, 1 << 40, 2), (-1, 0, 0)]
)
def test_layers_for_the_device(paths: list[str], wanted: int, free: int, given: int) -> None:
    desk = _desk(paths, Memory(lambda: None, lambda: free), n_gpu_layers=wanted)
    grant = desk.pool.reserve(paths[0], Infer("hi"))
    assert grant is not None
    assert grant.gpu_layers == given
