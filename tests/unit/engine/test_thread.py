"""The engine on a thread of this process: what differs from the child process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ruster.core.errors import EngineCrashed, ModelError
from ruster.core.inference import Content
from ruster.core.orchestration import EngineOutput
from ruster.core.tasks import spawn
from ruster.engine import native
from ruster.engine import runner as runner_module
from ruster.engine.host import EngineHost
from ruster.engine.intake import MissingEngine
from ruster.engine.settings import EngineSettings
from ruster.engine.thread import WorkerThread
from tests.engine_support import NEEDS_ENGINE, ask, read
from tests.models.scripts import DEFAULT

pytestmark = NEEDS_ENGINE

_SETTINGS = EngineSettings(threads=1, isolation="thread")


@pytest.fixture
async def threaded() -> AsyncIterator[EngineHost]:
    host = EngineHost(_SETTINGS)
    yield host
    await host.aclose()


def _threads() -> int:
    return sum(thread.name == "engine" for thread in threading.enumerate())


async def test_one_thread_computes_and_closing_ends_it(
    threaded: EngineHost, scripted: Path, tiny_bert: Path
) -> None:
    assert _threads() == 0
    assert (await read(threaded.infer(scripted, ask("Hello!")))).text == DEFAULT.text
    await threaded.embed(tiny_bert, ["a cat"])
    assert _threads() == 1
    assert threaded.worker_pid is None
    await threaded.aclose()
    assert _threads() == 0


async def test_closing_frees_models_and_contexts(
    scripted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed: list[str] = []
    for name in ("llama_free", "llama_model_free"):
        real = getattr(native.lib, name)

        def free(handle: object, name: str = name, real: object = real) -> None:
            freed.append(name)
            assert callable(real)
            real(handle)

        monkeypatch.setattr(native.lib, name, free)
    host = EngineHost(_SETTINGS)
    stream = host.infer(scripted, ask("Talk forever."))
    while not isinstance(await anext(stream), Content):
        pass
    await host.aclose()
    assert freed[-2:] == ["llama_free", "llama_model_free"]
    with pytest.raises(EngineCrashed):
        await read(stream)


async def test_the_loop_is_woken_once_a_step(threaded: EngineHost, scripted: Path) -> None:
    """Eight answers at once: far fewer wake-ups than outputs."""
    await threaded.load(scripted)
    loop = asyncio.get_running_loop()
    woken = 0
    real = loop.call_soon_threadsafe

    def counted(*args: object, **options: object) -> object:
        nonlocal woken
        woken += threading.current_thread().name == "engine"
        return real(*args, **options)  # type: ignore[arg-type]

    loop.call_soon_threadsafe = counted  # type: ignore[assignment, method-assign]
    answers = await asyncio.gather(
        *(read(threaded.infer(scripted, ask("Count as far as you can."))) for _ in range(8))
    )
    steps = max(answer.usage.completion + answer.usage.prompt for answer in answers)
    assert woken <= steps + 10 < sum(answer.usage.completion for answer in answers)


async def test_one_that_is_given_up_fails_what_ran_and_is_replaced(
    threaded: EngineHost, scripted: Path
) -> None:
    stream = threaded.infer(scripted, ask("Talk forever."))
    while not isinstance(await anext(stream), Content):
        pass
    threaded._supervisor.kill("it was tried")
    with pytest.raises(EngineCrashed, match="thread ended"):
        await read(stream)
    assert (await read(threaded.infer(scripted, ask("Hello!")))).text == DEFAULT.text
    assert _threads() == 1


async def test_a_failure_of_the_thread_is_an_error_and_the_next_request_starts_anew(
    threaded: EngineHost, scripted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object) -> None:
        raise RuntimeError("tried")

    stream = threaded.infer(scripted, ask("Talk forever."))
    await anext(stream)
    with monkeypatch.context() as patch:
        patch.setattr(runner_module.Runner, "work", broken)
        with pytest.raises(EngineCrashed, match="RuntimeError: tried"):
            await read(stream)
        with pytest.raises(ModelError) as caught:
            await read(threaded.infer(scripted, ask("Hello!")))
        assert caught.value.code in ("engine_start_failed", "engine_crashed")
    assert (await read(threaded.infer(scripted, ask("Hello!")))).text == DEFAULT.text


async def test_a_thread_that_is_stuck_is_left_behind(
    scripted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ruster.engine.thread._END_GRACE_S", 0.05)
    host = EngineHost(EngineSettings(threads=1, isolation="thread", cancel_timeout_s=0.05))
    free = threading.Event()
    real = runner_module.Runner.work

    def stuck(self: runner_module.Runner) -> None:
        real(self)
        free.wait()

    stream = host.infer(scripted, ask("Talk forever."))
    with monkeypatch.context() as patch:
        patch.setattr(runner_module.Runner, "work", stuck)
        while not isinstance(await anext(stream), Content):
            free.set()
        free.clear()
        waiting = spawn(read(host.infer(scripted, ask("Hello!"))), name="waiting")
        await stream.aclose()  # type: ignore[attr-defined]
        with pytest.raises(EngineCrashed, match="did not end a cancelled request"):
            await waiting
    assert (await read(host.infer(scripted, ask("Hello!")))).text == DEFAULT.text
    assert _threads() == 2
    free.set()
    await host.aclose()
    while _threads():  # the suite's own time limit ends this if it never comes true
        await asyncio.sleep(0.01)


async def test_a_library_that_does_not_load_is_an_error(
    scripted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(settings: EngineSettings) -> None:
        raise RuntimeError("wrong architecture")

    monkeypatch.setattr("ruster.engine.thread.make_engine", broken)
    host = EngineHost(_SETTINGS)
    with pytest.raises(ModelError, match="wrong architecture") as caught:
        await read(host.infer(scripted, ask("Hello!")))
    assert caught.value.code == "engine_start_failed"
    await host.aclose()


async def test_a_missing_engine_names_the_extra(
    scripted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(settings: EngineSettings) -> MissingEngine:
        return MissingEngine(settings, ImportError("llama_cpp"))

    monkeypatch.setattr("ruster.engine.thread.make_engine", missing)
    host = EngineHost(_SETTINGS)
    with pytest.raises(ModelError, match=r"pip install 'ruster\[llamacpp\]'") as caught:
        await read(host.infer(scripted, ask("Hello!")))
    assert caught.value.code == "engine_missing"
    await host.aclose()


async def test_a_start_that_is_cancelled_leaves_no_thread() -> None:
    outputs: list[EngineOutput] = []
    start = asyncio.ensure_future(WorkerThread.start(_SETTINGS, outputs.append, lambda _: None))
    await asyncio.sleep(0)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    while _threads():  # the suite's own time limit ends this if it never comes true
        await asyncio.sleep(0.01)


def test_a_program_that_forgets_to_close_it_still_ends(scripted: Path) -> None:
    program = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from ruster.engine.host import EngineHost
        from ruster.engine.settings import EngineSettings
        from tests.engine_support import ask

        async def main():
            host = EngineHost(EngineSettings(threads=1, isolation="thread"))
            stream = host.infer(Path({str(scripted)!r}), ask("Talk forever."))
            await anext(stream)
            print("spoke", flush=True)

        asyncio.run(main())
    """)
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
    assert done.stdout == b"spoke\n"
    assert done.returncode == 0
