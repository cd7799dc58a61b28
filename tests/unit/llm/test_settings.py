"""The settings of the providers explain themselves and refuse nonsense."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from ruster.llm.settings import LlmSettings


def test_every_setting_has_a_description() -> None:
    undescribed = [n for n, field in LlmSettings.model_fields.items() if not field.description]

    assert undescribed == []


def test_the_token_is_not_shown() -> None:
    assert "s3cret" not in repr(LlmSettings(proxy_auth_token=SecretStr("s3cret")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"default_model": "llama3.2"},
        {"fallback_models": ["/x"]},
        {"context_size": 0},
        {"read_timeout_s": 0},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LlmSettings.model_validate(wrong)
