"""Loading and unloading in the real worker: several models, strategies, hangs, forgetting."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ruster.core.errors import EngineCrashed, ModelError
from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    InferenceConfig,
    Notice,
    Progress,
)
from ruster.core.messages import Message, Role
from ruster.core.orchestration import EngineBody, Heartbeat, Infer, ModelState, ModelUnloaded
from ruster.core.tasks import spawn
from ruster.engine.estimate import Footprint
from ruster.engine.gguf import read_shape
from ruster.engine.host import EngineHost
from ruster.engine.inbox import Ticket
from ruster.engine.session_files import digest
from ruster.engine.settings import EngineSettings
from tests.engine_support import NEEDS_ENGINE, Answer, Isolation, ask, read
from tests.models.scripts import DEFAULT, script

pytestmark = NEEDS_ENGINE


@asynccontextmanager
async def _engine(**options: object) -> AsyncIterator[EngineHost]:
    host = EngineHost(EngineSettings.model_validate({"threads": 1, **options}))
    try:
        yield host
    finally:
        await host.aclose()


@pytest.fixture
def models(scripted: Path, tmp_path: Path) -> list[Path]:
    """Return four files of the same model: four models to the engine."""
    for number in range(4):
        os.link(scripted, tmp_path / f"model-{number}.gguf")
    return [tmp_path / f"model-{number}.gguf" for number in range(4)]


def _needs(model: Path) -> int:
    footprint = Footprint(read_shape(model), EngineSettings())
    return footprint.with_demand(footprint.demand(Infer("hi")))


def _watch_frees(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note each model that is freed in this process."""
    from ruster.engine import native

    freed: list[str] = []
    real = native.lib.llama_model_free

    def free(handle: object) -> None:
        real(handle)
        freed.append("model")

    monkeypatch.setattr(native.lib, "llama_model_free", free)
    return freed


def _states(host: EngineHost) -> list[ModelState]:
    return [status.state for status in host.status()]


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def _notices(answer: Answer) -> list[Notice]:
    return [event for event in answer.events if isinstance(event, Notice)]


async def test_four_models_under_a_budget_for_two(
    models: list[Path], tmp_path: Path, isolation: Isolation
) -> None:
    budget = 2 * _needs(models[0]) + 1000
    async with _engine(
        isolation=isolation, memory_budget_bytes=budget, snapshot_folder=tmp_path / "kv"
    ) as host:

        async def talk(number: int) -> None:
            for text in ("capital", "count", "default") * 2:
                entry = script(text)
                request = replace(ask(entry.question), session=f"s{number}")
                assert (await read(host.infer(models[number], request))).text == entry.text

        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(talk(number))
        statuses = host.status()
        assert len(statuses) == 4
        assert 1 <= _states(host).count(ModelState.LOADED) <= 2
        assert sum(status.loads for status in statuses) > 4


async def test_two_models_answer_in_turn(models: list[Path], isolation: Isolation) -> None:
    async with _engine(isolation=isolation) as host:
        streams = [host.infer(model, ask("Talk forever.")) for model in models[:2]]
        for stream in streams:
            while not isinstance(await anext(stream), Content):
                pass
        assert _states(host) == [ModelState.INFERRING] * 2
        heard = [0, 0]
        while min(heard) < 20:  # each goes on while the other does
            for at, stream in enumerate(streams):
                heard[at] += isinstance(await anext(stream), Content)
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]


async def test_a_request_waits_until_a_model_in_use_is_free(
    models: list[Path], isolation: Isolation
) -> None:
    async with _engine(isolation=isolation, memory_budget_bytes=_needs(models[0]) + 1000) as host:
        talking = host.infer(models[0], ask("Talk forever."))
        while not isinstance(await anext(talking), Content):
            pass
        waits = spawn(read(host.infer(models[1], ask("Hello!"))), name="waits")
        for _ in range(60):  # it is in the engine before the other one is asked
            await anext(talking)
        later = spawn(read(host.infer(models[0], ask("Hello!"))), name="later")
        for _ in range(60):
            await anext(talking)
        assert not waits.done()
        assert not later.done()  # it does not overtake, else the other one might wait for ever
        assert _states(host) == [ModelState.INFERRING]
        await talking.aclose()  # type: ignore[attr-defined]
        assert (await waits).text == DEFAULT.text
        assert (await later).text == DEFAULT.text
        assert [status.loads for status in host.status()] == [2, 1]


async def test_everyone_who_waits_sees_the_load(scripted: Path) -> None:
    async with _engine() as host:
        asked = [spawn(read(host.infer(scripted, ask("Hello!"))), name="asked") for _ in range(3)]
        for answer in await asyncio.gather(*asked):
            progress = [event for event in answer.events if isinstance(event, Progress)]
            assert progress
            size = scripted.stat().st_size
            assert progress[-1] == Progress("loading scripted", size, size)
            assert _notices(answer) == []  # it was no reload


async def test_a_cancelled_load_goes_on_for_those_who_wait_for_it(scripted: Path) -> None:
    async with _engine() as host:
        first = host.infer(scripted, ask("Hello!"))
        waits = spawn(read(host.infer(scripted, ask("Hello!"))), name="waits")
        assert isinstance(await anext(first), Progress)
        await first.aclose()  # type: ignore[attr-defined]
        assert (await waits).text == DEFAULT.text
        (status,) = host.status()
        assert (status.state, status.loads) == (ModelState.LOADED, 1)


async def test_a_load_that_fails_is_no_load(
    host: EngineHost, scripted: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(scripted.read_bytes()[:-1000])
    with pytest.raises(ModelError) as caught:
        await read(host.infer(bad, ask("Hello!")))
    assert caught.value.code == "model_damaged"
    (status,) = host.status()
    assert (status.state, status.loads) == (ModelState.UNLOADED, 0)
    assert (await read(host.infer(scripted, ask("Hello!")))).text == DEFAULT.text


@pytest.mark.parametrize("strategy", ["immediate", "hibernate"])
async def test_an_idle_model_goes_and_its_return_is_told(
    scripted: Path,
    tmp_path: Path,
    strategy: str,
    caplog: pytest.LogCaptureFixture,
    isolation: Isolation,
) -> None:
    caplog.set_level("INFO", logger="ruster.engine")
    after = {"immediate": 1000, "hibernate": 0.05}[strategy]
    kept = tmp_path / "kv"
    async with _engine(
        isolation=isolation, unload=strategy, unload_after_s=after, snapshot_folder=kept
    ) as host:
        request = replace(ask("Hello! " + "Please be brief. " * 50), session="work")
        assert _notices(await read(host.infer(scripted, request))) == []
        await _until(lambda: _states(host) == [ModelState.UNLOADED])
        pid = host.worker_pid
        answer = await read(host.infer(scripted, request))
        assert host.worker_pid == pid
        assert answer.usage.cached == answer.usage.prompt - 1  # the snapshot was kept
        (notice,) = _notices(answer)
        assert notice.code == "model_reloaded"
        first, second = notice.message.splitlines()
        took = first.removeprefix("NOTICE: Model reload took ").removesuffix("s.")
        assert first == f"NOTICE: Model reload took {float(took):.2f}s."
        assert second == "Increase --unload-after or use --no-unload to avoid delay."
        assert {first, second} <= {record.getMessage() for record in caplog.records}
        (status,) = host.status()
        assert status.loads == 2


async def test_kept_alive_it_stays(scripted: Path, isolation: Isolation) -> None:
    async with _engine(isolation=isolation, unload="keep_alive", unload_after_s=0) as host:
        for _ in range(2):
            await read(host.infer(scripted, ask("Hello!")))
        (status,) = host.status()
        assert (status.state, status.loads) == (ModelState.LOADED, 1)


async def test_what_cannot_fit_is_refused_without_a_load(
    scripted: Path, models: list[Path], isolation: Isolation
) -> None:
    async with _engine(isolation=isolation, memory_budget_bytes=2_000_000) as host:
        with pytest.raises(ModelError, match=r"needs .* and 2\.0 MB are free") as caught:
            await read(host.infer(scripted, ask("Hello!")))
        assert caught.value.code == "out_of_memory"
        assert host.status() == ()  # nothing has begun to load
        with pytest.raises(ModelError):
            await host.load(models[0])


async def test_a_smaller_window_is_told_and_kept_to(scripted: Path, isolation: Isolation) -> None:
    async with _engine(
        isolation=isolation, memory_budget_bytes=_needs(scripted) - 1_000_000
    ) as host:
        assert await host.context_size(scripted) == 8192
        answer = await read(host.infer(scripted, ask("Hello!")))
        assert answer.text == DEFAULT.text
        (notice,) = _notices(answer)
        assert notice.code == "context_lowered"
        window = await host.context_size(scripted)
        assert window is not None
        assert 2048 <= window < 8192
        assert f"{window} tokens instead of 8192" in notice.message
        with pytest.raises(ModelError, match=f"window holds {window}"):
            await read(host.infer(scripted, ask("word " * 8000)))


async def test_a_hung_worker_is_ended(scripted: Path) -> None:
    async with _engine(step_timeout_s=5) as host:
        streams = [host.infer(scripted, ask("Talk forever.")) for _ in range(2)]
        for stream in streams:
            while not isinstance(await anext(stream), Content):
                pass
        pid = host.worker_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        for stream in streams:
            with pytest.raises(EngineCrashed, match="no step within 5 s"):
                await read(stream)
        assert (await read(host.infer(scripted, ask("Hello!")))).text == DEFAULT.text
        assert host.worker_pid != pid


async def test_a_hung_thread_is_given_up(scripted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still between two steps; the program and its event loop go on."""
    from ruster.engine.runner import Runner

    monkeypatch.setattr("ruster.engine.thread._END_GRACE_S", 0.05)
    free = threading.Event()
    step = Runner.work

    def stuck(self: Runner) -> None:
        step(self)
        if not self.inbox.collect(0):
            free.wait()

    async with _engine(isolation="thread", step_timeout_s=2) as host:
        streams = [host.infer(scripted, ask("Talk forever.")) for _ in range(2)]
        for stream in streams:
            while not isinstance(await anext(stream), Content):
                pass
        with monkeypatch.context() as patch:
            patch.setattr(Runner, "work", stuck)
            for stream in streams:
                with pytest.raises(EngineCrashed, match="no step within 2 s"):
                    await read(stream)
            assert _states(host) == [ModelState.UNLOADED]
        assert (await read(host.infer(scripted, ask("Hello!")))).text == DEFAULT.text
        free.set()


async def test_what_a_thread_held_that_was_given_up_is_freed_and_not_kept(
    scripted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session may have been deleted meanwhile: nothing may come back."""
    freed = _watch_frees(monkeypatch)
    kept = tmp_path / "kv"
    request = replace(ask("Talk forever. " + "Please be brief. " * 50), session="work")
    for give_up in (True, False):  # the control: one that is merely closed keeps it
        async with _engine(isolation="thread", snapshot_folder=kept) as host:
            stream = host.infer(scripted, request)
            while not isinstance(await anext(stream), Content):
                pass
            if give_up:
                host._supervisor.kill("it was tried")
                with pytest.raises(EngineCrashed):
                    await read(stream)
        await _until(lambda: not any(it.name == "engine" for it in threading.enumerate()))
        assert freed == ["model"]
        freed.clear()
        assert bool(list(kept.iterdir())) is not give_up
        await stream.aclose()  # type: ignore[attr-defined]


async def test_a_thread_that_fails_frees_its_models(
    scripted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ruster.engine.runner import Runner

    freed = _watch_frees(monkeypatch)

    def broken(self: Runner) -> None:
        raise RuntimeError("tried")

    async with _engine(isolation="thread") as host:
        stream = host.infer(scripted, ask("Talk forever."))
        while not isinstance(await anext(stream), Content):
            pass
        monkeypatch.setattr(Runner, "work", broken)
        with pytest.raises(EngineCrashed, match="RuntimeError: tried"):
            await read(stream)
    assert freed == ["model"]


async def test_an_idle_worker_may_stand_still(scripted: Path) -> None:
    async with _engine(step_timeout_s=2) as host:
        await read(host.infer(scripted, ask("Hello!")))
        pid = host.worker_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(3)
        os.kill(pid, signal.SIGCONT)
        assert (await read(host.infer(scripted, ask("Hello!")))).text == DEFAULT.text
        assert host.worker_pid == pid


def test_a_long_prompt_shows_its_steps(scripted: Path) -> None:
    from ruster.engine.runner import Runner

    told: list[EngineBody] = []
    runner = Runner(EngineSettings(threads=1, batch_size=32, step_timeout_s=1e-6))

    def take(body: EngineBody) -> None:
        if isinstance(body, Complete):
            runner.inbox.close()

    config = InferenceConfig(Behaviour(max_tokens=1))
    messages = (Message(Role.USER, "one more word " * 100),)
    runner.inbox.put(Ticket(Infer(model=str(scripted), config=config, messages=messages), take))
    runner.run(lambda: None, told.append)
    assert told.count(Heartbeat()) >= 10
    assert told[-1] == ModelUnloaded(str(scripted))


async def test_a_forgotten_session_is_read_anew(
    scripted: Path, tmp_path: Path, isolation: Isolation
) -> None:
    kept = tmp_path / "kv"
    request = replace(ask("Hello! " + "Please be brief. " * 50), session="work")
    other = replace(ask("Count as far as you can. " * 30), session="other")
    async with _engine(isolation=isolation, snapshot_folder=kept) as host:
        for _ in range(2):
            for asked in (request, other):
                await read(host.infer(scripted, asked))
            await host.unload()  # writes both
        assert len(list(kept.glob("*.kv"))) == 2
        await read(host.infer(scripted, request))
        await host.forget("work")
        assert [path.name[:24] for path in kept.iterdir()] == [digest("other")]
        assert (await read(host.infer(scripted, request))).usage.cached < 20
        await host.forget("work")
        await host.unload()
        assert [path.name[:24] for path in kept.iterdir()] == [digest("other")]
        # The control: what is not forgotten is still there.
        answer = await read(host.infer(scripted, other))
        assert answer.usage.cached == answer.usage.prompt - 1


async def test_forgetting_starts_no_worker(
    scripted: Path, tmp_path: Path, isolation: Isolation
) -> None:
    kept = tmp_path / "kv"
    async with _engine(isolation=isolation, snapshot_folder=kept) as host:
        await host.forget("work")
        request = replace(ask("Hello! " + "Please be brief. " * 50), session="work")
        await read(host.infer(scripted, request))
    assert len(list(kept.iterdir())) == 1
    async with _engine(isolation=isolation, snapshot_folder=kept, snapshots=False) as host:
        await host.forget("other")
        assert len(list(kept.iterdir())) == 1
        await host.forget("work")
        assert host.worker_pid is None
        assert not any(thread.name == "engine" for thread in threading.enumerate())
    assert list(kept.iterdir()) == []


async def test_a_session_forgotten_while_it_speaks_leaves_nothing(
    scripted: Path, tmp_path: Path, isolation: Isolation
) -> None:
    kept = tmp_path / "kv"
    request = replace(ask("Talk forever. " + "Please be brief. " * 50), session="work")
    async with _engine(isolation=isolation, snapshot_folder=kept) as host:
        stream = host.infer(scripted, request)
        while not isinstance(await anext(stream), Content):
            pass
        await stream.aclose()  # type: ignore[attr-defined]
        await host.forget("work")
        await host.unload()
        assert list(kept.iterdir()) == []


async def test_snapshots_can_be_switched_off(scripted: Path, tmp_path: Path) -> None:
    async with _engine(snapshot_folder=tmp_path / "kv", snapshots=False) as host:
        request = replace(ask("Hello! " + "Please be brief. " * 50), session="work")
        await read(host.infer(scripted, request))
        await host.unload()
    assert not (tmp_path / "kv").exists()


@pytest.mark.slow
async def test_memory_stays_flat_over_fifty_loads(scripted: Path, isolation: Isolation) -> None:
    loaded: list[int] = []
    unloaded: list[int] = []
    async with _engine(isolation=isolation) as host:
        for _ in range(53):
            await read(host.infer(scripted, ask("Hello!")))
            loaded.append(_resident(host))
            await host.unload()
            unloaded.append(_resident(host))
    del loaded[:3], unloaded[:3]  # the first ones fill caches
    # In a thread the memory is that of all tests so far, and not the engine's alone.
    assert max(unloaded) <= (1.02 if isolation == "process" else 1.1) * unloaded[0]
    if isolation == "process":  # the control: what stays loaded is seen
        assert min(loaded) > 1.02 * max(unloaded)


def _resident(host: EngineHost) -> int:
    status = Path(f"/proc/{host.worker_pid or 'self'}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
