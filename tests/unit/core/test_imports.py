"""Imports without an optional part: in this thread, for this time, and nothing else."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ruster.core.imports import without


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install a module and return its name."""
    name = "part_that_is_optional"
    (tmp_path / f"{name}.py").write_text("here = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_a_part_is_left_out_and_comes_back(part: str) -> None:
    with without(part), pytest.raises(ModuleNotFoundError, match=part):
        importlib.import_module(part)
    assert importlib.import_module(part).here


def test_what_is_loaded_stays(part: str) -> None:
    importlib.import_module(part)
    with without(part):
        assert importlib.import_module(part).here


def test_other_threads_have_it(part: str) -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(importlib.import_module(part)))
    with without(part):
        thread.start()
        thread.join()
    assert found == [sys.modules[part]]


def test_an_import_under_way_in_another_thread_misses_no_finder(part: str) -> None:
    """Imports go through the list of finders as it is: what left it would shift the others."""
    with without(part):
        finders = list(sys.meta_path)
        under_way = iter(sys.meta_path)
        next(under_way)
        next(under_way)
    assert list(under_way) == finders[2:]
    assert sys.meta_path == finders


def test_one_within_the_other_and_back(part: str) -> None:
    with without(part):
        with without("another_part"), pytest.raises(ModuleNotFoundError):
            importlib.import_module(part)
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(part)
    assert importlib.import_module(part).here


@pytest.mark.parametrize(
    ("program", "left_out"),
    [
        ("import ruster.__main__", "rich"),
        ("from ruster.llm.registry import Registry\n"
         "from ruster.llm.settings import LlmSettings\n"
         "import ruster.__main__\n"
         "Registry(LlmSettings())['groq']\n"
         "assert 'httpx' in sys.modules", "click"),
    ],
)  # fmt: skip
def test_a_daemon_does_without(program: str, left_out: str) -> None:
    check = f"import sys\n{program}\nsys.exit({left_out!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
