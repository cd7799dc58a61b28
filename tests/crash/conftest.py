"""How often the daemon is killed."""

from __future__ import annotations

import pytest


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """Rounds of ``kill -9``: ``--kills``, 200 unless told."""
    return int(request.config.getoption("--kills"))
