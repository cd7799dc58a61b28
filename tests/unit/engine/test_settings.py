"""Engine settings: documented, bounded, frozen."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ruster.engine.settings import EngineSettings, physical_cores


@pytest.mark.parametrize(
    "wrong", [{"threads": 0}, {"context_size": 1}, {"isolation": "none"}, {"thread": 1}]
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EngineSettings.model_validate(wrong)


def test_at_least_one_core() -> None:
    assert physical_cores() >= 1
