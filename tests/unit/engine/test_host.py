"""The engine through the host: real llama.cpp in a real child process."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from ruster.core.errors import EngineCrashed, ModelError
from ruster.core.inference import Behaviour, Content, ProcessStart, Progress, Sampling
from ruster.core.messages import Image, Message, Role
from ruster.core.ports import LocalEngine
from ruster.core.tasks import spawn
from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings
from tests.engine_support import NEEDS_ENGINE, Answer, Isolation, ask, read
from tests.models.scripts import DEFAULT, SCRIPTS, TOOL_RESULT, Script, script

pytestmark = NEEDS_ENGINE


def test_the_host_is_a_local_engine() -> None:
    engine: LocalEngine = EngineHost(EngineSettings())
    assert isinstance(engine, EngineHost)


async def test_every_script_is_said_at_any_temperature(
    either_host: EngineHost, scripted: Path
) -> None:
    for entry in (*SCRIPTS, DEFAULT):
        if entry.endless:
            continue
        answer = await read(either_host.infer(scripted, ask(entry.question)))
        answer.events = [it for it in answer.events if not isinstance(it, Progress)]
        assert answer.events[0] == ProcessStart()
        assert answer.text == entry.text, entry.name
        assert answer.reason == "stop"
        assert answer.usage.completion > 0
    result = (Message(Role.USER, "q"), Message(Role.TOOL, "12:00", name="get_time"))
    request = ask("unused")
    request = type(request)("", result, request.config)
    assert (await read(either_host.infer(scripted, request))).text == TOOL_RESULT.text


async def test_a_character_over_several_tokens_comes_whole(
    either_host: EngineHost, scripted: Path
) -> None:
    answer = await read(either_host.infer(scripted, ask(script("emoji").question)))
    pieces = [event.text for event in answer.events if isinstance(event, Content)]
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)
    assert answer.usage.completion > len(pieces)


async def test_cancel_in_the_middle_leaves_the_worker_usable(
    either_host: EngineHost, scripted: Path
) -> None:
    stream = either_host.infer(scripted, ask(script("endless").question))
    async with asyncio.timeout(30):
        while not isinstance(await anext(stream), Content):
            pass
        pid = either_host.worker_pid
        await stream.aclose()  # type: ignore[attr-defined]
        answer = await read(either_host.infer(scripted, ask("Hello!")))
    assert answer.text == DEFAULT.text
    assert either_host.worker_pid == pid


async def test_cancelling_the_reading_task_cancels_the_request(
    either_host: EngineHost, scripted: Path
) -> None:
    speaks = asyncio.Event()

    async def listen() -> None:
        async for _ in either_host.infer(scripted, ask("Talk forever.")):
            speaks.set()

    task = spawn(listen(), name="listener")
    await speaks.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await read(either_host.infer(scripted, ask("Hello!")))).text == DEFAULT.text


async def test_killing_the_worker_fails_what_runs_and_nothing_else(
    host: EngineHost, scripted: Path
) -> None:
    stream = host.infer(scripted, ask("Talk forever."))
    other = spawn(read(host.infer(scripted, ask("Talk forever."))), name="other")
    while not isinstance(await anext(stream), Content):
        pass
    pid = host.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineCrashed, match="SIGKILL"):
        await read(stream)
    with pytest.raises(EngineCrashed):
        await other
    answer = await read(host.infer(scripted, ask("Hello!")))
    assert answer.text == DEFAULT.text
    assert host.worker_pid != pid


async def test_requests_at_once_get_their_own_answers_and_a_cancel_ends_one(
    either_host: EngineHost, scripted: Path
) -> None:
    async def run(question: str) -> Answer:
        return await read(either_host.infer(scripted, ask(question)))

    questions = [script("count").question, script("capital").question, "Hello!"]
    tasks = [spawn(run(question), name=question) for question in [*questions, "Talk forever."]]
    tasks[3].cancel()
    answers = await asyncio.gather(*tasks[:3])
    assert [answer.text for answer in answers] == [
        script("count").text,
        script("capital").text,
        DEFAULT.text,
    ]


async def test_eight_sessions_at_once_say_their_own_text(
    either_host: EngineHost, scripted: Path
) -> None:
    scripts = [entry for entry in (*SCRIPTS, DEFAULT) if not entry.endless][:8]
    assert len(scripts) == 8

    async def run(entry: Script, session: str) -> None:
        for _ in range(2):
            request = replace(ask(entry.question), session=session)
            answer = await read(either_host.infer(scripted, request))
            assert answer.text == entry.text

    async with asyncio.TaskGroup() as group:
        for at, entry in enumerate(scripts):
            group.create_task(run(entry, f"session-{at}"))


async def test_killing_the_worker_amid_eight_streams_is_eight_errors(
    host: EngineHost, scripted: Path
) -> None:
    streams = [host.infer(scripted, ask("Talk forever.")) for _ in range(8)]
    for stream in streams:
        while not isinstance(await anext(stream), Content):
            pass
    pid = host.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    for stream in streams:
        with pytest.raises(EngineCrashed) as caught:
            await read(stream)
        assert caught.value.code == "engine_crashed"
    again = [spawn(read(host.infer(scripted, ask("Hello!"))), name="again") for _ in range(8)]
    assert [answer.text for answer in await asyncio.gather(*again)] == [DEFAULT.text] * 8


async def test_the_second_turn_reuses_the_first_ones_cells(
    either_host: EngineHost, scripted: Path
) -> None:
    question = "What is the capital of France? " + "Please be brief. " * 50
    first = await read(either_host.infer(scripted, ask(question)))
    assert first.usage.cached == 0
    said = (Message(Role.USER, question), Message(Role.ASSISTANT, first.text))
    second = await read(either_host.infer(scripted, ask("Hello!", before=said)))
    assert second.text == DEFAULT.text
    assert first.usage.prompt - 10 < second.usage.cached < second.usage.prompt


async def test_a_prompt_over_the_window_is_refused_before_it_is_read(
    either_host: EngineHost, scripted: Path
) -> None:
    with pytest.raises(ModelError, match="window holds 8192") as caught:
        await read(either_host.infer(scripted, ask("word " * 9000)))
    assert caught.value.code == "context_overflow"
    assert (await read(either_host.infer(scripted, ask("Hello!")))).text == DEFAULT.text


async def test_an_image_is_refused_and_not_passed_over(
    either_host: EngineHost, scripted: Path
) -> None:
    seen = (Message(Role.USER, "look", images=(Image(b"\x89PNG", "image/png"),)),)
    with pytest.raises(ModelError, match="cannot look at images") as caught:
        await read(either_host.infer(scripted, ask("What is it?", before=seen)))
    assert caught.value.code == "images_unsupported"
    assert (await read(either_host.infer(scripted, ask("Hello!")))).text == DEFAULT.text


async def test_limits_and_stop_strings(either_host: EngineHost, scripted: Path) -> None:
    count = script("count").question
    few = await read(either_host.infer(scripted, ask(count, behaviour=Behaviour(max_tokens=3))))
    assert (few.text, few.reason, few.usage.completion) == ("Counting: 1, 2, 3", "length", 3)
    none = await read(either_host.infer(scripted, ask(count, behaviour=Behaviour(max_tokens=0))))
    assert (none.text, none.reason) == ("", "length")
    stop = Behaviour(stop=("nothing", "7, 8"))
    stopped = await read(either_host.infer(scripted, ask(count, behaviour=stop)))
    assert (stopped.text, stopped.reason) == ("Counting: 1, 2, 3, 4, 5, 6, ", "stop")
    small = Behaviour(context_size=64)
    full = await read(either_host.infer(scripted, ask(count, behaviour=small)))
    assert full.reason == "length"
    assert full.usage.prompt + full.usage.completion == 64


@pytest.mark.parametrize(
    "sampling",
    [Sampling(temperature=-1), Sampling(top_p=2), Sampling(repetition_penalty=0)],
)
async def test_senseless_sampling_is_refused(
    either_host: EngineHost, scripted: Path, sampling: Sampling
) -> None:
    with pytest.raises(ModelError) as caught:
        await read(either_host.infer(scripted, ask("Hello!", sampling=sampling)))
    assert caught.value.code == "sampling_invalid"


async def test_a_seed_repeats_and_greedy_needs_none(
    either_host: EngineHost, tiny_f32: Path
) -> None:
    limit = Behaviour(max_tokens=20)
    seeded = ask("Hello!", sampling=Sampling(temperature=1.5, seed=5), behaviour=limit)
    first = await read(either_host.infer(tiny_f32, seeded))
    assert (await read(either_host.infer(tiny_f32, seeded))).text == first.text
    greedy = ask("Hello!", sampling=Sampling(temperature=0, min_p=0.1), behaviour=limit)
    assert (await read(either_host.infer(tiny_f32, greedy))).reason in ("stop", "length")


async def test_embeddings_are_normalised_equal_and_sensible(
    either_host: EngineHost, tiny_bert: Path
) -> None:
    texts = ["the cat likes fish", "the cat likes fish", "a cat likes fish", "meeting on monday"]
    vectors = await either_host.embed(tiny_bert, texts)
    assert await either_host.embed(tiny_bert, []) == []
    for vector in vectors:
        assert sum(number * number for number in vector) == pytest.approx(1)

    def cosine(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert vectors[0] == pytest.approx(vectors[1], abs=1e-5)
    assert cosine(vectors[0], vectors[2]) > cosine(vectors[0], vectors[3])
    (long,) = await either_host.embed(tiny_bert, ["word " * 2000])
    assert len(long) == len(vectors[0])


async def test_one_worker_holds_several_models(
    scripted: Path, tiny_bert: Path, tiny_f32: Path, isolation: Isolation
) -> None:
    host = EngineHost(EngineSettings(threads=1, isolation=isolation))
    try:
        first = await read(host.infer(scripted, ask("Hello!")))
        assert first.text == DEFAULT.text
        size = scripted.stat().st_size
        assert Progress("loading scripted", size, size) in first.events
        pid = host.worker_pid
        with pytest.raises(ModelError) as caught:
            await read(host.infer(tiny_bert, ask("Hello!")))
        assert caught.value.code == "not_a_chat_model"
        assert len((await host.embed(tiny_f32, ["a chat model embeds too"]))[0]) == 64
        ready = await host.load(scripted)
        assert (ready.context_size, ready.train_context) == (8192, 32768)
        assert (await host.load(scripted)).path == str(scripted)
        await host.unload()
        assert (await read(host.infer(scripted, ask("Hello!")))).text == DEFAULT.text
        assert host.worker_pid == pid
    finally:
        await host.aclose()


@pytest.mark.parametrize("how", ["unload", "restart", "another model"])
async def test_a_session_wakes_warm(
    scripted: Path, tiny_f32: Path, tmp_path: Path, how: str, isolation: Isolation
) -> None:
    settings = EngineSettings(threads=1, snapshot_folder=tmp_path / "kv", isolation=isolation)
    request = replace(ask("Hello! " + "Please be brief. " * 50), session="work")
    host = EngineHost(settings)
    try:
        assert (await read(host.infer(scripted, request))).usage.cached == 0
        if how == "unload":
            await host.unload()
        elif how == "another model":
            await host.load(tiny_f32)
        else:
            await host.aclose()
            host = EngineHost(settings)
        answer = await read(host.infer(scripted, request))
        assert answer.text == DEFAULT.text
        assert answer.usage.cached == answer.usage.prompt - 1
        other = await read(host.infer(scripted, replace(request, session="other")))
        assert other.usage.cached == other.usage.prompt - 1  # copied from the live sequence
    finally:
        await host.aclose()


async def test_the_window_of_a_file(host: EngineHost, scripted: Path, tmp_path: Path) -> None:
    assert await host.context_size(scripted) == 8192
    assert await host.context_size(tmp_path / "none.gguf") is None
    assert host.worker_pid is None


async def test_after_closing_it_refuses(scripted: Path, isolation: Isolation) -> None:
    host = EngineHost(EngineSettings(threads=1, isolation=isolation))
    await host.aclose()
    await host.aclose()
    with pytest.raises(ModelError) as caught:
        await read(host.infer(scripted, ask("Hello!")))
    assert caught.value.code == "engine_closed"


async def test_closing_ends_a_running_request(scripted: Path, isolation: Isolation) -> None:
    host = EngineHost(EngineSettings(threads=1, isolation=isolation))
    stream = host.infer(scripted, ask("Talk forever."))
    await anext(stream)
    await host.aclose()
    with pytest.raises(ModelError):
        await read(stream)
    assert host.worker_pid is None


def _damage(source: Path, kind: str) -> bytes:
    data = source.read_bytes()
    return {
        "empty": b"",
        "text": b"this is no model" * 100,
        "magic only": b"GGUF",
        "head only": data[:64],
        "half the metadata": data[: len(data) // 100],
        "half the tensors": data[: len(data) // 2],
        "random after the magic": data[:8] + bytes(range(256)) * 64,
        "huge counts": data[:8] + b"\xff" * 16 + data[24:],
        "random metadata": data[:400] + b"\xa5" * 4000 + data[4400:],
        "wrong version": data[:4] + b"\x63\0\0\0" + data[8:],
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "text",
        "magic only",
        "head only",
        "half the metadata",
        "half the tensors",
        "random after the magic",
        "huge counts",
        "random metadata",
        "wrong version",
    ],
)
async def test_a_damaged_file_is_one_clear_error(
    host: EngineHost, scripted: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(_damage(scripted, kind))
    with pytest.raises(ModelError) as caught:
        await read(host.infer(path, ask("Hello!")))
    assert caught.value.code in ("model_damaged", "engine_crashed")
    assert str(path) in caught.value.message
    assert (await read(host.infer(scripted, ask("Hello!")))).text == DEFAULT.text
