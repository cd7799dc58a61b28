"""The socket's mode is written as chmod writes it, or as a number."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ruster.server.settings import ServerSettings


@pytest.mark.parametrize(("given", "mode"), [("0600", 0o600), ("0o660", 0o660), (0o666, 0o666)])
def test_a_mode_is_octal_text_or_a_number(given: object, mode: int) -> None:
    assert ServerSettings.model_validate({"socket_mode": given}).socket_mode == mode


@pytest.mark.parametrize("wrong", ["rw", "0999", "", "0o", 0o7777, -1, None])
def test_anything_else_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        ServerSettings.model_validate({"socket_mode": wrong})
