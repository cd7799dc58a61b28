"""The fixture harness: it finds models by path, fetches them from a hub, and can fail."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.engine_support import NEEDS_ENGINE
from tests.fakes.hub_server import FakeHub, FakeRepo
from tests.models import build
from tests.teaser.fixture import FixtureError, Said, read_fixture
from tests.teaser.plugin import ROOT

REPOSITORY = Path(__file__).parents[2]
CAPITAL = "# A fact\n\n## Prompt\n\nWhat is the capital of France?\n\n## Expect\n\n- contains: {}\n"
NEEDS_HUB = pytest.mark.skipif(
    importlib.util.find_spec("huggingface_hub") is None,
    reason="huggingface_hub is not installed (extra `hub`)",
)


def _write(root: Path, text: str, place: str = "acme/small/Q8_0/capital.md") -> Path:
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def _pytest(
    folder: Path, *options: str, hub_url: str = "http://127.0.0.1:9"
) -> tuple[int, str]:
    """Run the harness in a process of its own; return its exit status and output."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(folder),
        "HF_ENDPOINT": hub_url,
        "HF_HOME": str(folder / "hf"),
    }
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "tests.conftest"),
        *("-c", str(REPOSITORY / "pyproject.toml"), "--rootdir", str(folder)),
        *options,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(child.communicate(), 50)
    return child.returncode or 0, out.decode()


def test_a_file_says_which_model_and_what_is_expected(tmp_path: Path) -> None:
    path = _write(tmp_path, CAPITAL.format("Paris") + "- lacks: London\n- ends: stop\n")
    fixture = read_fixture(path, tmp_path)
    assert fixture.model == "acme/small:Q8_0"
    assert fixture.prompt == "What is the capital of France?"
    assert list(fixture.unmet(Said("It is Paris.", reason="stop"))) == []
    assert list(fixture.unmet(Said("It is London.", reason="length"))) == [
        "contains: Paris",
        "lacks: London",
        "ends: stop",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (CAPITAL.format("x"), "acme/capital.md"),
        ("# Nothing\n", "a/b/c/d.md"),
        ("## Prompt\n\nHi\n", "a/b/c/d.md"),
        ("## Prompt\n\nHi\n\n## Expect\n\n- wishes: x\n", "a/b/c/d.md"),
        (CAPITAL.format("x") + "\n## Other\n\nx\n", "a/b/c/d.md"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(FixtureError):
        read_fixture(_write(tmp_path, text, place), tmp_path)


def test_all_fixtures_here_can_be_read() -> None:
    files = list(ROOT.rglob("*.md"))
    assert {path.relative_to(ROOT).parts[1] for path in files} >= {
        "Qwen2.5-1.5B-Instruct",
        "Qwen2.5-3B-Instruct",
    }
    assert all(read_fixture(path, ROOT).expectations for path in files)


async def test_the_stub_answers_everything_and_downloads_nothing(tmp_path: Path) -> None:
    _write(tmp_path, CAPITAL.format("never said by a stub"))
    status, out = await _pytest(tmp_path, "--teaser-root", ".", ".")
    assert status == 0, out
    assert re.search(r"acme/small:Q8_0: \d+ tokens read, \d+ written", out)


@NEEDS_HUB
class TestInTheEngine:
    pytestmark = NEEDS_ENGINE

    @pytest.fixture
    async def hub(self) -> AsyncIterator[FakeHub]:
        files = {"small-q8_0.gguf": build("scripted").read_bytes()}
        async with FakeHub({"acme/small-GGUF": FakeRepo(files)}) as hub:
            yield hub

    async def test_the_fixtures_of_the_trained_model(self, tmp_path: Path) -> None:
        files = {"tiny-f16.gguf": build("trained").read_bytes()}
        async with FakeHub({"ruster/tiny-GGUF": FakeRepo(files)}) as hub:
            shutil.copytree(ROOT / "ruster", tmp_path / "ruster")
            options = ("--teaser", "engine", "--teaser-root", ".", ".")
            status, out = await _pytest(tmp_path, *options, hub_url=hub.url)
        assert status == 0, out
        assert "2 passed" in out
        assert len(hub.downloads("tiny-f16.gguf")) == 1

    async def test_the_model_is_fetched_and_asked(self, tmp_path: Path, hub: FakeHub) -> None:
        _write(tmp_path, CAPITAL.format("Paris"))
        options = ("--teaser", "engine", "--teaser-root", ".", ".")
        status, out = await _pytest(tmp_path, *options, hub_url=hub.url)
        assert status == 0, out
        assert re.search(r"peak of the memory [1-9]\d* MiB", out)
        assert len(hub.downloads("small-q8_0.gguf")) == 1

    @pytest.mark.parametrize(
        ("wanted", "place", "why"),
        [
            ("Rome", "acme/small/Q8_0/x.md", "contains: Rome"),
            ("Paris", "acme/small/Q2_K/x.md", "does not come in Q2_K"),
            ("Paris", "acme/none/Q8_0/x.md", "has no acme/none"),
        ],
    )
    async def test_it_fails_when_it_should(
        self, tmp_path: Path, hub: FakeHub, wanted: str, place: str, why: str
    ) -> None:
        _write(tmp_path, CAPITAL.format(wanted), place)
        options = ("--teaser", "engine", "--teaser-root", ".", ".")
        status, out = await _pytest(tmp_path, *options, hub_url=hub.url)
        assert status == 1, out
        assert why in out
