"""Fixtures of the engine's tests: a host, and the test models' paths."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings
from tests.models import build


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


@pytest.fixture
async def host() -> AsyncIterator[EngineHost]:
    """An engine on one thread, with the default window."""
    host = EngineHost(EngineSettings(threads=1))
    yield host
    await host.aclose()
