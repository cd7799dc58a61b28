"""LoRA adapters: they change the answer, by their scale, and a wrong one is a clear error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, GGUFWriter

from ruster.core.errors import ModelError
from ruster.core.inference import Behaviour, Sampling
from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings, LoraAdapter
from tests.engine_support import NEEDS_ENGINE, Answer, Isolation, ask, read
from tests.models.lora import write_lora

pytestmark = NEEDS_ENGINE

_GREEDY = replace(
    ask(
        "Hello! " * 20,
        sampling=Sampling(temperature=0, repetition_penalty=1.0),
        behaviour=Behaviour(max_tokens=24),
    ),
    session="work",
)


async def _say(
    model: Path, *adapters: LoraAdapter, isolation: Isolation = "process", kept: Path | None = None
) -> Answer:
    settings = EngineSettings(threads=1, isolation=isolation, lora=adapters, snapshot_folder=kept)
    host = EngineHost(settings)
    try:
        return await read(host.infer(model, _GREEDY))
    finally:
        await host.aclose()


@pytest.fixture
def lora(tmp_path: Path, tiny_f32: Path) -> Path:
    path = tmp_path / "pirate.gguf"
    write_lora(path, tiny_f32)
    return path


def _merged(base: Path, lora: Path, path: Path, scale: float) -> None:
    """Write the base model with the adapter's product added to its weights."""
    tensors = {tensor.name: np.array(tensor.data) for tensor in GGUFReader(str(lora)).tensors}
    reader = GGUFReader(str(base))
    data = bytearray(base.read_bytes())
    for tensor in reader.tensors:
        if f"{tensor.name}.lora_a" in tensors:
            change = tensors[f"{tensor.name}.lora_b"] @ tensors[f"{tensor.name}.lora_a"]
            new = (np.array(tensor.data) + scale * change).astype(np.float32)
            data[tensor.data_offset : tensor.data_offset + new.nbytes] = new.tobytes()
    path.write_bytes(data)


async def test_an_adapter_is_as_if_its_weights_were_added(
    tiny_f32: Path, lora: Path, tmp_path: Path, isolation: Isolation
) -> None:
    plain = await _say(tiny_f32)
    whole = LoraAdapter(path=lora, model="tiny-f32")
    changed = await _say(tiny_f32, whole, isolation=isolation)
    assert changed.text != plain.text
    _merged(tiny_f32, lora, tmp_path / "merged.gguf", 1.0)
    assert changed.text == (await _say(tmp_path / "merged.gguf")).text
    half = LoraAdapter(path=lora, model="tiny-f32", scale=0.5)
    _merged(tiny_f32, lora, tmp_path / "half.gguf", 0.5)
    halved = await _say(tiny_f32, half, isolation=isolation)
    assert halved.text == (await _say(tmp_path / "half.gguf")).text
    assert halved.text != changed.text
    off = LoraAdapter(path=lora, model="tiny-f32", scale=0)
    assert (await _say(tiny_f32, off, isolation=isolation)).text == plain.text


async def test_it_acts_on_its_own_model_only(tiny_f32: Path, lora: Path) -> None:
    plain = await _say(tiny_f32)
    for name in ("other", "iny-f32", "somewhere/tiny-f32"):
        assert (await _say(tiny_f32, LoraAdapter(path=lora, model=name))).text == plain.text
    for name in (str(tiny_f32), "tiny-f32.gguf", f"{tiny_f32.parent.name}/tiny-f32"):
        assert (await _say(tiny_f32, LoraAdapter(path=lora, model=name))).text != plain.text


async def test_snapshots_made_without_it_are_not_taken_up(
    tiny_f32: Path, lora: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kv"
    assert (await _say(tiny_f32, kept=kept)).usage.cached == 0
    adapter = LoraAdapter(path=lora, model="tiny-f32")
    assert (await _say(tiny_f32, adapter, kept=kept)).usage.cached == 0
    warm = await _say(tiny_f32, adapter, kept=kept)
    assert warm.usage.cached == warm.usage.prompt - 1
    weaker = LoraAdapter(path=lora, model="tiny-f32", scale=0.5)
    assert (await _say(tiny_f32, weaker, kept=kept)).usage.cached == 0


def _write_bad(path: Path, kind: str, base: Path) -> None:
    if kind == "missing":
        return
    if kind == "other architecture":
        write_lora(path, base, architecture="qwen2")
    elif kind == "other shape":
        write_lora(path, base, width=96)
    elif kind == "a model":
        path.write_bytes(base.read_bytes())
    elif kind == "unknown tensors":
        writer = GGUFWriter(str(path), "llama")
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_tensor("nothing.lora_a", np.ones((4, 4), np.float32))
        writer.add_tensor("nothing.lora_b", np.ones((4, 4), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    else:
        write_lora(path, base)
        data = path.read_bytes()
        path.write_bytes({"cut": data[:-100], "empty": b"", "text": b"hello" * 99}[kind])


@pytest.mark.parametrize(
    "kind",
    [
        "missing",
        "other architecture",
        "other shape",
        "a model",
        "unknown tensors",
        "cut",
        "empty",
        "text",
    ],
)
async def test_one_that_does_not_fit_is_a_clear_error(
    tiny_f32: Path, scripted: Path, tmp_path: Path, kind: str
) -> None:
    bad = tmp_path / "bad.gguf"
    _write_bad(bad, kind, tiny_f32)
    settings = EngineSettings(threads=1, lora=(LoraAdapter(path=bad, model="tiny-f32"),))
    host = EngineHost(settings)
    try:
        for _ in range(2):
            with pytest.raises(ModelError, match=r"bad\.gguf.*tiny-f32") as caught:
                await read(host.infer(tiny_f32, _GREEDY))
            assert caught.value.code == "adapter_unusable"
        assert (await read(host.infer(scripted, ask("Hello!")))).text
    finally:
        await host.aclose()
