"""Error events back to exceptions."""

from __future__ import annotations

import pytest

from ruster.client.failures import failure_of
from ruster.core.errors import EngineCrashed, ProtocolError, RusterError, SessionError
from ruster.protocol.codec import encode_event
from ruster.protocol.codes import ERROR_CODES
from ruster.protocol.events import ErrorEvent
from ruster.protocol.parsed import decode_event


def _failure(code: str, *, retryable: bool | None = None) -> RusterError:
    event = ErrorEvent(code=code, error="so it is", retryable=retryable)
    return failure_of(decode_event(encode_event(event)))


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_every_code_has_its_family(code: str) -> None:
    failure = _failure(code)
    assert (failure.code, failure.message) == (code, "so it is")
    assert (type(failure) is RusterError) == (code == "internal")


def test_some_families() -> None:
    assert isinstance(_failure("queue_full", retryable=True), SessionError)
    assert _failure("queue_full", retryable=True).retryable
    assert isinstance(_failure("engine_crashed"), EngineCrashed)
    assert isinstance(_failure("invalid_name"), ProtocolError)


def test_a_code_of_a_newer_daemon_is_kept() -> None:
    assert _failure("moon_too_low").code == "moon_too_low"
