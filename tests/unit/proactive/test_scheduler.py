"""What is due is done once, in its time, and leaves one receipt, whatever the clock does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from ruster.core.errors import JobError, ToolError
from ruster.core.inbox import TurnEnd, TurnReport
from ruster.proactive.doing.doer import Bounds, Done
from ruster.proactive.goals.store import GoalStore
from ruster.proactive.jobs.actions import CallTool, CheckHttp, Prompt, Say
from ruster.proactive.jobs.conditions import Condition, ConditionKind
from ruster.proactive.jobs.job import Job, Misfire, Outcome, Overlap, Telling
from ruster.proactive.schedules.schedule import At, Cron, Every
from ruster.storage.sqlite.native import open_connection
from ruster.testing import ManualClock
from tests.unit.proactive.support import UID, CountingDoer, House, house

_Counting = TypeVar("_Counting", bound=CountingDoer)
HOUR_S, DAY_S, YEAR_S = 3600.0, 86_400.0, 365 * 86_400.0
LIGHT = CallTool("light")


async def test_a_job_is_done_when_it_is_due_and_not_before(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.add()
        assert await it.scheduler.tick() == []
        it.clock.advance(HOUR_S - 1)
        assert await it.scheduler.tick() == []
        it.clock.advance(1)
        (receipt,) = await it.scheduler.tick()
        assert (receipt.outcome, receipt.message) == (Outcome.DONE, "delivered")
        assert await it.scheduler.tick() == []
        assert it.inbox.texts() == ["hello"]
        spoken = it.inbox.spoken[0][1]
        assert (spoken.source, spoken.session_id, spoken.owner) == ("job:hello", "work", UID)


async def test_a_job_that_is_over_is_not_due_again(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.add(schedule=At(it.clock.now() + 60))
        it.clock.advance(YEAR_S)
        await it.scheduler.tick()
        it.clock.advance(YEAR_S)
        assert await it.scheduler.tick() == []
        _, state = await it.store.get(UID, "hello")
        assert (state.due, state.runs) == (None, 1)


@pytest.mark.parametrize(
    ("misfire", "outcome", "told"),
    [
        (Misfire.ONCE, Outcome.DONE, ["hello"]),
        (Misfire.SKIP, Outcome.SKIPPED, []),
        (
            Misfire.REPORT,
            Outcome.MISSED,
            [
                "The job hello was not done: its time went by while ruster did not run "
                "(due 10 times since)."
            ],
        ),
    ],
)
async def test_what_went_by_during_a_sleep(
    tmp_path: Path, misfire: Misfire, outcome: Outcome, told: list[str]
) -> None:
    async with house(tmp_path) as it:
        await it.add(misfire=misfire)
        it.clock.advance(10.5 * HOUR_S)
        (receipt,) = await it.scheduler.tick()
        assert (receipt.outcome, receipt.missed) == (outcome, 9)
        assert it.inbox.texts() == told
        it.clock.advance(HOUR_S / 2)
        (receipt,) = await it.scheduler.tick()
        assert (receipt.outcome, receipt.missed) == (Outcome.DONE, 0)


async def test_who_wakes_just_in_time_does_it_and_counts_what_went_by(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.add(misfire=Misfire.SKIP)
        it.clock.advance(5 * HOUR_S + 3)
        (receipt,) = await it.scheduler.tick()
        assert (receipt.outcome, receipt.missed) == (Outcome.DONE, 4)


async def test_a_restart_neither_skips_nor_doubles(tmp_path: Path) -> None:
    clock = ManualClock()
    async with house(tmp_path, clock) as it:
        await it.add()
        clock.advance(HOUR_S)
        await it.scheduler.tick()
    async with house(tmp_path, clock) as it:
        assert await it.scheduler.tick() == []
        clock.advance(HOUR_S)
        await it.scheduler.tick()
        assert await it.outcomes() == [("done", 0), ("done", 0)]


async def test_the_clock_set_back_by_years_and_forth_again(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.add()
        it.clock.advance(HOUR_S)
        await it.scheduler.tick()
        it.clock.advance(10 * YEAR_S)
        (receipt,) = await it.scheduler.tick()
        assert receipt.missed == 87_600 - 1
        it.clock.jump(-10 * YEAR_S)  # as it was: two hours and some are to come as ever
        await it.scheduler.tick()
        done = len(it.inbox.keys)
        for _ in range(5):
            it.clock.advance(HOUR_S)
            await it.scheduler.tick()
        assert len(it.inbox.keys) == done + 5


async def test_a_clock_set_back_by_hours_repeats_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.add()
        for _ in range(6):
            it.clock.advance(HOUR_S)
            await it.scheduler.tick()
        it.clock.jump(-3 * HOUR_S)
        for _ in range(4):
            await it.scheduler.tick()
            it.clock.advance(HOUR_S)
        await it.scheduler.tick()
        assert len(it.inbox.keys) == 7


async def test_a_clock_set_back_while_ruster_did_not_run(tmp_path: Path) -> None:
    clock = ManualClock()
    async with house(tmp_path, clock) as it:
        await it.add()
        await it.add(id="soon", schedule=At(clock.now() + 1200, relative=True))
        await it.add(id="then", schedule=At(clock.now() + 1200))
        await it.scheduler.tick()
    clock.jump(-YEAR_S)
    async with house(tmp_path, clock) as it:
        await it.scheduler.tick()
        clock.advance(HOUR_S)
        await it.scheduler.tick()
        assert await it.outcomes() == [("done", 0)]
        assert await it.outcomes("soon") == [("done", 0)]
        assert await it.outcomes("then") == []  # a moment of the calendar is that moment


async def test_jitter_delays_each_due_and_a_restart_draws_no_other(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        for number in range(20):
            await it.add(id=f"j-{number}", jitter_s=600.0)
        fires = [state.fires for _, state in await it.store.jobs(UID)]
        assert len(set(fires)) == 20
        assert all(0 <= (at or 0) - it.clock.now() - HOUR_S < 600 for at in fires)
        it.clock.advance(HOUR_S + 600)
        assert len(await it.scheduler.tick()) == 20
        assert {state.due for _, state in await it.store.jobs(UID)} == {
            it.clock.now() - 600 + HOUR_S
        }


class Slow(CountingDoer):
    """Takes until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def do(self, job: Job, key: str, bounds: Bounds) -> Done:
        await self.gate.wait()
        return await super().do(job, key, bounds)


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (Overlap.SKIP, [("done", 0), ("skipped", 0), ("skipped", 0)]),
        (Overlap.QUEUE, [("done", 0), ("done", 0), ("skipped", 0)]),
    ],
)
async def test_what_is_due_while_it_runs(
    tmp_path: Path, overlap: Overlap, expected: list[tuple[str, int]]
) -> None:
    async with house(tmp_path) as it:
        slow = with_tool(it, Slow())
        await it.add(LIGHT, overlap=overlap)
        for _ in range(3):
            it.clock.advance(HOUR_S)
            await it.scheduler.settled()
        slow.gate.set()
        await until_quiet(it)
        assert await it.outcomes() == expected


async def test_a_run_that_takes_too_long_is_ended_and_told(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        with_tool(it, Slow())
        await it.add(LIGHT, timeout_s=-4.99)
        it.clock.advance(HOUR_S)
        (receipt,) = await it.scheduler.tick()
        assert receipt.outcome is Outcome.FAILED
        assert "longer than" in receipt.message


async def test_what_may_have_had_an_effect_is_never_done_again(tmp_path: Path) -> None:
    clock = ManualClock()
    async with house(tmp_path, clock) as it:
        with_tool(it, Slow())
        await it.add(LIGHT)
        await it.add(id="say")
        clock.advance(HOUR_S)
        await it.scheduler.settled()
        await asyncio.sleep(0.05)
        told = it.inbox.spoken
    async with house(tmp_path, clock) as it:
        it.inbox.spoken += told
        await it.runner.resume()
        await until_quiet(it)
        assert it.tool.done == []
        assert await it.outcomes() == [("interrupted", 0)]
        assert await it.outcomes("say") == [("done", 0)]
        assert it.inbox.texts() == [
            "hello",
            "The job hello failed: ruster was stopped in the middle of it; it is not done again",
        ]


async def test_what_a_key_makes_harmless_is_done_again(tmp_path: Path) -> None:
    clock = ManualClock()
    async with house(tmp_path, clock) as it:
        await it.add()
        clock.advance(HOUR_S)
        (claimed,) = await it.store.claim_due(clock.now(), {}, 60)
    async with house(tmp_path, clock) as it:
        await it.runner.resume()
        await until_quiet(it)
        assert it.inbox.keys == [claimed.receipt.key]
        assert await it.outcomes() == [("done", 0)]


async def test_a_failure_is_told_once_then_ever_less_often_then_that_it_works(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as it:
        it.tool.failure = ToolError("no light")
        await it.add(LIGHT, schedule=Every(600, it.clock.now()))
        for _ in range(24 * 6):
            it.clock.advance(600)
            await it.scheduler.tick()
        assert it.inbox.texts()[:3] == [
            "The job hello failed: no light",
            "The job hello failed (7 times in a row): no light",
            "The job hello failed (19 times in a row): no light",
        ]
        assert len(it.inbox.texts()) == 5  # after 0, 1, 3, 7 and 15 hours
        it.tool.failure = None
        for _ in range(3):
            it.clock.advance(600)
            await it.scheduler.tick()
        assert it.inbox.texts()[5:] == ["The job hello works again: counted"]


@pytest.mark.parametrize(("telling", "count"), [(Telling.ALWAYS, 1), (Telling.NEVER, 0)])
async def test_who_wants_to_be_told(tmp_path: Path, telling: Telling, count: int) -> None:
    async with house(tmp_path) as it:
        await it.add(LIGHT, telling=telling)
        it.clock.advance(HOUR_S)
        await it.scheduler.tick()
        assert len(it.inbox.texts()) == count


async def test_a_prompt_is_answered_within_the_tokens_of_the_day(tmp_path: Path) -> None:
    async with house(tmp_path, day_tokens=1000, run_tokens=600) as it:
        it.inbox.answer = TurnReport("", TurnEnd.DONE, "all well", 500)
        await it.add(Prompt("look"))
        for _ in range(2):
            it.clock.advance(HOUR_S)
            await it.scheduler.tick()
        first, second = reversed(await it.store.history(UID, "hello", 10))
        assert (first.outcome, first.message, first.tokens) == (Outcome.DONE, "all well", 500)
        assert second.outcome is Outcome.SKIPPED
        assert "500 of the day's 1000 tokens are left, and it may take 600" in second.message
        assert await it.budget.spent_today() == 500
        it.clock.advance(DAY_S)
        (receipt,) = await it.scheduler.tick()
        assert receipt.outcome is Outcome.DONE
        assert it.models.idle_tokens == 0


async def test_a_prompt_that_fails_is_a_failure_with_its_tokens(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        it.inbox.answer = TurnReport("", TurnEnd.ERROR, "no model", 7)
        await it.add(Prompt("look"))
        it.clock.advance(HOUR_S)
        (receipt,) = await it.scheduler.tick()
        assert (receipt.outcome, receipt.message, receipt.tokens) == (
            Outcome.FAILED,
            "no model",
            7,
        )


async def test_an_address_is_asked_and_must_answer_as_expected(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.add(CheckHttp("http://here/"))
        it.web.statuses["http://here/"] = 503
        it.clock.advance(HOUR_S)
        await it.scheduler.tick()
        it.web.statuses["http://here/"] = 200
        it.clock.advance(HOUR_S)
        await it.scheduler.tick()
        assert it.inbox.texts() == [
            "The job hello failed: http://here/ answered 503, not 200",
            "The job hello works again: http://here/ answered 200",
        ]


async def test_a_watch_acts_when_it_becomes_true_and_not_while_it_stays(tmp_path: Path) -> None:
    file = tmp_path / "flag"
    async with house(tmp_path) as it:
        await it.add(condition=Condition(ConditionKind.FILE_EXISTS, str(file)))
        for there in (False, True, True, False, True):
            file.touch() if there else file.unlink(missing_ok=True)
            it.clock.advance(HOUR_S)
            await it.scheduler.tick()
        assert await it.outcomes() == [
            ("quiet", 0),
            ("done", 0),
            ("quiet", 0),
            ("quiet", 0),
            ("done", 0),
        ]


async def test_a_session_that_is_gone_is_a_failure_not_an_end(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.add(session_id="gone")
        it.inbox.gone.add("gone")
        await it.add(id="other")
        it.clock.advance(HOUR_S)
        await it.scheduler.tick()
        assert await it.outcomes() == [("failed", 0)]
        assert it.inbox.texts() == ["hello"]


async def test_a_defect_ends_its_run_alone(tmp_path: Path) -> None:
    class Broken(CountingDoer):
        async def do(self, job: Job, key: str, bounds: Bounds) -> Done:
            raise ZeroDivisionError

    async with house(tmp_path) as it:
        with_tool(it, Broken())
        await it.add(LIGHT)
        await it.add(id="other")
        it.clock.advance(HOUR_S)
        assert len(await it.scheduler.tick()) == 2
        assert await it.outcomes() == [("failed", 0)]
        assert await it.outcomes("other") == [("done", 0)]


async def test_a_job_that_cannot_be_read_is_switched_off_and_hides_no_other(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with house(tmp_path, clock) as it:
        await it.add()
        await it.add(id="other")
        await it.store._database.write(
            lambda connection: (
                connection.execute(
                    "UPDATE jobs SET body = '{\"schedule\": 1}' WHERE id = 'hello'"
                ).get
            )
        )
        clock.advance(HOUR_S)
        assert [receipt.job for receipt in await it.scheduler.tick()] == ["other"]
        assert [job.id for job, _ in await it.store.jobs(UID)] == ["other"]


async def test_jobs_are_each_owners_own(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.add()
        await it.add(owner=2)
        with pytest.raises(JobError) as caught:
            await it.add()
        assert caught.value.code == "job_exists"
        await it.store.remove(2, "hello")
        with pytest.raises(JobError) as caught:
            await it.store.get(2, "hello")
        assert caught.value.code == "job_not_found"
        assert [job.owner for job, _ in await it.store.jobs(None)] == [UID]
        with pytest.raises(JobError) as caught:
            await it.store.add(replace((await it.store.get(UID, "hello"))[0], id="b"), 0, 1)
        assert caught.value.code == "job_limit"


async def test_switched_off_it_rests_and_goes_on_from_then(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.add(misfire=Misfire.REPORT)
        await it.store.switch(UID, "hello", it.clock.now(), enabled=False)
        it.clock.advance(5.5 * HOUR_S)
        assert await it.scheduler.tick() == []
        await it.store.switch(UID, "hello", it.clock.now(), enabled=True)
        it.clock.advance(HOUR_S / 2)
        await it.scheduler.tick()
        assert await it.outcomes() == [("done", 0)]


async def test_receipts_are_bounded_and_old_jobs_go(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.add()
        await it.add(id="once", schedule=At(it.clock.now() + 60))
        for _ in range(20):
            it.clock.advance(HOUR_S)
            await it.scheduler.tick()
        await it.store.prune(5, it.clock.now() - DAY_S)
        assert len(await it.outcomes()) == 5
        assert len(await it.store.jobs(UID)) == 2
        await it.store.prune(5, it.clock.now())
        assert [job.id for job, _ in await it.store.jobs(UID)] == ["hello"]


async def test_a_later_version_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    async with house(tmp_path):
        pass
    from ruster.proactive.jobs.tables import JOBS

    connection = open_connection(tmp_path / "jobs.sqlite", JOBS, writes=True)
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(JobError) as caught:
        async with house(tmp_path):
            pass
    assert caught.value.code == "jobs_too_new"
    (tmp_path / "jobs.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(JobError) as caught:
        async with house(tmp_path):
            pass
    assert caught.value.code == "jobs_corrupt"


async def test_the_loop_does_what_is_due_and_hears_of_changes(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        it.scheduler.start()
        await asyncio.sleep(0.05)  # nothing to do: it waits
        await it.add()
        it.clock.advance(HOUR_S)
        it.scheduler.poke()
        async with asyncio.timeout(10):
            while not it.inbox.keys:
                await asyncio.sleep(0.01)
        await until_quiet(it)
        assert await it.outcomes() == [("done", 0)]


@pytest.mark.parametrize(
    "schedule",
    [At(1e9, True), Every(7, 3.5), Cron("*/5 8-17 * * mon-fri", "Europe/Berlin")],
)
async def test_a_job_comes_back_as_it_was(tmp_path: Path, schedule: At | Every | Cron) -> None:
    async with house(tmp_path) as it:
        job = Job(
            "all",
            UID,
            schedule,
            Say("ä\u2028\U0001f375"),
            created=1.5,
            session_id="work",
            title="t",
            condition=Condition(ConditionKind.DISK_BELOW, "/", 5),
            misfire=Misfire.SKIP,
            overlap=Overlap.QUEUE,
            telling=Telling.ALWAYS,
            jitter_s=1.5,
            max_tokens=3,
            timeout_s=4.5,
            goal="g",
            origins=("web:x",),
        )
        await GoalStore(it.store.database).add(UID, "g", "a goal", 0)
        await it.store.add(job, 0, 10)
        assert (await it.store.get(UID, "all"))[0] == job


def with_tool(it: House, doer: _Counting) -> _Counting:
    """Have tools called by something else."""
    it.tool = doer
    it.runner._parts.doers[CallTool] = doer  # type: ignore[index]
    return doer


async def until_quiet(it: House) -> None:
    """Wait until no job runs."""
    async with asyncio.timeout(10):
        while it.runner._tasks:
            await asyncio.gather(*it.runner._tasks.values())
