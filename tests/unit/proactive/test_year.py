"""A year on a clock that a test drives: two zones change theirs, the machine sleeps, ruster is
started anew. What was to be done is known from walking through the year minute by minute.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ruster.proactive.jobs.actions import CallTool
from ruster.proactive.jobs.job import Job, Misfire, Outcome
from ruster.proactive.jobs.store import JobStore
from ruster.proactive.schedules.schedule import At, Cron, Every, Schedule
from ruster.testing import ManualClock
from tests.unit.proactive.schedules.brute_force import EVERY_HOUR, Rule, walk
from tests.unit.proactive.support import UID, House, house

BEGIN = 1_767_225_600  # 2026-01-01 00:00 UTC: both zones change twice in this year
YEAR_S = 365 * 86_400
GRACE_S = 60
WEEKDAYS = frozenset(range(1, 6))
ZONES = ("Europe/Berlin", "America/New_York")


@dataclass(frozen=True)
class Case:
    """A schedule, and all its dues in the year, known without it."""

    schedule: Schedule
    dues: Sequence[int]


def cases(rng: random.Random) -> list[Case]:
    """Make some schedules of every kind, and walk through the year for each."""
    made = []
    for zone in ZONES:
        for expression, rule in (
            ("7 2 * * *", None),
            ("30 2 * * *", None),
            ("15 1 * * *", None),
            ("0 8 * * mon-fri", Rule(frozenset({0}), frozenset({8}), weekdays=WEEKDAYS)),
            ("0 * * 3,11 *", Rule(frozenset({0}), EVERY_HOUR, months=frozenset({3, 11}))),
            ("0 0 1 * *", Rule(frozenset({0}), frozenset({0}), days=frozenset({1}))),
        ):
            minute, hour, *_ = expression.split()
            found = rule or Rule(frozenset({int(minute)}), frozenset({int(hour)}))
            dues = walked(found, zone)
            made.append(Case(Cron(expression, zone), dues))
    for seconds in (40_000, 86_400):
        anchor = BEGIN - rng.randrange(seconds)
        first = anchor + seconds * ((BEGIN - anchor) // seconds + 1)
        made.append(Case(Every(seconds, anchor), range(first, BEGIN + YEAR_S + 1, seconds)))
    for _ in range(5):
        due = BEGIN + rng.randrange(1, YEAR_S)
        made.append(Case(At(due), [due]))
    return made


@lru_cache
def walked(rule: Rule, zone: str) -> Sequence[int]:
    """Walk through the year once for each rule."""
    return list(walk(rule, ZoneInfo(zone), BEGIN, BEGIN + YEAR_S))


def awake(rng: random.Random) -> list[tuple[int, int]]:
    """Return the stretches of the year in which the machine is awake."""
    stretches, moment = [], BEGIN
    while moment < BEGIN + YEAR_S:
        end = min(BEGIN + YEAR_S, moment + rng.randrange(600, 40 * 86_400))
        stretches.append((moment, end))
        moment = end + rng.choice((5, 90, 3600, 8 * 3600, 5 * 86_400))
    return stretches


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_missed_or_doubled_in_a_year(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    clock = ManualClock(float(BEGIN))
    kinds = cases(rng)
    chosen = {f"job-{number}": kinds[number % len(kinds)] for number in range(20)}
    misfires = {name: rng.choice(list(Misfire)) for name in chosen}
    done: Counter[tuple[str, float]] = Counter()
    async with house(tmp_path, clock, keep_receipts=100_000) as it:
        for name, case in chosen.items():
            now, misfire = clock.now(), misfires[name]
            job = Job(name, UID, case.schedule, CallTool("count"), created=now, misfire=misfire)
            await it.store.add(job, now, 1000)
    for begin, end in awake(rng):
        clock.jump(max(0.0, begin - clock.now()))
        async with house(tmp_path, clock) as it:
            await it.runner.resume()
            await live(it, clock, end, done)
    store = await JobStore.open(tmp_path / "jobs.sqlite")
    try:
        for name, case in chosen.items():
            await check(store, name, case, misfires[name], done)
    finally:
        await store.aclose()


async def live(it: House, clock: ManualClock, end: int, done: Counter[tuple[str, float]]) -> None:
    """Go from due to due until ``end``; note what was really done."""
    while True:
        for receipt in await it.scheduler.tick():
            if receipt.outcome is Outcome.DONE:
                done[receipt.job, receipt.due] += 1
        upcoming = await it.store.next_fires()
        if upcoming is None or upcoming > end:
            clock.jump(max(0.0, end - clock.now()))
            return
        clock.jump(max(0.0, upcoming - clock.now()))


async def check(
    store: JobStore, name: str, case: Case, misfire: Misfire, done: Counter[tuple[str, float]]
) -> None:
    """Every due stands in exactly one receipt, and was done as its job wants it."""
    receipts = sorted(await store.history(UID, name, 100_000), key=lambda it: it.due)
    dues, at = [float(it) for it in case.dues], 0
    for receipt in receipts:
        covered = dues[at : at + receipt.missed + 1]
        assert covered[-1] == receipt.due, (name, case.schedule)
        at += len(covered)
        late = receipt.started is not None and receipt.started - receipt.due > GRACE_S
        if late and misfire is not Misfire.ONCE:
            assert receipt.outcome in (Outcome.SKIPPED, Outcome.MISSED)
            assert done[name, receipt.due] == 0
        else:
            assert receipt.outcome is Outcome.DONE
            assert done[name, receipt.due] == 1
    _, state = await store.get(UID, name)
    left = dues[at:]
    assert state.due == (left[0] if left else state.due)
    assert all(due >= (state.due or 0.0) for due in left)
