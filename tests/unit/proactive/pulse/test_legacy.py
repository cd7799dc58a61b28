"""What can be read of another daemon's ``state.json``, and what is written of our own."""

from __future__ import annotations

from typing import Any

import pytest

from ruster.core.clock import rfc3339
from ruster.core.tools import Risk
from ruster.proactive.goals.goal import Goal, Note
from ruster.proactive.jobs.actions import CheckHttp, EmitLog, Say
from ruster.proactive.jobs.job import Job, Outcome, Receipt, State
from ruster.proactive.ooda.cycle import Choice, Report, Status
from ruster.proactive.pulse.document import document
from ruster.proactive.pulse.legacy import Legacy, read_legacy
from ruster.proactive.schedules.schedule import Cron, Every

UID, NOW = 1000, 1_800_000_000.0


def _read(data: object, max_jobs: int = 10) -> Legacy:
    return read_legacy(data, UID, NOW, max_jobs=max_jobs, gap_s=60)


def _job(**changes: Any) -> dict[str, Any]:
    return {"id": "j", "interval_secs": 90, "action": {"emit_log": {"message": "m"}}} | changes


def test_a_job_comes_with_its_state() -> None:
    told = _job(
        enabled=False, runs=3, next_due_at=rfc3339(NOW + 30), last_run_at=rfc3339(NOW - 60),
        last_status="error", last_message="it failed",
    )  # fmt: skip
    ((job, state),) = _read({"jobs": [told]}).jobs
    assert (job.owner, job.action) == (UID, EmitLog("m"))
    assert isinstance(job.schedule, Every)
    assert (job.schedule.seconds, state.due) == (90, NOW + 30)
    assert (state.enabled, state.runs) == (False, 3)
    assert state.last is not None
    assert (state.last.outcome, state.last.message) == (Outcome.FAILED, "it failed")
    assert state.last.started == NOW - 60


@pytest.mark.parametrize("due", [None, 5, "soon", "2020-01-01T00:00:00Z", "9999-12-31T23:59:59"])
def test_a_due_that_is_over_or_none_is_the_next_one(due: object) -> None:
    ((_, state),) = _read({"jobs": [_job(next_due_at=due)]}).jobs
    assert state.due is not None
    assert NOW < state.due <= NOW + 90


def test_a_check_and_a_short_interval() -> None:
    check = {"http_health_check": {"url": "http://x/", "expected_status": 204, "timeout_secs": 5}}
    ((job, _),) = _read({"jobs": [_job(action=check, interval_secs=5)]}).jobs
    assert job.action == CheckHttp("http://x/", 204, 5)
    assert isinstance(job.schedule, Every)
    assert job.schedule.seconds == 60


@pytest.mark.parametrize(
    "entry",
    [
        "x",
        None,
        {},
        _job(id="A"),
        _job(id="../x"),
        _job(id=5),
        _job(interval_secs=0),
        _job(interval_secs=True),
        _job(interval_secs=10**40),
        _job(interval_secs="60"),
        _job(action="codex_health_check"),
        _job(action="codex_drain_queue_one"),
        _job(action="emit_log"),
        _job(action={"say": {"message": "x"}}),
        _job(action={"tool": {"tool": "shell", "arguments": {}}}),
        _job(action={"emit_log": {"message": "\ud800"}}),
        _job(action=None),
        _job(last_run_at=rfc3339(NOW), last_message="\0"),
    ],
)
def test_what_cannot_be_used_is_named_and_left_out(entry: object) -> None:
    found = _read({"jobs": [entry, _job(id="good")]})
    assert [job.id for job, _ in found.jobs] == ["good"]
    assert len(found.problems) == 1
    assert found.problems[0].startswith("jobs[0]: ")


def test_bounds() -> None:
    found = _read({"jobs": [_job(id=f"j{n}") for n in range(12)] + [_job(id="j1")]})
    assert len(found.jobs) == 10
    assert len(found.problems) == 3
    notes = [str(n) for n in range(500)]
    ((goal),) = _read({"goals": [{"id": "g", "description": "d", "notes": notes}]}).goals
    assert [it.text for it in goal.notes] == notes[-200:]


@pytest.mark.parametrize(
    "entry",
    [{"id": "g"}, {"id": "g", "description": " "}, {"id": "g", "description": "d", "notes": 5}],
)
def test_a_goal_that_is_none(entry: object) -> None:
    found = _read({"goals": [entry]})
    assert found.goals == []
    assert len(found.problems) == 1


def test_a_goal_with_one_note() -> None:
    told = {"id": "g", "description": "d", "achieved": True, "updated_at": rfc3339(5.0)}
    ((goal),) = _read({"goals": [told | {"notes": "n"}]}).goals
    assert goal == Goal("g", UID, "d", 5.0, 5.0, True, (Note(5.0, "n"),))


@pytest.mark.parametrize("data", [None, [], "x", 5, {"jobs": {}, "goals": "x"}])
def test_what_is_no_state(data: object) -> None:
    found = _read(data)
    assert not found.jobs
    assert not found.goals
    assert found.problems


def test_what_waited_for_an_answer_is_not_taken_over() -> None:
    assert len(_read({"pending_approvals": [{"token": "pa-1-1"}]}).problems) == 1


def test_what_was_written_can_be_read() -> None:
    jobs = [
        (Job("a", UID, Every(120, 0.0), EmitLog("m"), created=0.0),
         State(due=NOW + 5, runs=2,
               last=Receipt("r", "a", UID, 5.0, Outcome.DONE, started=5.0, message="ok"))),
        (Job("b", UID, Cron("0 0 * * *", "UTC"), Say("x"), created=0.0), State(enabled=False)),
    ]  # fmt: skip
    waiting = [
        Report("o-1", UID, 5.0, (), "no observations provided", Choice.CONTINUE, "deploy",
               Risk.HIGH, Status.PENDING, "pa-1"),
    ]  # fmt: skip
    goals = [Goal("g", UID, "d", 1.0, 2.0, True, (Note(1.0, "n"),))]
    written = document(NOW, jobs, waiting, goals)
    assert written == {
        "updated_at": rfc3339(NOW),
        "jobs": [
            {"id": "a", "interval_secs": 120, "action": {"emit_log": {"message": "m"}},
             "enabled": True, "runs": 2, "next_due_at": rfc3339(NOW + 5),
             "last_run_at": rfc3339(5.0), "last_status": "done", "last_message": "ok"},
            {"id": "b", "interval_secs": None, "action": {"say": {"message": "x"}},
             "enabled": False, "runs": 0, "next_due_at": None, "last_run_at": None,
             "last_status": None, "last_message": None},
        ],
        "pending_approvals": [
            {"token": "pa-1", "action": "deploy", "risk": "high",
             "reason": "no observations provided", "created_at": rfc3339(5.0),
             "status": "pending"},
        ],
        "goals": [
            {"id": "g", "description": "d", "achieved": True, "updated_at": rfc3339(2.0),
             "notes": ["n"]},
        ],
    }  # fmt: skip
    again = _read(written)
    assert [job.id for job, _ in again.jobs] == ["a"]
    assert [goal.description for goal in again.goals] == ["d"]
