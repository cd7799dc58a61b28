"""The settings of the providers explain themselves and refuse nonsense."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from ruster.llm.settings import LlmSettings


def test_the_token_is_not_shown() -> None:
    assert "s3cret" not in repr(LlmSettings(proxy_auth_token=SecretStr("s3cret")))


@pytest.mark.parametrize(("given", "kept"), [(" abc\n", "abc"), ("", None), (" ", None)])
def test_the_token_loses_what_surrounds_it(given: str, kept: str | None) -> None:
    token = LlmSettings(proxy_auth_token=SecretStr(given)).proxy_auth_token

    assert (None if token is None else token.get_secret_value()) == kept


@pytest.mark.parametrize("token", ["a\r\nX-Other: b", "é", "a\x00b"])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ValidationError, match="printable ASCII") as raised:
        LlmSettings(proxy_auth_token=SecretStr(token))

    assert token not in str(raised.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fallback_models": ["/x"]},
        {"context_size": 0},
        {"read_timeout_s": 0},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LlmSettings.model_validate(wrong)
