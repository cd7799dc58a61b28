"""The host against workers that misbehave: stand-ins written for one fault each."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from ruster.core.errors import EngineCrashed, ModelError
from ruster.core.tasks import spawn
from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings
from tests.engine_support import ask, read

_PREAMBLE = """
import json, sys, time
def send(body, who=None):
    print(json.dumps({"id": who, "body": body}), flush=True)
def next_id():
    return json.loads(sys.stdin.readline())["id"]
"""
_ANSWER = """
who = next_id()
send({"Event": {"Content": "fine"}}, who)
send({"Event": "Complete"}, who)
sys.stdin.read()
"""


def _host(script: str, **settings: float) -> EngineHost:
    options = EngineSettings(stop_timeout_s=5, **settings)
    return EngineHost(options, command=(sys.executable, "-c", _PREAMBLE + script))


async def test_a_worker_that_dies_at_once_says_how(scripted: Path) -> None:
    host = _host("print('no such library', file=sys.stderr); sys.exit(3)")
    for _ in range(3):
        with pytest.raises(EngineCrashed, match="exit code 3: no such library") as caught:
            await read(host.infer(scripted, ask("Hello!")))
        assert caught.value.retryable
    await host.aclose()


async def test_a_worker_that_dies_while_loading_names_the_file(scripted: Path) -> None:
    host = _host("who = next_id(); send({'Asset': {'Started': 'm.gguf'}}, who); sys.exit(1)")
    with pytest.raises(EngineCrashed, match=r"while it loaded m\.gguf"):
        await read(host.infer(scripted, ask("Hello!")))
    await host.aclose()


async def test_a_load_that_takes_too_long_is_ended(scripted: Path) -> None:
    host = _host(
        "who = next_id(); send({'Asset': {'Started': 'm.gguf'}}, who); time.sleep(600)",
        load_timeout_s=0.2,
    )
    with pytest.raises(EngineCrashed, match="while it loaded"):
        await read(host.infer(scripted, ask("Hello!")))
    await host.aclose()


@pytest.mark.parametrize("beats", [True, False])
async def test_a_worker_that_stops_making_steps_is_ended(scripted: Path, beats: bool) -> None:
    beat = "send('Heartbeat')" if beats else "pass"
    work = f"""
who = next_id()
for _ in range(15):
    time.sleep(0.2)
    {beat}
send({{"Event": "Complete"}}, who)
sys.stdin.read()
"""
    host = _host(work, step_timeout_s=1.5)
    if beats:
        assert (await read(host.infer(scripted, ask("Hello!")))).reason == "stop"
    else:
        with pytest.raises(EngineCrashed, match=r"no step within 1\.5 s"):
            await read(host.infer(scripted, ask("Hello!")))
    await host.aclose()


async def test_a_load_has_a_limit_of_its_own(scripted: Path) -> None:
    load = """
who = next_id()
send({"Asset": {"Started": "m.gguf"}}, who)
time.sleep(2)
send({"ModelReady": {"path": "m.gguf", "context_size": 1, "train_context": 1,
                     "size_bytes": 1, "load_s": 2.0}}, who)
send({"Event": "Complete"}, who)
sys.stdin.read()
"""
    host = _host(load, step_timeout_s=1)
    assert (await read(host.infer(scripted, ask("Hello!")))).reason == "stop"
    await host.aclose()


async def test_an_error_of_another_request_does_not_end_a_load(scripted: Path) -> None:
    load = """
who = next_id()
send({"Event": "ProcessStart"}, who)
send({"Asset": {"Started": "m.gguf"}}, who)
other = next_id()
send({"Error": {"message": "no", "code": "engine_busy", "retryable": True}}, other)
time.sleep(600)
"""
    host = _host(load, load_timeout_s=1)
    asked = [spawn(read(host.infer(scripted, ask("Hello!"))), name="asked") for _ in range(2)]
    errors = await asyncio.gather(*asked, return_exceptions=True)
    codes = sorted(error.code for error in errors if isinstance(error, ModelError))
    assert codes == ["engine_busy", "engine_crashed"]  # the load's own limit has ended it
    await host.aclose()


async def test_a_worker_deaf_to_cancel_is_ended(scripted: Path) -> None:
    host = _host(
        "who = next_id(); send({'Event': 'ProcessStart'}, who); time.sleep(600)",
        cancel_timeout_s=0.2,
    )
    stream = host.infer(scripted, ask("Hello!"))
    await anext(stream)
    other = host.infer(scripted, ask("Hello!"))
    await stream.aclose()  # type: ignore[attr-defined]
    with pytest.raises(EngineCrashed, match="cancelled request"):
        await read(other)
    await host.aclose()


async def test_bad_frames_are_passed_over(scripted: Path) -> None:
    noise = "print('noise'); print('{}'); send('Nonsense'); send({'Error': 'refused'});"
    host = _host(noise + _ANSWER)
    assert (await read(host.infer(scripted, ask("Hello!")))).text == "fine"
    await host.aclose()


async def test_a_frame_without_end_is_a_crash(scripted: Path) -> None:
    host = _host("next_id(); sys.stdout.write('x' * (17 << 20)); sys.stdout.flush(); next_id()")
    with pytest.raises(EngineCrashed):
        await read(host.infer(scripted, ask("Hello!")))
    await host.aclose()


async def test_a_worker_that_cannot_be_started(scripted: Path, tmp_path: Path) -> None:
    host = EngineHost(EngineSettings(), command=(str(tmp_path / "none"),))
    with pytest.raises(ModelError) as caught:
        await read(host.infer(scripted, ask("Hello!")))
    assert caught.value.code == "engine_start_failed"
    await host.aclose()


async def test_a_missing_engine_names_the_extra(scripted: Path) -> None:
    hidden = (
        "import sys; sys.modules['llama_cpp'] = None; import ruster.engine.worker as w; w.main()"
    )
    host = EngineHost(EngineSettings(), command=(sys.executable, "-c", hidden))
    with pytest.raises(ModelError, match=r"pip install 'ruster\[llamacpp\]'") as caught:
        await read(host.infer(scripted, ask("Hello!")))
    assert caught.value.code == "engine_missing"
    await host.aclose()
