"""Jobs in the running daemon: said in words, kept over a restart, told to who comes later."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ruster.core.inference import Content
from ruster.testing import DaemonProcess, ManualClock, ScriptedProvider, running_daemon

MINUTE_S, HOUR_S = 60.0, 3600.0


class Line:
    """A connection as `nc -U` has one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.seen: list[dict[str, Any]] = []

    @classmethod
    async def open(cls, folder: Path) -> Line:
        return cls(*await asyncio.open_unix_connection(str(folder / "r.sock")))

    async def say(self, **command: Any) -> None:
        self._writer.write(json.dumps(command).encode() + b"\n")
        await self._writer.drain()

    async def until(self, **fields: Any) -> dict[str, Any]:
        """Wait for an event with these fields."""
        async with asyncio.timeout(20):
            while True:
                line = await self._reader.readline()
                assert line, self.seen
                event: dict[str, Any] = json.loads(line)
                self.seen.append(event)
                if fields.items() <= event.items():
                    return event

    async def ask(self, **command: Any) -> dict[str, Any]:
        """Say something with an id and return what it brings."""
        await self.say(id="ask", **command)
        return await self.until(id="ask")

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def ticked(daemon: Any) -> None:
    """Have all that is due done."""
    await (await daemon.proactive.jobs()).tick()


async def test_a_reminder_in_words_arrives_on_another_connection_after_a_restart(
    folder: Path,
) -> None:
    async with DaemonProcess(folder) as daemon:
        line = await Line.open(folder)
        await line.ask(action="create", session_id="work")
        made = await line.ask(
            action="job_add", session_id="work", reminder="remind me in 2 seconds to eat"
        )
        assert made["job"]["do"] == {"say": {"message": "eat"}}
        await line.close()
        await daemon.kill()
        await daemon.start()
        await asyncio.sleep(2.2)
        other = await Line.open(folder)
        await other.say(action="attach", session_id="work")
        told = await other.until(event="proactive")
        assert (told["message"], told["source"]) == ("eat", f"job:{made['job']['job_id']}")
        await other.close()
        last = await Line.open(folder)
        await last.ask(action="attach", session_id="work")
        assert not [it for it in last.seen if it["event"] == "proactive"]
        await last.close()


async def test_a_reminder_said_in_the_conversation_needs_no_model(folder: Path) -> None:
    clock, provider = ManualClock(), ScriptedProvider([Content("never asked")])
    async with running_daemon(folder, clock=clock, providers={"pinky": provider}) as daemon:
        line = await Line.open(folder)
        await line.ask(action="create", session_id="work")
        await line.say(action="send", session_id="work", message="Remind me in 20 minutes to eat")
        answer = await line.until(event="response")
        assert answer["delta"].startswith("I will remind you in 20 minutes")
        assert provider.requests == []
        clock.advance(20 * MINUTE_S)
        await ticked(daemon)
        assert (await line.until(event="proactive"))["message"] == "eat"
        await line.close()


async def test_what_a_job_said_is_before_the_model_with_the_next_message(folder: Path) -> None:
    clock, provider = ManualClock(), ScriptedProvider([Content("well done")])
    async with running_daemon(folder, clock=clock, providers={"pinky": provider}) as daemon:
        line = await Line.open(folder)
        await line.ask(action="create", session_id="work")
        job = {"say": {"message": "stretch"}}
        await line.ask(action="job_add", session_id="work", when="in 1 hour", do=job, job_id="s")
        clock.advance(HOUR_S)
        await ticked(daemon)
        await line.until(event="proactive")
        await line.say(action="send", session_id="work", message="did it")
        await line.until(event="response", done=True)
        said = [it.content for it in provider.requests[0].messages if it.role == "user"]
        assert said == ["Said to the user unasked (job:s): stretch\n\ndid it"]
        await line.close()


async def test_a_prompt_is_answered_in_the_session_and_its_receipt_counts_tokens(
    folder: Path,
) -> None:
    clock = ManualClock()
    async with running_daemon(folder, clock=clock) as daemon:
        line = await Line.open(folder)
        await line.ask(action="create", session_id="work")
        job = {"prompt": {"message": "what is new?"}}
        await line.ask(action="job_add", session_id="work", when="hourly", do=job, job_id="news")
        clock.advance(HOUR_S)
        await ticked(daemon)
        accepted = await line.until(event="accepted")
        assert (accepted["message"], accepted["source"]) == ("what is new?", "job:news")
        await line.until(event="response", done=True)
        page = await line.ask(action="job_history", job_id="news")
        (receipt,) = page["receipts"]
        assert receipt["outcome"] == "done"
        assert receipt["tokens"] > 0
        assert "what is new?" in receipt["message"]  # pinky/echo
        status = await line.ask(action="status")
        assert status["proactive"]["tokens_today"] == receipt["tokens"]
        assert status["proactive"]["tokens_idle"] == 0
        assert status["proactive"]["jobs"] >= 1
        await line.close()


async def test_jobs_are_shown_switched_run_and_removed(folder: Path) -> None:
    clock = ManualClock()
    async with running_daemon(folder, clock=clock) as daemon:
        line = await Line.open(folder)
        await line.ask(action="create", session_id="work")
        made = await line.ask(
            action="job_add",
            session_id="work",
            job_id="tea",
            when="every day at 16:00",
            do={"say": {"message": "tea"}},
            misfire="report",
        )
        assert made["job"]["misfire"] == "report"
        ran = await line.ask(action="job_run", job_id="tea")
        assert (ran["receipt"]["outcome"], ran["receipt"]["by"]) == ("done", "uid 0") or ran
        off = await line.ask(action="job_disable", job_id="tea")
        assert not off["job"]["enabled"]
        clock.advance(48 * HOUR_S)
        await ticked(daemon)
        page = await line.ask(action="job_history", job_id="tea")
        assert len(page["receipts"]) == 1
        on = await line.ask(action="job_enable", job_id="tea")
        assert on["job"]["due"] > made["job"]["due"]
        listed = await line.ask(action="job_list", session_id="work")
        assert [it["job_id"] for it in listed["jobs"]] == ["tea"]
        assert (await line.ask(action="job_remove", job_id="tea"))["event"] == "job_removed"
        gone = await line.ask(action="job_show", job_id="tea")
        assert gone["code"] == "job_not_found"
        await line.close()


async def test_a_session_takes_its_jobs_with_it(folder: Path) -> None:
    async with running_daemon(folder):
        line = await Line.open(folder)
        await line.ask(action="create", session_id="work")
        job = {"say": {"message": "x"}}
        await line.ask(action="job_add", session_id="work", when="hourly", do=job, job_id="x")
        await line.ask(action="delete", session_id="work")
        assert (await line.ask(action="job_show", job_id="x"))["code"] == "job_not_found"
        await line.close()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"when": "in 5 minutes"}, "job_invalid"),
        ({"when": "whenever", "do": {"say": {"message": "x"}}}, "when_invalid"),
        ({"when": "on 3 May 2001", "do": {"say": {"message": "x"}}}, "when_past"),
        ({"when": "every second", "do": {"say": {"message": "x"}}}, "job_limit"),
        ({"when": "hourly", "do": {}}, "job_invalid"),
        ({"when": "hourly", "do": {"say": {"message": ""}}}, "job_invalid"),
        ({"when": "hourly", "do": {"say": {"message": "a\u0000b"}}}, "job_invalid"),
        ({"when": "hourly", "do": {"say": {"message": 5}}}, "job_invalid"),
        ({"when": "hourly", "do": {"say": {"text": "x"}}}, "job_invalid"),
        ({"when": "hourly", "do": {"maintenance": {"part": "x"}, "say": {}}}, "job_invalid"),
        (
            {"when": "hourly", "do": {"http_health_check": {"url": "x", "expected_status": 7}}},
            "job_invalid",
        ),
        (
            {"when": "hourly", "do": {"emit_log": {"message": "x"}}, "watch": {"kind": "x"}},
            "job_invalid",
        ),
        (
            {
                "when": "hourly",
                "do": {"emit_log": {"message": "x"}},
                "watch": {"kind": "file_exists", "path": "relative"},
            },
            "job_invalid",
        ),
        ({"reminder": "hello there"}, "when_invalid"),
        ({"reminder": "remind me in 5 minutes to x", "when": "hourly"}, "job_invalid"),
        ({"when": "hourly", "do": {"say": {"message": "x"}}, "job_id": "NO"}, "invalid_command"),
        ({"when": "hourly", "do": {"say": {"message": "x"}}, "jitter_s": -1}, "invalid_command"),
    ],
)
async def test_what_cannot_be_is_one_clear_error(
    shared_daemon: Line, fields: dict[str, Any], code: str
) -> None:
    if "session_id" not in fields:
        fields = {"session_id": "work"} | fields
    answer = await shared_daemon.ask(action="job_add", **fields)
    assert (answer["event"], answer["code"]) == ("error", code), answer


@pytest.fixture
async def shared_daemon(folder: Path) -> Any:
    async with running_daemon(folder):
        line = await Line.open(folder)
        await line.ask(action="create", session_id="work")
        yield line
        await line.close()


async def test_a_tool_is_called_as_the_policy_lets_it(folder: Path) -> None:
    clock = ManualClock()
    async with running_daemon(folder, clock=clock) as daemon:
        line = await Line.open(folder)
        await line.ask(action="create", session_id="work")
        allowed = {"tool": {"tool": "time_now", "arguments": {}}}
        refused = {"tool": {"tool": "shell", "arguments": {"command": "touch /tmp/x"}}}
        for name, do in (("now", allowed), ("shell", refused)):
            await line.ask(action="job_add", session_id="work", when="hourly", do=do, job_id=name)
        await line.close()
        clock.advance(HOUR_S)
        await ticked(daemon)
        line = await Line.open(folder)
        outcomes = {}
        for name in ("now", "shell"):
            page = await line.ask(action="job_history", job_id=name)
            outcomes[name] = page["receipts"][0]
        assert outcomes["now"]["outcome"] == "done"
        assert outcomes["shell"]["outcome"] == "failed"
        assert "approv" in outcomes["shell"]["message"]
        await line.close()


async def test_ruster_looks_after_itself_and_its_jobs_cannot_be_removed(folder: Path) -> None:
    clock = ManualClock()
    async with running_daemon(folder, clock=clock) as daemon:
        await daemon.proactive.jobs()
        clock.advance(25 * HOUR_S)
        await ticked(daemon)
        line = await Line.open(folder)
        listed = await line.ask(action="job_list", all=True)
        own = {it["job_id"]: it for it in listed["jobs"] if it["made_by"] == "ruster"}
        assert set(own) >= {
            "runtime-heartbeat",
            "proactive-sweep",
            "memory-promote",
            "memory-vacuum",
        }
        assert {it["last"]["outcome"] for it in own.values()} == {"done"}
        refused = await line.ask(action="job_remove", job_id="memory-vacuum")
        assert refused["code"] == "job_invalid"
        off = await line.ask(action="job_disable", job_id="memory-vacuum")
        assert not off["job"]["enabled"]
        await line.close()
    async with running_daemon(folder, clock=clock) as daemon:
        line = await Line.open(folder)
        shown = await line.ask(action="job_show", job_id="memory-vacuum")
        assert not shown["job"]["enabled"]  # a restart does not switch it on again
        await line.close()


async def test_a_damaged_file_of_jobs_is_one_clear_error_and_all_else_works(folder: Path) -> None:
    state = folder / "data" / "state"
    state.mkdir(parents=True)
    (state / "jobs.sqlite").write_bytes(b"no database" * 1000)
    async with running_daemon(folder):
        line = await Line.open(folder)
        await line.ask(action="create", session_id="work")
        job = {"say": {"message": "x"}}
        refused = await line.ask(action="job_add", session_id="work", when="hourly", do=job)
        assert refused["code"] == "jobs_corrupt"
        assert "proactive" not in await line.ask(action="status")
        assert (await line.ask(action="delete", session_id="work"))["event"] == "deleted"
        await line.close()


async def test_switched_off_nothing_is_done_and_jobs_can_still_be_made(folder: Path) -> None:
    async with running_daemon(folder, proactive_enabled="false"):
        line = await Line.open(folder)
        await line.ask(action="create", session_id="work")
        job = {"say": {"message": "x"}}
        made = await line.ask(action="job_add", session_id="work", when="in 1 second", do=job)
        await asyncio.sleep(1.3)
        shown = await line.ask(action="job_show", job_id=made["job"]["job_id"])
        assert shown["job"]["runs"] == 0
        await line.close()
