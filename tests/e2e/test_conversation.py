"""A message from the socket to a model and back, and what is left of it after a restart."""

from __future__ import annotations

from pathlib import Path

from ruster.testing import DaemonProcess, RawClient, running_daemon


async def test_the_events_of_a_turn_are_those_of_the_protocol(folder: Path) -> None:
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        await client.send({"action": "create", "session_id": "work", "model": "pinky/echo"})
        line = await client.line()
        assert line.startswith(b'{"event":"created","session_id":"work","model":"pinky/echo"')
        await client.send({"action": "send", "session_id": "work", "message": "hi there", "id": 7})
        events = await client.turn()
    kinds = [event["event"] for event in events]
    assert kinds == ["accepted", "response", "response", "usage", "response"]
    assert [event["seq"] for event in events] == [1, 2, 3, 4, 5]
    assert {event["id"] for event in events} == {7}
    assert len({event["turn"] for event in events}) == 1
    thinking, answer, last = (event for event in events if event["event"] == "response")
    assert thinking["delta"] == "Thinking..."
    assert thinking["phase"] == "thinking"
    assert answer["delta"] == "hi there"
    assert answer["done"] is False
    assert last["delta"] == ""
    assert last["done"] is True


async def test_a_session_survives_kill_9(folder: Path) -> None:
    async with DaemonProcess(folder) as daemon:
        async with RawClient(daemon.socket_path) as client:
            await client.ask({"action": "create", "session_id": "work"})
            assert await client.say("work", "remember me") == "remember me"
        await daemon.kill()
        await daemon.start()
        async with RawClient(daemon.socket_path) as client:
            page = await client.ask({"action": "history", "session_id": "work"})
            assert [(r["role"], r["content"]) for r in page["history"]] == [
                ("user", "remember me"),
                ("assistant", "remember me"),
            ]
            replayed = await client.ask({"action": "attach", "session_id": "work", "since": 2})
            assert replayed["seq"] == 3


async def test_cancel_can_mean_one_turn_among_several(folder: Path) -> None:
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        await client.ask({"action": "create", "session_id": "work", "model": "pinky/slow"})
        turns = []
        for words in ("one two three four", "five six", "seven"):
            await client.send({"action": "send", "session_id": "work", "message": words})
            turns.append((await client.event("accepted"))["turn"])
        cancel = {"action": "cancel", "session_id": "work", "id": "c"}
        await client.send(cancel | {"turn": turns[1]})
        report = await client.event("cancel")
        ended = await client.event("cancelled")
        assert (ended["turn"], report.get("cancelled"), report["dropped"]) == (turns[1], None, 1)
        assert [e["turn"] for e in [(await client.turn())[-1], (await client.turn())[-1]]] == [
            turns[0],
            turns[2],
        ]
