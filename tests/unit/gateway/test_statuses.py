"""Every error a client can meet has a status that says whose fault it is."""

from __future__ import annotations

import pytest

from ruster.core.errors import RusterError
from ruster.gateway.api.answers import failure
from ruster.gateway.api.failures import status_of
from ruster.protocol.codes import ERROR_CODES


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("invalid_command", 400),
        ("invalid_name", 400),
        ("job_invalid", 400),
        ("when_past", 400),
        ("not_permitted", 403),
        ("session_not_found", 404),
        ("record_not_found", 404),
        ("approval_closed", 409),
        ("job_exists", 409),
        ("cursor_expired", 410),
        ("message_too_large", 413),
        ("queue_full", 429),
        ("session_limit", 429),
        ("internal", 500),
        ("not_supported", 501),
        ("memory_busy", 503),
        ("shutting_down", 503),
        ("disk_full", 507),
    ],
)
def test_statuses(code: str, status: int) -> None:
    assert status_of(RusterError("x", code=code)) == status


def test_every_code_has_a_status_of_an_error() -> None:
    for code in ERROR_CODES:
        answer = failure(RusterError("x", code=code))
        assert 400 <= answer.status_code < 600
        is_own = answer.status_code < 500
        assert (b"server_error" not in bytes(answer.body)) or not is_own
