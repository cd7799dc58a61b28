"""The programs in ``examples/`` run, with models from a hub of our own."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.engine_support import NEEDS_ENGINE
from tests.fakes.hub_server import FakeHub, FakeRepo
from tests.models import build

from ruster.testing.daemon import environment_for

FOLDER = Path(__file__).parents[2] / "examples"
EXPECTED = {
    "ask_local.py": (["Hello!", "acme/chat"], "I am a scripted model"),
    "conversation.py": (["acme/chat"], "from the cache)"),
    "json_answer.py": (["Describe a cat.", "acme/random"], "'legs':"),
    "nearest.py": (["a small pet", "acme/vectors"], "The cat sleeps."),
}

pytestmark = [
    *NEEDS_ENGINE,
    pytest.mark.skipif(
        importlib.util.find_spec("huggingface_hub") is None,
        reason="huggingface_hub is not installed (extra `hub`)",
    ),
]


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    models = {"chat": "scripted", "random": "tiny-f32", "vectors": "tiny-bert"}
    repos = {
        f"acme/{name}-GGUF": FakeRepo({f"{name}-q4_k_m.gguf": build(model).read_bytes()})
        for name, model in models.items()
    }
    async with FakeHub(repos) as hub:
        yield hub


def test_every_example_is_run_and_named() -> None:
    there = {path.name for path in FOLDER.glob("*.py")}
    assert there == EXPECTED.keys()
    page = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"`{name}`" in page for name in there)


@pytest.mark.parametrize("name", EXPECTED)
async def test_an_example_runs(name: str, hub: FakeHub, tmp_path: Path) -> None:
    arguments, expected = EXPECTED[name]
    keep = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(FOLDER / name),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=keep | environment_for(tmp_path, hub_url=hub.url, models_reserve_bytes="0"),
        cwd=tmp_path,
    )
    out, err = await asyncio.wait_for(child.communicate(), 50)
    assert child.returncode == 0, err.decode()
    assert expected in out.decode(), out.decode()
    assert "Traceback" not in err.decode()
