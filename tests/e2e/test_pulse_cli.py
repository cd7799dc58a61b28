"""Jobs, goals and cycles at the command line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.test_cli import Ctl

from ruster.testing import RawClient, running_daemon


async def _said(ctl: Ctl, *words: str) -> str:
    status, out, err = await ctl(*words)
    assert (status, err) == (0, ""), (words, err)
    return out


async def test_jobs_are_added_shown_run_and_removed(folder: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        out = await _said(
            ctl, "job", "add", "every weekday at 8:30", "--say", "wake up", "--id", "up"
        )
        assert out.startswith("up: ")
        assert ", next 2" in out
        await _said(ctl, "job", "add", "every 5 minutes", "--log", "x", "--id", "logs")
        rows = [line.split("\t") for line in (await _said(ctl, "job", "list")).splitlines()]
        assert {"up", "logs", "runtime-heartbeat"} <= {row[0] for row in rows}
        assert next(row[4] for row in rows if row[0] == "up") == "say: wake up"
        assert await _said(ctl, "job", "run", "logs") == "logs done: x\n"
        history = (await _said(ctl, "job", "history", "logs")).split("\t")
        assert (history[1], history[4]) == ("done", "x\n")
        shown = await _said(ctl, "job", "show", "up")
        assert 'Does: {"say": {"message": "wake up"}}' in shown
        assert "Session: main" in shown
        assert "(off)" in await _said(ctl, "job", "disable", "up")
        assert "(off)" not in await _said(ctl, "job", "enable", "up")
        assert await _said(ctl, "job", "remove", "up") == "removed up\n"
        assert await ctl("job", "show", "up") == (1, "", "rusterctl: there is no job 'up'\n")
        (error,) = await ctl.events("job", "show", "up")
        assert error["code"] == "job_not_found"
        (listed,) = await ctl.events("job", "list")
        assert listed["event"] == "job_list"
        status, _, err = await ctl("job", "add", "every 5 minutes")
        assert (status, "--say" in err) == (2, True)
        status, _, err = await ctl("job", "add", "whenever", "--log", "x")
        assert (status, err.count("\n")) == (1, 1)


async def test_a_failing_job_is_status_1(folder: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        url = "http://127.0.0.1:9/"
        added = await _said(
            ctl, "job", "add-http-healthcheck", "--id", "web", "--interval-secs", "120",
            "--url", url, "--disabled",
        )  # fmt: skip
        assert added == "web: every 2 minutes (off)\n"
        status, out, _ = await ctl("job", "run", "web")
        assert (status, out.startswith("web failed: ")) == (1, True)


async def test_reminders_in_both_forms(folder: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        first = await _said(ctl, "remind", "in 20 minutes", "take out the cake")
        second = await _said(ctl, "remind", "me", "in", "20", "minutes", "to", "call", "Ann")
        for line in (first, second):
            assert line.startswith("say-")
        rows = await _said(ctl, "job", "list", "-s", "main")
        assert "say: take out the cake" in rows
        assert "say: call Ann" in rows


async def test_goals(folder: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        assert await _said(ctl, "goal", "add", "learn to", "swim", "--id", "swim") == (
            "swim: learn to swim\n"
        )
        await _said(
            ctl, "job", "add", "every day at 9", "--log", "x", "--id", "j", "--goal", "swim"
        )
        await _said(ctl, "goal", "note", "swim", "bought goggles")
        assert await _said(ctl, "goal", "list") == "swim\topen\tlearn to swim\t1\t1\n"
        assert "bought goggles" in await _said(ctl, "goal", "show", "swim")
        assert await _said(ctl, "goal", "achieve", "swim", "--note", "done") == "achieved swim\n"
        assert await _said(ctl, "goal", "remove", "swim") == "removed swim and its jobs j\n"
        status, _, err = await ctl("goal", "show", "swim")
        assert (status, err) == (1, "rusterctl: there is no goal 'swim'\n")


async def test_a_cycle_and_its_approval(folder: Path) -> None:
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        ctl = Ctl(folder)
        await _said(ctl, "pulse", "goal", "add", "--id", "ship", "--description", "ship it")
        out = await _said(
            ctl, "ooda", "--act", "deploy it", "--observe", "ci:tests=passed",
            "--observe", "cron:disk=91%:warning", "--goal", "ship",
        )  # fmt: skip
        first, second, third = out.splitlines()
        assert first == "2 observations, 1 require attention: escalate"
        assert second == "deploy it: risk high, approval pending"
        token = third.rpartition(" ")[2]
        status = await _said(ctl, "pulse", "status")
        assert f"{token}\tdeploy it\thigh" in status
        (state,) = [json.loads(await _said(ctl, "pulse", "status", "--json"))]
        assert list(state) == ["updated_at", "jobs", "pending_approvals", "goals"]
        assert [it["token"] for it in state["pending_approvals"]] == [token]
        assert state["goals"][0]["id"] == "ship"
        assert await _said(ctl, "pulse", "approve", token) == f"approved {token}\n"
        while True:
            goal = await client.ask({"action": "goal_show", "goal_id": "ship"}, "goal")
            if goal["goal"]["achieved"]:
                break
        (report,) = await ctl.events(
            "pulse", "ooda", "--action", "delete it",
            "--observations", '[{"source": "a", "key": "b", "value": "c"}]',
        )  # fmt: skip
        assert (report["risk"], report["approval_status"]) == ("critical", "pending")
        token = str(report["approval_token"])
        assert await _said(ctl, "pulse", "reject", "--token", token) == f"rejected {token}\n"
        status_2, _, err = await ctl("pulse", "approve")
        assert (status_2, "TOKEN is missing" in err) == (2, True)


async def test_the_old_names(folder: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        await _said(
            ctl, "pulse", "job", "add-http-healthcheck", "--id", "web", "--interval-secs", "120",
            "--url", "http://127.0.0.1:9/", "--expected-status", "204", "--timeout-secs", "5",
            "--enabled",
        )  # fmt: skip
        assert "(off)" in await _said(ctl, "pulse", "job", "disable", "--id", "web")
        assert "(off)" not in await _said(ctl, "pulse", "job", "enable", "--id", "web")
        assert await _said(ctl, "pulse", "job", "remove", "--id", "web") == "removed web\n"
        tick = json.loads(await _said(ctl, "pulse", "tick", "--json"))
        assert list(tick) == ["executed_jobs", "results"]
        assert tick["executed_jobs"] == len(tick["results"])
        assert all(list(it) == ["job_id", "status", "message"] for it in tick["results"])
