"""Fixture files as tests: collecting, running, and the summary."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ruster.core.errors import RusterError
from ruster.genius import Genius, Lifecycle
from tests.teaser.fixture import Fixture, FixtureError, Said, read_fixture
from tests.teaser.run import STUB, Took, ask, peak_bytes

__all__ = ["TeaserFile", "TeaserItem", "add_options", "collect", "summarize"]

ROOT = Path(__file__).parents[1] / "fixtures"
_FILES = Path("target/teaser").absolute()
_TIMEOUT_S = 3600
_took = pytest.StashKey[list[tuple[str, Took]]]()


def add_options(parser: pytest.Parser) -> None:
    """Add ``--teaser`` and ``--teaser-root``."""
    parser.addoption(
        "--teaser",
        choices=("stub", "engine"),
        default="stub",
        help="who answers tests/fixtures: the stub, or the models themselves (downloads them)",
    )
    parser.addoption("--teaser-root", type=Path, default=ROOT, help="another folder of fixtures")


def collect(file_path: Path, parent: pytest.Collector) -> TeaserFile | None:
    """Take the Markdown files below the folder of fixtures."""
    root = parent.config.getoption("--teaser-root").absolute()
    if file_path.suffix == ".md" and file_path.is_relative_to(root):
        file: TeaserFile = TeaserFile.from_parent(parent, path=file_path)
        file.root = root
        return file
    return None


def summarize(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what each answer took."""
    lines = config.stash.get(_took, [])
    if lines:
        reporter.section("models")
    for name, took in lines:
        reporter.write_line(f"{name}: {took}")


class TeaserFile(pytest.File):
    """One fixture file."""

    root: Path

    def collect(self) -> Iterator[pytest.Item]:
        """Read it; a broken one is an error of the collection."""
        try:
            fixture = read_fixture(self.path, self.root)
        except FixtureError as error:
            raise self.CollectError(str(error)) from error
        item: TeaserItem = TeaserItem.from_parent(self, name=fixture.model)
        item.fixture = fixture
        item.add_marker(pytest.mark.timeout(_TIMEOUT_S))
        if _in_engine(self.config):
            item.add_marker("engine")
        yield item


class TeaserItem(pytest.Item):
    """A question to a model."""

    fixture: Fixture

    def runtest(self) -> None:
        """Ask, and compare; ``AssertionError`` names what the answer lacks."""
        said, took = asyncio.run(self._ask())
        took.peak_bytes = peak_bytes()  # of the engine's process, which has ended
        self.config.stash.setdefault(_took, []).append((self.nodeid, took))
        if _in_engine(self.config):
            unmet = list(self.fixture.unmet(said))
        else:
            unmet = list(_unlike_the_stub(self.fixture, said))
        assert not unmet, f"{unmet} not met by {said}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the place in reports."""
        return self.path, 0, self.nodeid

    async def _ask(self) -> tuple[Said, Took]:
        model = self.fixture.model if _in_engine(self.config) else STUB
        environment = dict(os.environ) | {
            "RUSTER_CONFIG_DIR": str(_FILES / "config"),
            "RUSTER_CACHE_DIR": str(_FILES / "cache"),
        }
        async with Genius(lifecycle=Lifecycle.immediate(), environment=environment) as genius:
            try:
                return await ask(genius, model, self.fixture)
            except RusterError as error:
                pytest.fail(f"{model}: {error.message} ({error.code})", pytrace=False)


def _in_engine(config: pytest.Config) -> bool:
    return bool(config.getoption("--teaser") == "engine")


def _unlike_the_stub(fixture: Fixture, said: Said) -> Iterator[str]:
    """Name what the stub always does and this answer does not."""
    if "Narf!" not in said.thought:
        yield "thinks: Narf!"
    if said.text != f"Pinky says: {fixture.prompt}":
        yield f"contains: Pinky says: {fixture.prompt}"
