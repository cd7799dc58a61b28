"""The trial of threads as a part of a load: what is told before it, and what ends it."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ruster.core.errors import ModelError
from ruster.core.inference import Complete
from ruster.core.orchestration import (
    AssetProgress,
    AssetStarted,
    EngineBody,
    EngineFailure,
    Infer,
    LoadModel,
    ModelReady,
)
from ruster.core.tasks import spawn
from ruster.engine.host import EngineHost
from ruster.engine.inbox import Ticket
from ruster.engine.settings import EngineSettings
from ruster.engine.threads import Measured, ThreadCounts
from tests.engine_support import NEEDS_ENGINE, ask, read
from tests.models.scripts import DEFAULT

if TYPE_CHECKING:
    from ruster.engine.model import LoadedModel

pytestmark = NEEDS_ENGINE


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them there is nothing to try."""
    monkeypatch.setattr("ruster.engine.trial.physical_cores", lambda: 2)


def test_a_trial_tells_its_times_and_ends_when_it_is_stopped(model: LoadedModel) -> None:
    from ruster.engine.native import CancelFlag
    from ruster.engine.trial import measure_threads

    whole = measure_threads(model, EngineSettings(), CancelFlag(), lambda: False)
    assert whole.step_s  # of each count that was not hopeless
    assert {count for count, _ in whole.step_s} <= {1, 2}
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 1

    cut = measure_threads(model, EngineSettings(), CancelFlag(), stopped)
    assert cut == Measured(ThreadCounts(2, 2))
    flag = CancelFlag()
    flag.set()  # in the middle of the first step, as it were
    assert measure_threads(model, EngineSettings(), flag, lambda: False) == cut


def test_what_goes_wrong_in_a_trial_is_not_told(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ruster.engine.context import Context, Decoded
    from ruster.engine.native import CancelFlag
    from ruster.engine.trial import measure_threads

    def broken(_self: Context) -> Decoded:
        raise ModelError("tried", code="decode_failed")

    monkeypatch.setattr(Context, "decode", broken)
    measured = measure_threads(model, EngineSettings(), CancelFlag(), lambda: False)
    assert measured == Measured(ThreadCounts(2, 2))


def test_each_model_is_tried_once_its_load_is_told(scripted: Path, tiny_f32: Path) -> None:
    from ruster.engine.runner import Runner

    runner = Runner(EngineSettings())
    told: dict[Path, list[EngineBody]] = {scripted: [], tiny_f32: []}
    for path, bodies in told.items():
        runner.inbox.put(Ticket(LoadModel(str(path)), bodies.append))
        runner.work()
    for path, bodies in told.items():
        assert bodies[0] == AssetStarted(str(path))
        size = path.stat().st_size
        *_, last, ready, end = bodies
        assert last == AssetProgress(size, size)
        assert isinstance(ready, ModelReady)
        assert ready.step_times
        assert end == Complete()
    tuners = {id(lane._tuner) for _, lane in runner._pool}
    assert len(tuners) == 2
    runner.close()


def test_cancelling_the_request_that_loads_ends_the_trial(
    scripted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who else waits for the model still gets it."""
    from ruster.engine import runner as module
    from ruster.engine.native import CancelFlag
    from ruster.engine.trial import measure_threads as real

    seen: list[bool] = []

    def measure(
        model: LoadedModel, settings: EngineSettings, flag: CancelFlag, stopped: object
    ) -> Measured:
        assert callable(stopped)
        assert runner.inbox.cancel("first")
        seen.extend([flag.is_set(), stopped()])
        return real(model, settings, flag, stopped)

    monkeypatch.setattr(module, "measure_threads", measure)
    runner = module.Runner(EngineSettings())
    first: list[EngineBody] = []
    other: list[EngineBody] = []
    runner.inbox.put(Ticket(Infer("Hello!", model=str(scripted)), first.append, "first"))
    runner.inbox.put(Ticket(Infer("Hello!", model=str(scripted)), other.append, "other"))
    for _ in range(1000):
        runner.work()
        if isinstance(other[-1] if other else None, (Complete, EngineFailure)):
            break
    assert seen == [True, True]
    assert isinstance(first[-1], ModelReady)
    assert first[-1].step_times == ()
    assert isinstance(other[-1], Complete)
    runner.close()


async def test_a_long_trial_is_no_hang_and_closing_ends_it(
    scripted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ruster.engine import runner as module

    begun = threading.Event()

    def slow(_model: object, _settings: object, _flag: object, stopped: object) -> Measured:
        begun.set()
        assert callable(stopped)
        for _ in range(350 if not again else 100_000):
            if stopped():
                break
            time.sleep(0.01)
        return Measured(ThreadCounts(1, 1))

    again = False
    monkeypatch.setattr(module, "measure_threads", slow)
    host = EngineHost(EngineSettings(isolation="thread", step_timeout_s=1.5))
    assert (await read(host.infer(scripted, ask("Hello!")))).text == DEFAULT.text
    await host.unload()
    again = True
    begun.clear()
    loading = spawn(read(host.infer(scripted, ask("Hello!"))), name="loading", log_failure=False)
    await asyncio.to_thread(begun.wait)
    await host.aclose()
    assert not any(thread.name == "engine" for thread in threading.enumerate())
    with pytest.raises(ModelError):
        await loading
