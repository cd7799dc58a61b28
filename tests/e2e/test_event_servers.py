"""Event servers with a real daemon and ``rusterctl``: found, attached, asked, listened to."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from tests.e2e.test_cli import Ctl

from ruster.client.event_server import EventServer, Question
from ruster.core.inference import Content
from ruster.testing import DaemonProcess, RawClient, ScriptedProvider, running_daemon


async def _echo(question: Question) -> object:
    return {"heard": question.message}


async def test_what_a_person_does_with_a_server(folder: Path) -> None:
    ctl, servers = Ctl(folder), folder / "data" / "servers"
    async with (
        DaemonProcess(folder),
        EventServer("mail", "Tells \x1b[2Jof mail.", answer=_echo, folder=servers),
    ):
        status, out, err = await ctl("server", "send", "mail", "how", "many?")
        assert (status, out, err) == (0, '{"heard": "how many?"}\n', "")
        status, out, _ = await ctl("server", "list")
        assert status == 0
        assert re.fullmatch(r"mail\tconnected\t0\tTells .*of mail\.\n", out)
        assert "\x1b" not in out
        said = await ctl("server", "attach", "mail", "--mode", "proactive")
        assert said == (0, "main has mail, proactive\n", "")
        status, out, _ = await ctl("server", "get", "mail")
        assert status == 0
        assert "State: connected\n" in out
        assert "Session: main (proactive)\n" in out
        assert await ctl("server", "detach", "mail") == (0, "main has no longer mail\n", "")
        assert await ctl("server", "detach", "mail") == (0, "main does not have mail\n", "")
        status, _, err = await ctl("server", "attach", "nobody")
        assert status == 1
        assert "no event server 'nobody' is there" in err
        (listing,) = await ctl.events("server", "list")
        assert listing["event"] == "server_list"


async def test_attachments_outlive_the_daemon(folder: Path) -> None:
    ctl = Ctl(folder)
    async with DaemonProcess(folder), EventServer("mail", folder=folder / "data" / "servers"):
        assert (await ctl("server", "attach", "mail"))[0] == 0
    async with DaemonProcess(folder):
        assert await ctl("server", "list") == (0, "mail\tmissing\t1\t\n", "")
        async with RawClient(folder / "r.sock") as client:
            await client.ask({"action": "delete", "session_id": "main"}, "deleted")
        assert await ctl("server", "list") == (0, "mail\tmissing\t0\t\n", "")


async def test_events_are_printed_as_they_come(folder: Path) -> None:
    ctl, servers = Ctl(folder), folder / "data" / "servers"
    async with DaemonProcess(folder), EventServer("mail", folder=servers) as mail:
        await ctl("server", "send", "mail", "x")  # it is connected by now
        child = await ctl.start("server", "subscribe", "mail")
        assert child.stdout is not None
        line = asyncio.ensure_future(child.stdout.readline())
        while not line.done():  # the program takes a moment to listen
            await mail.emit({"n": 1}, session_id="work")
            await asyncio.wait([line], timeout=0.3)
        assert re.fullmatch(rb'\S+T\S+ \[work\] \{"n": 1\}\n', line.result())
        child.terminate()
        await child.wait()


async def test_an_event_is_told_and_answered(folder: Path) -> None:
    servers = folder / "data" / "servers"
    async with (
        DaemonProcess(folder) as daemon,
        EventServer("mail", folder=servers) as mail,
        RawClient(daemon.socket_path) as client,
    ):
        await client.ask({"action": "create", "session_id": "work"}, "created")
        await client.ask({"action": "attach", "session_id": "work"}, "attached")
        command = {"action": "server_attach", "session_id": "work", "server": "mail"}
        await client.ask(command | {"mode": "proactive"}, "server_attached")
        await mail.emit("Lunch?", session_id="work")
        assert (await client.event("proactive"))["message"] == "Lunch?"
        await client.ask(command | {"mode": "immediate"}, "server_attached")
        await mail.emit({"from": "anna"})
        answer = ""
        while not (event := await client.event("response"))["done"]:
            answer += event["delta"]
        assert 'Background Event: {"from":"anna"}' in answer
        why = await client.ask({"action": "why", "session_id": "work"}, "why")
        assert "server:mail" in why["origins"]


async def test_an_event_waits_for_the_next_message(folder: Path) -> None:
    seen = ScriptedProvider([Content("ok")])
    async with (
        running_daemon(folder, providers={"seen": seen}, default_model="seen/any"),
        EventServer("mail", folder=folder / "data" / "servers") as mail,
        RawClient(folder / "r.sock") as client,
    ):
        await client.ask({"action": "create", "session_id": "work"}, "created")
        command = {"action": "server_attach", "session_id": "work", "server": "mail"}
        await client.ask(command, "server_attached")
        await mail.connected()
        await mail.emit("Lunch?")
        get = {"action": "server_get", "server": "mail"}
        while not (await client.ask(get, "server_get"))["attachments"][0]["delivered"]:
            await asyncio.sleep(0.02)
        await client.ask({"action": "send", "session_id": "work", "message": "hi"}, "accepted")
        await client.turn()
        text = "\n".join(message.content for message in seen.requests[-1].messages)
        assert "Background Event (server:mail): Lunch?" in text
