"""Schedules as records, and the zone of the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.errors import JobError
from ruster.proactive.schedules.schedule import (
    At,
    Cron,
    Every,
    Schedule,
    from_record,
    local_zone,
    to_record,
)
from tests.unit.proactive.schedules.support import outcome

MOMENTS = st.floats(0, 1e11)
SCHEDULES = st.one_of(
    st.builds(At, MOMENTS, st.booleans()),
    st.builds(Every, st.integers(1, 10**9), MOMENTS),
    st.sampled_from([Cron("*/5 8 * * mon", "Europe/Berlin"), Cron("@daily", "UTC")]),
)


@given(SCHEDULES)
def test_a_record_comes_back_as_it_was(schedule: Schedule) -> None:
    assert from_record(json.loads(json.dumps(to_record(schedule)))) == schedule


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"kind": "never"},
        {"kind": []},
        {"kind": "at"},
        {"kind": "at", "due": "5"},
        {"kind": "at", "due": True},
        {"kind": "at", "due": float("nan")},
        {"kind": "at", "due": float("inf")},
        {"kind": "at", "due": -1},
        {"kind": "at", "due": 10**400},
        {"kind": "at", "due": 5, "relative": 1},
        {"kind": "every", "seconds": 0, "anchor": 0},
        {"kind": "every", "seconds": 1.5, "anchor": 0},
        {"kind": "every", "seconds": True, "anchor": 0},
        {"kind": "every", "seconds": 10**30, "anchor": 0},
        {"kind": "every", "seconds": 60, "anchor": None},
        {"kind": "cron", "expression": "* * * * *"},
        {"kind": "cron", "expression": 5, "zone": "UTC"},
        {"kind": "cron", "expression": "* * * *", "zone": "UTC"},
        {"kind": "cron", "expression": "0 0 30 2 *", "zone": "UTC"},
        {"kind": "cron", "expression": "* * * * *", "zone": "Mars/Olympus"},
    ],
)
def test_what_is_no_schedule_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(JobError) as caught:
        from_record(record)
    assert caught.value.code == "job_invalid"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
NAMES = ("kind", "due", "relative", "seconds", "anchor", "expression", "zone")


@given(st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from(["at", "every", "cron"])))
def test_any_record_is_read_or_refused(record: dict[str, Any]) -> None:
    schedule = outcome(lambda: from_record(record))
    if isinstance(schedule, str):
        assert schedule == "job_invalid"
    else:
        assert from_record(to_record(schedule)) == schedule


def test_the_zone_of_the_machine_exists() -> None:
    assert ZoneInfo(local_zone()).key == local_zone()


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys\n"
        "import ruster.proactive.schedules.cron\n"
        "print('apscheduler' in sys.modules, 'tzlocal' in sys.modules)\n"
        "from ruster.proactive.schedules.schedule import Cron, next_due\n"
        "next_due(Cron('@daily', 'UTC'), 0.0)\n"
        "print('apscheduler' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]
