"""A model that many use: loaded once, in a thread of its own, and given up when nobody waits."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.memory.onnx.folder import OnnxFolder
from ruster.memory.onnx.loaded import Loaded
from ruster.memory.onnx.model import OnnxModel
from ruster.memory.onnx.settings import OnnxSettings
from ruster.memory.onnx.stop import Stop
from ruster.memory.onnx.tokens import Tokens
from tests.models.tiny_onnx import cross_encoder, minilm, qwen_embedding


def model_in(folder: Path, **settings: int) -> OnnxModel:
    return OnnxModel(OnnxFolder.read(folder), OnnxSettings.model_validate(settings))


def _which(loaded: Loaded, stop: Stop) -> tuple[int, str]:
    return id(loaded), threading.current_thread().name


async def test_it_is_loaded_once_and_runs_in_its_thread(tmp_path: Path) -> None:
    model = model_in(minilm(tmp_path), threads=1)
    told = await asyncio.gather(*(model.step(_which) for _ in range(8)))
    await model.aclose()

    assert len(set(told)) == 1
    assert told[0][1] != threading.current_thread().name


async def test_a_step_nobody_waits_for_is_ended(tmp_path: Path) -> None:
    model = model_in(minilm(tmp_path), threads=1)
    begun, ended = threading.Event(), threading.Event()

    def endless(loaded: Loaded, stop: Stop) -> None:
        begun.set()
        try:
            while True:
                stop.check()
                time.sleep(0.001)
        finally:
            ended.set()

    task = spawn(model.step(endless), name="endless")
    await asyncio.to_thread(begun.wait)
    await cancel_and_wait(task)

    assert task.cancelled()
    assert await asyncio.to_thread(ended.wait, 10)
    await model.step(_which)  # the thread is free again
    await model.aclose()


async def test_a_running_graph_is_ended(tmp_path: Path) -> None:
    model = model_in(cross_encoder(tmp_path), threads=1)
    row = Tokens([5] * 6000, [0] * 3000 + [1] * 3000)
    rounds = 0

    def endless(loaded: Loaded, stop: Stop) -> None:
        nonlocal rounds
        while True:
            loaded.choices([row], None, stop)
            rounds += 1

    task = spawn(model.step(endless), name="endless")
    while rounds < 2:
        await asyncio.sleep(0.01)
    await cancel_and_wait(task)
    await model.step(_which)
    seen = rounds
    await model.step(_which)

    assert rounds == seen
    await model.aclose()


async def test_closing_ends_what_runs_and_refuses_more(tmp_path: Path) -> None:
    model = model_in(minilm(tmp_path), threads=1)
    begun = threading.Event()

    def endless(loaded: Loaded, stop: Stop) -> None:
        begun.set()
        while True:
            stop.check()
            time.sleep(0.001)

    running = spawn(model.step(endless), name="running", log_failure=False)
    waiting = spawn(model.step(_which), name="waiting", log_failure=False)
    await asyncio.to_thread(begun.wait)
    await model.aclose()

    for task in (running, waiting, spawn(model.step(_which), name="late", log_failure=False)):
        with pytest.raises(MemoryError, match="closed"):
            await task


async def test_a_missing_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ruster.memory.onnx.loaded", None)
    model = model_in(minilm(tmp_path))

    with pytest.raises(MemoryError, match=r"ruster\[onnx\]") as raised:
        await model.step(_which)
    assert raised.value.code == "onnx_missing"
    await model.aclose()


async def test_a_damaged_model_is_one_typed_error(tmp_path: Path) -> None:
    folder = minilm(tmp_path)
    path = folder / "onnx" / "model.onnx"
    path.write_bytes(path.read_bytes()[:-500])
    model = model_in(folder)

    for _ in range(2):
        with pytest.raises(MemoryError) as raised:
            await model.step(_which)
        assert raised.value.code == "onnx_invalid"
    await model.aclose()


async def test_a_model_that_wants_what_we_cannot_give_is_refused(tmp_path: Path) -> None:
    from onnx import TensorProto

    model = model_in(qwen_embedding(tmp_path, kind=TensorProto.DOUBLE))

    with pytest.raises(MemoryError, match=r"past_key_values\.0\.key") as raised:
        await model.step(_which)
    assert raised.value.code == "onnx_invalid"
    await model.aclose()
