"""A thousand damaged model files: each is a typed error or a model, and nothing dies of it."""

from __future__ import annotations

import asyncio
import math
import os
import resource
import signal
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ruster.core.errors import ModelError
from ruster.engine.gguf import read_head
from ruster.engine.gguf_check import check_file
from ruster.testing import RawClient, running_daemon
from tests.e2e.turns import ask_turn, said
from tests.engine_support import NEEDS_ENGINE
from tests.fuzz.gguf_files import damaged_files
from tests.models import MODELS_DIR, build
from tests.models.scripts import DEFAULT

_SEED = 5
_COUNT = 1_000
_LOADED = int(os.environ.get("FUZZED_MODELS", "60"))
"""How many are loaded; ``FUZZED_MODELS=1000`` for all."""
_MOST_MEMORY_KIB = 64 * 1024


def _outcome(path: Path) -> str:
    try:
        read_head(path)
        check_file(path)
    except ModelError as error:
        return error.code if str(path) in error.message else "nameless"
    return "accepted"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["tiny-f32", "tiny-bert"])
def test_every_damaged_header_is_a_typed_error_or_a_head(model: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged.gguf"
    good = build(model, MODELS_DIR).read_bytes()
    path.write_bytes(good)
    assert _outcome(path) == "accepted"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: Counter[str] = Counter()
    for label, data in damaged_files(good, _SEED, _COUNT // 2):
        path.write_bytes(data)
        outcome = _outcome(path)
        outcomes[outcome] += 1
        assert outcome in {"model_damaged", "accepted"}, label
        assert outcome != "accepted" or not label.endswith("twice"), label
    assert outcomes["model_damaged"] > _COUNT // 4, outcomes
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < _MOST_MEMORY_KIB


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(600)
@NEEDS_ENGINE[1]
async def test_the_daemon_outlives_damaged_models(folder: Path) -> None:
    models = folder / "cache" / "models"
    models.mkdir(parents=True)
    good = build("scripted", MODELS_DIR)
    (models / "good.gguf").symlink_to(good)
    victim = build("tiny-f32", MODELS_DIR).read_bytes()
    async with (
        running_daemon(folder, default_model="llamacpp/good", agent_max_tokens="64"),
        RawClient(folder / "r.sock") as client,
    ):
        for number, (label, data) in enumerate(damaged_files(victim, _SEED + 1, _LOADED)):
            path = models / f"bad{number}.gguf"
            await asyncio.to_thread(path.write_bytes, data)
            session = f"s{number}"
            await client.ask(
                {"action": "create", "session_id": session, "model": f"llamacpp/bad{number}"},
                "created",
            )
            events = await ask_turn(client, session, "Hi")
            last = events[-1]
            assert last["event"] == "error" or last["done"], label
            assert last.get("code") != "engine_crashed", label
            await client.ask({"action": "delete", "session_id": session}, "deleted")
            path.unlink()
        await client.ask({"action": "create", "session_id": "good"}, "created")
        assert said(await ask_turn(client, "good", "Hello!")) == DEFAULT.answer


def test_what_native_code_aborts_on_is_refused_before(tmp_path: Path) -> None:
    good = build("tiny-f32", MODELS_DIR).read_bytes()
    path = tmp_path / "damaged.gguf"
    key = good.index(b"llama.block_count") + len(b"llama.block_count") + 4
    for layers in (0, 513, (1 << 32) - 1):
        path.write_bytes(good[:key] + layers.to_bytes(4, "little") + good[key + 4 :])
        assert _outcome(path) == "model_damaged"
    name = b"llama.attention.layer_norm_rms_epsilon"
    key = good.index(name) + len(name) + 4
    for epsilon in (-1.0, math.nan, math.inf):
        path.write_bytes(good[:key] + struct.pack("<f", epsilon) + good[key + 4 :])
        assert _outcome(path) == "model_damaged"
    token = good.index(b"<|im_start|>")
    path.write_bytes(good[:token] + b"<|im_end|>\0x" + good[token + 12 :])
    assert _outcome(path) == "model_damaged"  # to native code it is <|im_end|> twice


_WITHOUT_THE_CHECK = """
import sys
from pathlib import Path
from ruster.engine import model, native
from ruster.engine.settings import EngineSettings
native.start()
model.check_file = lambda path: None
model.LoadedModel(Path(sys.argv[1]), EngineSettings(threads=1), lambda _: True)
"""


@pytest.mark.engine
@NEEDS_ENGINE[1]
def test_without_the_check_native_code_aborts_at_once(tmp_path: Path) -> None:
    good = build("tiny-f32", MODELS_DIR).read_bytes()
    key = good.index(b"llama.block_count") + len(b"llama.block_count") + 4
    path = tmp_path / "damaged.gguf"
    path.write_bytes(good[:key] + b"\xff\xff\0\0" + good[key + 4 :])
    command = [sys.executable, "-c", _WITHOUT_THE_CHECK, str(path)]
    ended = subprocess.run(command, capture_output=True, timeout=50, check=False)
    assert ended.returncode == -signal.SIGABRT
    assert b"GGML_ASSERT" in ended.stderr
    assert b"#0" not in ended.stderr  # no debugger was started
