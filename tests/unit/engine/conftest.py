"""Fixtures of the engine's tests: a host, and the test models' paths."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings
from tests.engine_support import Isolation
from tests.models import build

if TYPE_CHECKING:
    from ruster.engine.model import LoadedModel


@pytest.fixture(scope="session")
def scripted() -> Path:
    """The model that says what ``tests.models.scripts`` holds."""
    return build("scripted")


@pytest.fixture(scope="session")
def tiny_f32() -> Path:
    """The random model in full precision."""
    return build("tiny-f32")


@pytest.fixture(scope="session")
def tiny_bert() -> Path:
    """The embedding model."""
    return build("tiny-bert")


@pytest.fixture(scope="session")
def tiny_rerank() -> Path:
    """The reranking model."""
    return build("tiny-rerank")


@pytest.fixture
async def host() -> AsyncIterator[EngineHost]:
    """An engine on one thread, with the default window."""
    host = EngineHost(EngineSettings(threads=1))
    yield host
    await host.aclose()


@pytest.fixture(params=["process", "thread"])
def isolation(request: pytest.FixtureRequest) -> Isolation:
    """Where the engine computes: a test that asks for it runs once with each."""
    return cast("Isolation", request.param)


@pytest.fixture
async def either_host(isolation: Isolation) -> AsyncIterator[EngineHost]:
    """The same as ``host``, in a process and in a thread."""
    host = EngineHost(EngineSettings(threads=1, isolation=isolation))
    yield host
    await host.aclose()


@pytest.fixture(scope="session")
def model(tiny_f32: Path) -> Iterator[LoadedModel]:
    """The random model, loaded in the test's own process."""
    from ruster.engine import native
    from ruster.engine.model import LoadedModel

    native.start()
    model = LoadedModel(tiny_f32, EngineSettings(threads=1), lambda _: True)
    yield model
    model.close()
