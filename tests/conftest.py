"""What all tests share: folders with short paths and an environment without surprises."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ruster.testing import short_folder
from tests.teaser import plugin as teaser


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our own options."""
    parser.addoption("--kills", type=int, default=200, help="rounds of kill -9 in tests/crash")
    parser.addoption("--cancels", type=int, default=200, help="turns that are cancelled")
    teaser.add_options(parser)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> teaser.TeaserFile | None:
    """Collect the fixtures that ask models."""
    return teaser.collect(file_path, parent)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell what the models took."""
    teaser.summarize(terminalreporter, config)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder in which a socket's path fits."""
    with short_folder() as path:
        yield path


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users can enter."""
    base = Path(tempfile.gettempdir())
    if not all(path.stat().st_mode & 0o001 for path in [base, *base.parents]):
        base = Path("/tmp")
    path = Path(tempfile.mkdtemp(prefix="ru-", dir=base))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away variables that would change what ruster does."""
    for name in os.environ:
        if name.startswith(("RUSTER_", "RUSTY_PINCH_", "OLLAMA_")):
            monkeypatch.delenv(name)
