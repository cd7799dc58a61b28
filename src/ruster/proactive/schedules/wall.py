"""The clock on the wall of a zone, and the moments it shows each time.

A wall time is a naive datetime. In spring the clock jumps over some of them (a gap), in autumn it
shows some twice (an overlap); zones have done so by other amounts than an hour, up to a whole day.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from ruster.core.errors import JobError

__all__ = [
    "LATEST",
    "after_gap",
    "first_moment",
    "gap_end",
    "is_gap",
    "is_repeated",
    "moment_of",
    "overlap_end",
    "overlap_start",
    "second_moment",
    "wall_of",
    "zone_of",
]

LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
"""The end of time, in seconds since the epoch: nothing is due from then on."""


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; raises JobError (``when_invalid``)."""
    try:
        if len(name) > 64 or not name.isprintable():
            raise ValueError
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise JobError(
            f"there is no time zone {name[:64]!r}: use a name such as Europe/Berlin or UTC",
            code="when_invalid",
        ) from None


def wall_of(moment: float, zone: tzinfo) -> datetime:
    """Return what the clock shows at a moment; ``fold`` is 1 when it shows that again."""
    return datetime.fromtimestamp(moment, UTC).astimezone(zone).replace(tzinfo=None)


def first_moment(wall: datetime, zone: tzinfo) -> float:
    """Return when the clock shows ``wall`` (which is no gap) for the first time."""
    return wall.replace(tzinfo=zone, fold=0).timestamp()


def second_moment(wall: datetime, zone: tzinfo) -> float:
    """Return when the clock shows ``wall`` (which is no gap) for the last time."""
    return wall.replace(tzinfo=zone, fold=1).timestamp()


def is_gap(wall: datetime, zone: tzinfo) -> bool:
    """Say whether the clock never shows ``wall``."""
    return first_moment(wall, zone) > second_moment(wall, zone)


def is_repeated(wall: datetime, zone: tzinfo) -> bool:
    """Say whether the clock shows ``wall`` twice."""
    return first_moment(wall, zone) < second_moment(wall, zone)


def gap_end(wall: datetime, zone: tzinfo) -> float:
    """Return the first moment after the gap that ``wall`` lies in."""
    # With the offset from after the gap it would be before its end, and the other way around.
    low, high = int(second_moment(wall, zone)), int(first_moment(wall, zone))
    new = _offset(high, zone)
    return float(_least(low, high, lambda moment: _offset(moment, zone) == new))


def moment_of(wall: datetime, zone: tzinfo) -> float:
    """Return when somebody who names ``wall`` means: the first time, or right after a gap."""
    return gap_end(wall, zone) if is_gap(wall, zone) else first_moment(wall, zone)


def after_gap(wall: datetime, zone: tzinfo) -> datetime:
    """Return the first time the clock shows after the gap that ``wall`` lies in."""
    return wall_of(gap_end(wall, zone), zone)


def overlap_start(wall: datetime, zone: tzinfo) -> datetime:
    """Return the first of the times shown twice, one of which is ``wall``."""
    return wall_of(_turn(wall, zone), zone).replace(fold=0)


def overlap_end(wall: datetime, zone: tzinfo) -> datetime:
    """Return the first time after those shown twice, one of which is ``wall``."""
    twice = second_moment(wall, zone) - first_moment(wall, zone)
    return overlap_start(wall, zone) + timedelta(seconds=twice)


def _turn(wall: datetime, zone: tzinfo) -> int:
    """Return the moment at which the clock is set back over ``wall``."""
    low, high = int(first_moment(wall, zone)), int(second_moment(wall, zone))
    new = _offset(high, zone)
    return _least(low, high, lambda moment: _offset(moment, zone) == new)


def _offset(moment: float, zone: tzinfo) -> timedelta | None:
    return datetime.fromtimestamp(moment, zone).utcoffset()


def _least(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the least number in (low, high] for which it holds; it holds from there on."""
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high
