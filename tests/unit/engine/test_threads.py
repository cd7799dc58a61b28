"""How many threads compute: measuring, and following a machine that becomes busy."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from ruster.core.inference import Behaviour, Sampling
from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings, physical_cores
from ruster.engine.threads import ThreadCounts, ThreadTuner, candidates, measure
from tests.engine_support import NEEDS_ENGINE, Isolation, ask, read

_Cost = Callable[[int, int], float]


def _free(threads: int, tokens: int) -> float:
    return 0.012 * math.sqrt(tokens) / threads


def _crowded(threads: int, tokens: int) -> float:
    """Another program keeps one of the cores busy."""
    return 0.012 * math.sqrt(tokens) * (1.1 if threads == 1 else 2.4)


def _overrun(threads: int, tokens: int) -> float:
    """Others keep all cores busy: threads that wait for each other wait for them."""
    return 0.02 * math.sqrt(tokens) if threads == 1 else 3.0


def _saturated(threads: int, tokens: int) -> float:
    """One token waits for the memory, many for the processor."""
    return {1: 0.02, 4: 0.010, 8: 0.014}[threads] if tokens == 1 else 0.2 / threads


class _Machine:
    """Steps that cost what ``cost`` says, on a clock of their own."""

    def __init__(self, cost: _Cost) -> None:
        self.cost = cost
        self.now = 0.0
        self.counts = ThreadCounts(0, 0)
        self.used: list[int] = []

    def set_threads(self, counts: ThreadCounts) -> None:
        self.counts = counts

    def step(self, tokens: int, limit_s: float = math.inf) -> bool:
        count = self.counts.decode if tokens == 1 else self.counts.batch
        self.used.append(count)
        took = self.cost(count, tokens)
        self.now += min(took, limit_s)
        return took <= limit_s

    def measure(self, most: int) -> ThreadCounts:
        return measure(most, self.step, self.set_threads, lambda: self.now).counts

    def run(self, tuner: ThreadTuner, steps: int, size: int = 1) -> None:
        for _ in range(steps):
            before = self.now
            self.step(size)
            tuner.note(size, self.now - before)


def test_a_few_counts_are_tried() -> None:
    assert candidates(1) == (1,)
    assert candidates(2) == (1, 2)
    assert candidates(8) == (4, 8, 1)
    assert candidates(7) == (4, 7, 1)


@pytest.mark.parametrize(
    ("cost", "most", "chosen"),
    [
        (_free, 2, ThreadCounts(2, 2)),
        (_free, 1, ThreadCounts(1, 1)),
        (_crowded, 2, ThreadCounts(1, 1)),
        (_overrun, 2, ThreadCounts(1, 1)),
        (_saturated, 8, ThreadCounts(4, 8)),
    ],
)
def test_the_fastest_is_chosen(cost: _Cost, most: int, chosen: ThreadCounts) -> None:
    machine = _Machine(cost)
    assert machine.measure(most) == chosen
    assert machine.now < 0.7


def test_measuring_a_large_model_is_a_few_steps() -> None:
    machine = _Machine(lambda threads, tokens: 1.0 / threads)
    assert machine.measure(8) == ThreadCounts(8, 8)
    assert machine.used == [4, 4, 8, 1]


def test_a_step_that_is_broken_off_ends_the_measuring() -> None:
    machine = _Machine(_free)
    result = measure(4, lambda tokens, limit_s: False, machine.set_threads, lambda: 0.0)
    assert result.counts == ThreadCounts(4, 4)
    assert not result.step_s


@pytest.mark.parametrize("crowded", [_crowded, _overrun])
@pytest.mark.parametrize("size", [1, 4])
def test_a_busy_machine_gets_fewer_and_a_free_one_all_again(size: int, crowded: _Cost) -> None:
    machine = _Machine(_free)
    tuner = ThreadTuner(ThreadCounts(2, 2), 2)
    tuner.drive(machine.set_threads)
    machine.run(tuner, 3000, size)
    assert tuner.counts == machine.counts == ThreadCounts(2, 2)
    machine.cost = crowded
    machine.run(tuner, 3000, size)
    assert tuner.counts == machine.counts == ThreadCounts(1, 1)
    machine.cost = _free
    machine.run(tuner, 30_000, size)
    assert tuner.counts == machine.counts == ThreadCounts(2, 2)
    assert machine.used[-100:] == [2] * 100


def test_trials_are_rare() -> None:
    machine = _Machine(_free)
    tuner = ThreadTuner(ThreadCounts(2, 2), 2)
    tuner.drive(machine.set_threads)
    machine.run(tuner, 20_000)
    assert machine.used.count(1) < 20


def test_a_trial_among_steps_of_other_sizes_is_given_up() -> None:
    machine = _Machine(_free)
    tuner = ThreadTuner(ThreadCounts(2, 2), 2)
    tuner.drive(machine.set_threads)
    machine.run(tuner, 3000)
    machine.cost = lambda threads, tokens: 0.1
    while machine.counts != ThreadCounts(1, 1):
        machine.run(tuner, 1)
    machine.run(tuner, 1, size=3)
    assert machine.counts == tuner.counts == ThreadCounts(2, 2)


def test_a_model_measured_on_a_busy_machine_gets_all_cores_later() -> None:
    machine = _Machine(_free)
    tuner = ThreadTuner(ThreadCounts(1, 1), 2)
    tuner.drive(machine.set_threads)
    machine.run(tuner, 10_000)
    assert tuner.counts == ThreadCounts(2, 2)


@pytest.mark.engine
@pytest.mark.skipif(NEEDS_ENGINE[1].args[0], reason="llama-cpp-python is not installed")
async def test_what_was_measured_is_told_and_changes_no_answer(
    tiny_f32: Path, isolation: Isolation
) -> None:
    greedy = ask("Hello!", sampling=Sampling(temperature=0), behaviour=Behaviour(max_tokens=40))
    texts = []
    for threads in (1, None):
        host = EngineHost(EngineSettings(threads=threads, isolation=isolation))
        try:
            ready = await host.load(tiny_f32)
            texts.append((await read(host.infer(tiny_f32, greedy))).text)
        finally:
            await host.aclose()
        assert ready.threads is not None
        assert ready.batch_threads is not None
        assert 1 <= ready.threads <= physical_cores()
        assert bool(ready.step_times) == (threads is None and physical_cores() > 1)
    assert texts[0] == texts[1]
