"""Skills through the socket and ``rusterctl``."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_cli import Ctl

from ruster.core.inference import Content
from ruster.testing import DaemonProcess, RawClient, ScriptedProvider, running_daemon

CHOSEN = ScriptedProvider([Content('{"skills": ["weather"]}')])


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[RawClient]:
    async with (
        running_daemon(folder, providers={"small": CHOSEN}),
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "work"}, "created")
        yield client


async def _skill(client: RawClient, action: str, **fields: Any) -> dict[str, Any]:
    return await client.ask({"action": f"skill_{action}", **fields})


async def _until(client: RawClient, holds: Callable[[dict[str, str]], bool]) -> None:
    """Wait until something holds for the installed skills, names to descriptions."""
    async with asyncio.timeout(20):
        while True:
            skills = (await _skill(client, "list"))["skills"]
            if holds({it["name"]: it["description"] for it in skills}):
                return
            await asyncio.sleep(0.01)


async def _wait_for(client: RawClient, name: str, *, there: bool) -> None:
    await _until(client, lambda found: (name in found) is there)


def _write(folder: Path, description: str, name: str = "greeter") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    head = f"name: {name}\ndescription: {description}\n"
    (folder / "SKILL.md").write_text(f"---\n{head}---\nSay hello.\n")


async def test_skills_are_added_listed_and_removed_in_both_forms(client: RawClient) -> None:
    added = await _skill(client, "add", session_id="work", skill="clock", id=1)
    assert added == {"event": "skill_added", "session_id": "work", "skill": "clock", "id": 1}
    await client.send(
        {"command": "skill", "arguments": {"action": "list", "session_id": "work"}, "id": 2}
    )
    listed = await client.event()
    assert (listed["event"], listed["active_skills"], listed["id"]) == ("skill_list", ["clock"], 2)
    assert {it["name"] for it in listed["skills"]} == {
        "clock", "joke-teller", "skill-manager", "weather", "web-browsing",
    }  # fmt: skip
    removed = await _skill(client, "remove", session_id="work", skill="clock")
    assert removed == {"event": "skill_removed", "session_id": "work", "skill": "clock"}
    assert (await _skill(client, "list", session_id="work"))["active_skills"] == []
    for action in ("add", "remove", "show", "ban"):
        refused = await _skill(client, action, session_id="work", skill="no-such")
        assert refused["code"] == "skill_not_found"
    for action, fields in {"list": {}, "dry_run": {"message": "m"}}.items():
        refused = await _skill(client, action, session_id="other", **fields)
        assert refused["code"] == "session_not_found"


async def test_a_ban_holds_everywhere_and_after_a_restart(folder: Path) -> None:
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        await client.ask({"action": "create", "session_id": "work"}, "created")
        await _skill(client, "add", session_id="work", skill="clock")
        banned = await _skill(client, "ban", session_id="work", skill="clock")
        assert banned == {"event": "skill_banned", "session_id": "work", "skill": "clock"}
        assert (await _skill(client, "list", session_id="work"))["active_skills"] == []
        value = await client.ask({"action": "config_get", "key": "banned_skills"})
        assert value["value"] == ["clock"]
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        refused = await _skill(client, "add", session_id="work", skill="clock")
        assert refused["code"] == "skill_banned"
        found = await _skill(client, "search", query="time")
        assert "clock" not in {it["name"] for it in found["results"]}
        run = await _skill(client, "dry_run", session_id="work", message="/clock")
        assert (run["chosen"], run["left_out"]) == ([], {"clock": "it is banned"})
        assert (await _skill(client, "unban", skill="clock"))["event"] == "skill_unbanned"
        assert (await _skill(client, "unban", skill="clock"))["code"] == "skill_not_found"
        listed = await _skill(client, "list", session_id="work")
        assert listed["active_skills"] == ["clock"], "what was added is there again"


async def test_a_dry_run_tells_what_and_why(client: RawClient) -> None:
    await client.ask(
        {"action": "config_set", "key": "skill_model", "value": "small/one"}, "config_updated"
    )
    asked = len(CHOSEN.requests)
    message = "Will it rain in Hanoi? What is the weather forecast?"
    run = await _skill(client, "dry_run", session_id="work", message=message)
    (chosen,) = run["chosen"]
    assert (chosen["skill"], chosen["by"], chosen["turns_left"]) == ("weather", "model", 3)
    assert run["asked"] == "small/one"
    assert run["prompt_bytes"] > 500
    run = await _skill(client, "dry_run", session_id="work", message="hello")
    assert (run["chosen"], run["shortlist"], run["prompt_bytes"]) == ([], [], 0)
    assert "asked" not in run
    assert len(CHOSEN.requests) == asked + 1


async def test_a_skill_is_live_and_gone_while_the_daemon_runs(
    client: RawClient, folder: Path
) -> None:
    skill = folder / "config" / "skills" / "greeter"
    _write(skill, "Greets.")
    await _wait_for(client, "greeter", there=True)
    shown = await _skill(client, "show", skill="greeter", session_id="work")
    assert shown["instructions"] == "Say hello."
    assert shown["path"] == str(skill / "SKILL.md")
    _write(skill, "Greets people by their names.")
    await _until(client, lambda found: found["greeter"] == "Greets people by their names.")
    _write(skill, '""')
    await _wait_for(client, "greeter", there=False)
    told = await _skill(client, "validate")
    assert told["valid"] is False
    (problem,) = told["problems"]
    assert (problem["source"], problem["line"]) == (str(skill / "SKILL.md"), 3)
    assert problem["severity"] == "error"
    _write(skill, "Greets again.")
    await _wait_for(client, "greeter", there=True)
    assert (await _skill(client, "validate"))["problems"] == []
    shutil.rmtree(skill)
    await _wait_for(client, "greeter", there=False)
    assert (await _skill(client, "show", skill="greeter"))["code"] == "skill_not_found"
    repository = folder / "config" / "extra_skills" / "repository"
    _write(repository / "skills" / "deep", "Lies deep.", "deep")
    await _wait_for(client, "deep", there=True)


async def test_what_is_wrong_with_skills_is_told_while_the_daemon_runs(folder: Path) -> None:
    own = folder / "config" / "skills" / "greeter"
    other = folder / "config" / "extra_skills" / "greeter"
    odd = folder / "config" / "extra_skills" / "odd"
    async with (
        DaemonProcess(folder) as daemon,
        RawClient(folder / "r.sock") as client,
    ):
        _write(own, "Comes first.")
        await _wait_for(client, "greeter", there=True)
        _write(other, "Comes second.")
        _write(odd, "Has an odd name.", "Odd One")
        await _wait_for(client, "odd-one", there=True)
        await _until(client, lambda found: found.get("greeter") == "Comes first.")
        async with asyncio.timeout(20):
            while len((told := await _skill(client, "validate"))["problems"]) < 2:
                await asyncio.sleep(0.01)
        problems = {it["source"]: it for it in told["problems"]}
        clash, breach = problems[f"{other}/SKILL.md"], problems[f"{odd}/SKILL.md"]
        assert clash["severity"] == "warning"
        assert f"'greeter' is left out: {own}/SKILL.md has that name" in clash["reason"]
        assert (breach["severity"], breach["line"]) == ("nonstandard", 2)
        assert told["valid"] is False
        named = await _skill(client, "validate", skill="odd-one")
        assert (named["valid"], named["skill"]["name"]) == (False, "odd-one")
        shutil.rmtree(own)
        await _until(client, lambda found: found.get("greeter") == "Comes second.")
        assert await daemon.stop() == 0
    log = (folder / "data" / "logs" / "ruster.log").read_text()
    assert clash["reason"] in log
    assert "it is 'odd-one' here" in log


async def test_skills_of_a_session_survive_a_restart_and_go_with_it(folder: Path) -> None:
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        await client.ask({"action": "create", "session_id": "work"}, "created")
        await _skill(client, "add", session_id="work", skill="clock")
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        assert (await _skill(client, "list", session_id="work"))["active_skills"] == ["clock"]
        await client.ask({"action": "delete", "session_id": "work"}, "deleted")
        await client.ask({"action": "create", "session_id": "work"}, "created")
        assert (await _skill(client, "list", session_id="work"))["active_skills"] == []


async def test_rusterctl_skills(folder: Path, tmp_path: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        status, out, err = await ctl("skills", "list")
        assert (status, err) == (0, "")
        assert "joke-teller" in out
        assert "clock" in (await ctl("skills", "search", "what", "time"))[1]
        assert "get_current_time" in (await ctl("skills", "show", "clock"))[1]
        assert "no skill fits; no model was asked" in (await ctl("skills", "dry-run", "hello"))[1]
        assert "begins with /clock" in (await ctl("skills", "dry-run", "/clock"))[1]
        assert await ctl("skills", "add", "clock") == (0, "main has clock\n", "")
        assert "active" in (await ctl("skills", "list", "--session", "main"))[1]
        assert (await ctl("skills", "remove", "clock"))[0] == 0
        assert await ctl("skills", "ban", "clock") == (0, "banned clock\n", "")
        assert (await ctl("skills", "add", "clock"))[0] == 1
        assert (await ctl("skills", "unban", "clock"))[0] == 0
        assert await ctl("skills", "validate") == (0, "all skills are valid\n", "")
        assert await ctl("skills", "validate", "clock") == (0, "valid\n", "")
        bad = tmp_path / "bad"
        bad.mkdir()
        (bad / "SKILL.md").write_text("---\nname: bad\n---\n")
        status, out, _ = await ctl("skills", "validate", str(bad))
        assert status == 1
        assert "the field 'description' is missing" in out
        (event,) = await ctl.events("skills", "validate", str(bad))
        assert json.dumps(event).count("warning") == 1


async def test_a_chosen_skill_is_before_the_model_and_told(folder: Path) -> None:
    model = ScriptedProvider([Content("ok")])
    async with (
        running_daemon(folder, providers={"mine": model}, default_model="mine/x"),
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "s"}, "created")
        for message in ("/joke-teller one, please", "hello"):
            await client.send({"action": "send", "session_id": "s", "message": message})
            events = await client.turn()
            used = [event["skill"] for event in events if event["event"] == "skill_used"]
            assert used == (["joke-teller"] if "joke" in message else [])
        page = await client.ask({"action": "history", "session_id": "s"}, "history")
        await client.ask({"action": "create", "session_id": "other"}, "created")
        await client.say("other", "hello")
    systems = {request.messages[0].content for request in model.requests}
    assert len(systems) == 1  # what models read first stays as it is
    said = [request.messages[-1].content for request in model.requests]
    assert ["# Enabled Skills:" in text for text in said] == [True, True, False]
    assert "joke" in said[1]  # it stays for some turns
    assert said[1].endswith("hello")
    assert said[2] == "hello"  # nothing of the skills where none was chosen
    assert model.requests[1].messages[1].content == "/joke-teller one, please"
    assert page["history"][1]["skills"] == ["joke-teller"]
