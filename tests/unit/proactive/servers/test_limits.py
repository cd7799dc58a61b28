"""Buckets and pauses, by a clock that is told the time."""

from __future__ import annotations

from ruster.proactive.servers.bucket import TokenBucket
from ruster.proactive.servers.delivery import text_of
from ruster.proactive.servers.pauses import Pauses
from ruster.proactive.servers.settings import ServerSettings
from ruster.testing import ManualClock


def test_a_bucket_gives_a_burst_and_then_the_rate() -> None:
    clock = ManualClock()
    bucket = TokenBucket(5, 10, clock)
    assert [bucket.take() for _ in range(12)] == [True] * 10 + [False] * 2
    assert bucket.wait_s == 0.2
    clock.advance(1)
    assert [bucket.take() for _ in range(7)] == [True] * 5 + [False] * 2
    clock.advance(1000)
    assert sum(bucket.take() for _ in range(100)) == 10


def test_a_bucket_is_full_when_nothing_was_taken_of_late() -> None:
    clock = ManualClock()
    bucket = TokenBucket(5, 10, clock)
    levels = [bucket.full]
    bucket.take()
    levels.append(bucket.full)
    clock.advance(0.2)
    levels.append(bucket.full)
    assert levels == [True, False, True]


def test_failures_are_paused_for_longer_each_time_until_one_lasts() -> None:
    clock = ManualClock()
    pauses = Pauses(ServerSettings(), clock)
    lengths = []
    for _ in range(8):
        pauses.after_failure()
        lengths.append(pauses.left_s)
    assert lengths == [1, 2, 4, 8, 16, 32, 60, 60]
    pauses.cut_short()
    assert pauses.left_s == 0
    pauses.after_failure()
    assert pauses.left_s == 1
    pauses.after_success(lasted_s=100)
    pauses.after_failure()
    assert pauses.left_s == 1
    clock.advance(5)
    assert pauses.left_s == 0


def test_a_quarantine_is_not_cut_short_and_grows() -> None:
    clock = ManualClock()
    pauses = Pauses(ServerSettings(), clock)
    lengths = []
    for _ in range(9):
        pauses.after_fault()
        pauses.cut_short()
        lengths.append(pauses.left_s)
    assert lengths == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    pauses.after_success(lasted_s=5)  # not long enough to be forgiven
    pauses.after_fault()
    assert pauses.left_s == 3600
    pauses.after_success(lasted_s=61)
    pauses.after_fault()
    assert pauses.left_s == 60


def test_a_payload_is_a_text_of_bounded_size() -> None:
    assert text_of("as it is", 100) == "as it is"
    assert text_of({"a": [1, None, "ü"]}, 100) == '{"a":[1,null,"ü"]}'
    assert text_of(None, 100) == "null"
    assert "\0" not in text_of("a\0b", 100)
    cut = text_of("ü" * 10_000, 8192)
    assert len(cut.encode()) <= 8192
    assert cut.endswith("ü… [cut]")
    assert text_of("x" * 8192, 8192) == "x" * 8192
