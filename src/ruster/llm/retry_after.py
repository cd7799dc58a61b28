"""How long a provider asks to be left alone: the ``Retry-After`` header in its forms. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["retry_after_s"]


def retry_after_s(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Return the seconds a refusal asks to wait, or None when it asks for nothing usable.

    Takes ``retry-after-ms``, seconds, and an HTTP date (RFC 9110 section 10.2.3). A date counts
    from the answer's own ``Date``, so a wrong clock here does no harm; ``now`` (seconds
    since the epoch) stands in for a missing one.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is not None:
        return seconds
    until = _date(said)
    if until is None:
        return None
    sent = _date(headers.get("date"))
    return max(0.0, until - (now() if sent is None else sent))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def _date(text: str | None) -> float | None:
    try:
        when = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
