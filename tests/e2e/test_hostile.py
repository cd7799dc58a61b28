"""Everything a client may do wrong on a real socket: one typed error each, nobody else hurt."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.protocol.test_codec import FULL, wrong_values
from tests.unit.sessions.test_session import GatedProvider, RogueProvider

from ruster.core.inference import Content, InferenceEvent, InferenceRequest, ProcessStart
from ruster.core.ports import ModelInfo
from ruster.protocol.codes import ERROR_CODES
from ruster.testing import DaemonProcess, RawClient, ScriptedProvider, running_daemon

PING = b'{"action":"ping"}\n'


def sock(folder: Path) -> Path:
    return folder / "r.sock"


async def refused(client: RawClient, data: bytes, code: str | None = None) -> dict[str, Any]:
    """Send bytes, expect exactly one error, and the connection still open."""
    await client.send(data + b'\n{"action":"ping","id":"after"}\n')
    error = await client.event()
    assert error["event"] == "error", (data[:80], error)
    assert error["code"] in ERROR_CODES
    assert code is None or error["code"] == code, (data[:80], error)
    assert len(error["error"]) < 1000
    assert await client.event() == {"event": "pong", "id": "after"}, data[:80]
    return error


async def rest(client: RawClient) -> list[dict[str, Any]]:
    """Read everything up to the end of the connection."""
    events = []
    while line := await client.line():
        events.append(json.loads(line))
    return events


# The line


async def test_a_wrong_type_in_every_field_of_every_command(folder: Path) -> None:
    async with running_daemon(folder), RawClient(sock(folder)) as client:
        for action, fields in FULL.items():
            for name in [*fields, "id"]:
                for value in wrong_values(action, name):
                    command = {"action": action, **fields, name: value}
                    await refused(client, json.dumps(command).encode())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"x" * ((1 << 20) + 1), "line_too_long"),
        (b'{"action":"ping","id":"' + b"x" * (3 << 20) + b'"}', "line_too_long"),
        (b"\0", "invalid_json"),
        (b"\0" * 1000, "invalid_json"),
        (b'{"action":"ping"\0}', "invalid_json"),
        (b'{"action":"send","session_id":"a","message":"\0"}', "invalid_json"),
        (b"\xff\xfe\xfd", "invalid_json"),
        (b'{"action":"ping","id":"\xc3\x28"}', "invalid_json"),
        (b'{"action":"ping","id":"\xed\xa0\x80"}', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "invalid_json"),
        (b'{"action":"ping","id":' + b"[" * 199 + b"]" * 199 + b"}", "invalid_command"),
        (b'{"action":"' + b"x" * 1_000_000 + b'"}', "unknown_action"),
        (b"GET / HTTP/1.1", "invalid_json"),
    ],
)
async def test_a_line_that_is_no_command(folder: Path, data: bytes, code: str) -> None:
    async with running_daemon(folder), RawClient(sock(folder)) as client:
        await refused(client, data, code)


async def test_a_line_of_exactly_the_limit_is_taken(folder: Path) -> None:
    async with running_daemon(folder), RawClient(sock(folder)) as client:
        line = b'{"action":"ping"' + b" " * ((1 << 20) - 17) + b"}"
        assert len(line) == 1 << 20
        await client.send(line + b"\n" + line + b" \n")
        assert (await client.event())["event"] == "pong"
        assert (await client.event())["code"] == "line_too_long"


async def test_ten_thousand_pings_in_one_write(folder: Path) -> None:
    async with running_daemon(folder), RawClient(sock(folder)) as client:
        lines = [b'{"action":"ping","id":%d}\n' % n for n in range(10_000)]
        writing = asyncio.ensure_future(client.send(b"".join(lines)))
        for n in range(10_000):
            assert await client.line() == b'{"event":"pong","id":%d}\n' % n
        await writing


async def test_bytes_one_by_one(folder: Path) -> None:
    async with running_daemon(folder), RawClient(sock(folder)) as client:
        for byte in b"\n\n  \r\n" + PING:
            await client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.event())["event"] == "pong"


async def test_half_closed_input_gets_every_answer_then_the_end(folder: Path) -> None:
    async with running_daemon(folder), RawClient(sock(folder)) as client:
        commands: list[dict[str, Any]] = [
            {"action": "create", "session_id": "work", "model": "pinky/slow"},
            {"action": "send", "session_id": "work", "message": "one two three", "id": 1},
            {"action": "attach", "session_id": "work", "since": 99},
            {"action": "ping", "id": 2},
        ]
        data = b"".join(json.dumps(command).encode() + b"\n" for command in commands)
        await client.send(data + b'{"action":"ping","id":3}')  # the last without a newline
        client.writer.write_eof()
        events = await rest(client)
    assert [e["event"] for e in events if e["event"] in ("created", "accepted", "pong")] == [
        "created",
        "accepted",
        "pong",
        "pong",
    ]
    assert [e["code"] for e in events if e["event"] == "error"] == ["cursor_invalid"]
    assert events[-1]["done"] is True


async def test_half_closed_after_detaching_ends(folder: Path) -> None:
    async with running_daemon(folder), RawClient(sock(folder)) as client:
        await client.ask({"action": "create", "session_id": "work"})
        await client.ask({"action": "attach", "session_id": "work"})
        await client.send({"action": "detach", "session_id": "work"})
        client.writer.write_eof()
        assert [e["event"] for e in await rest(client)] == ["detached"]


async def test_half_closed_and_attached_goes_on_listening(folder: Path) -> None:
    async with (
        running_daemon(folder),
        RawClient(sock(folder)) as follower,
        RawClient(sock(folder)) as client,
    ):
        await client.ask({"action": "create", "session_id": "work"})
        await follower.ask({"action": "attach", "session_id": "work"})
        follower.writer.write_eof()
        await client.say("work", "hello")
        assert (await follower.turn())[-1]["done"] is True
        await client.ask({"action": "delete", "session_id": "work"}, "deleted")
        assert (await follower.event())["event"] == "deleted"


# Order and names


async def test_pipelined_commands_are_handled_in_order(folder: Path) -> None:
    async with running_daemon(folder), RawClient(sock(folder)) as client:
        data = [b'{"action":"create","session_id":"work"}\n']
        for n in range(20):
            command = {"action": "send", "session_id": "work", "message": f"m{n}", "id": n}
            data.append(json.dumps(command).encode() + b"\n")
        await client.send(b"".join(data))
        assert (await client.event())["event"] == "created"
        told = [await client.turn() for _ in range(20)]
        events = [event for turn in told for event in turn]
        accepted = [e["id"] for e in events if e["event"] == "accepted"]
        answers = [
            e["delta"] for e in events if e["event"] == "response" and e["delta"][0:1] == "m"
        ]
        assert accepted == list(range(20))
        assert answers == [f"m{n}" for n in range(20)]
        assert [e["seq"] for e in events] == list(range(1, len(events) + 1))


async def test_an_id_is_taken_only_while_its_command_lives(folder: Path) -> None:
    provider = GatedProvider()
    async with (
        running_daemon(folder, providers={"gated": provider}),
        RawClient(sock(folder)) as client,
        RawClient(sock(folder)) as other,
    ):
        await client.ask({"action": "create", "session_id": "work", "model": "gated/x"})
        send = {"action": "send", "session_id": "work", "message": "hi", "id": "same"}
        await client.send(send)
        while (await client.event()).get("delta") != "begun":
            pass
        error = await client.ask({"action": "ping", "id": "same"})
        assert (error["code"], error["id"]) == ("duplicate_id", "same")
        assert (await other.ask({"action": "ping", "id": "same"}))["event"] == "pong"
        provider.gate.set()
        await client.turn()
        assert (await client.ask({"action": "ping", "id": "same"}))["event"] == "pong"


async def test_queue_full_and_too_many_commands(folder: Path) -> None:
    provider = GatedProvider()
    limits: dict[str, Any] = {"sessions_max_queued": "3", "server_max_live_commands": "6"}
    async with (
        running_daemon(folder, providers={"gated": provider}, **limits),
        RawClient(sock(folder)) as client,
    ):
        await client.ask({"action": "create", "session_id": "work", "model": "gated/x"})
        await client.ask({"action": "create", "session_id": "more", "model": "gated/x"})
        send = {"action": "send", "session_id": "work", "message": "hi"}
        await client.send(send)
        while (await client.event()).get("delta") != "begun":
            pass
        for _ in range(3):
            assert (await client.ask(send, "accepted", "error"))["event"] == "accepted"
        error = await client.ask(send, "accepted", "error")
        assert (error["code"], error["retryable"]) == ("queue_full", True)
        for _ in range(2):
            await client.ask(send | {"session_id": "more"}, "accepted")
        error = await client.ask({"action": "ping"}, "pong", "error")
        assert error["code"] == "too_many_commands"
        provider.gate.set()
        for _ in range(6):
            await client.turn()
        assert (await client.ask({"action": "ping"}))["event"] == "pong"


# Limits of connections


async def test_too_many_connections_of_one_user(folder: Path) -> None:
    async with running_daemon(folder, server_max_connections_per_uid="3"):
        clients = [RawClient(sock(folder)) for _ in range(3)]
        for client in clients:
            await client.__aenter__()
            await client.ask({"action": "ping"})
        async with RawClient(sock(folder)) as surplus:
            assert [e["code"] for e in await rest(surplus)] == ["too_many_connections"]
        for client in clients:
            assert (await client.ask({"action": "ping"}))["event"] == "pong"
            await client.__aexit__(None, None, None)
        await connections(folder, 1)


async def connections(folder: Path, count: int) -> None:
    """Wait until the daemon counts this many connections, ours included."""
    async with asyncio.timeout(20):
        while True:
            async with RawClient(sock(folder)) as client:
                status = await client.ask({"action": "status"})
                if status.get("connections") == count:
                    return
            await asyncio.sleep(0.02)


async def test_clients_that_attached_and_left_are_counted_out(folder: Path) -> None:
    """Even where nothing is ever said in their session again."""
    provider = GatedProvider()
    async with running_daemon(
        folder, providers={"gated": provider}, server_max_connections_per_uid="4"
    ):
        async with RawClient(sock(folder)) as client:
            await client.ask({"action": "create", "session_id": "quiet"})
            await client.ask({"action": "create", "session_id": "busy", "model": "gated/x"})
        for _ in range(6):
            async with RawClient(sock(folder)) as client:
                reply = await client.ask({"action": "attach", "session_id": "quiet"})
                assert reply["event"] == "attached"
            await connections(folder, 1)
        async with RawClient(sock(folder)) as client:
            await client.send({"action": "send", "session_id": "busy", "message": "hi"})
            while (await client.event()).get("delta") != "begun":
                pass
        await connections(folder, 1)
        async with RawClient(sock(folder)) as client:
            await client.ask({"action": "attach", "session_id": "quiet"})
            client.writer.write_eof()
            await connections(folder, 2)
        await connections(folder, 1)
        provider.gate.set()


async def flood(folder: Path, client: RawClient, count: int) -> None:
    """Have a session with ``count`` answers of 200 KB."""
    await client.ask({"action": "create", "session_id": "work"})
    for _ in range(count):
        await client.say("work", "x" * 200_000)


async def stalled_reader(folder: Path) -> socket.socket:
    """Connect a client that asks for everything and reads nothing."""
    reader = socket.socket(socket.AF_UNIX)
    reader.connect(str(sock(folder)))
    reader.sendall(b'{"action":"attach","session_id":"work","since":0}\n')
    return reader


def read_all(reader: socket.socket) -> list[bytes]:
    reader.settimeout(20)
    data = b""
    while True:
        try:
            chunk = reader.recv(1 << 20)
        except ConnectionResetError:
            break
        if not chunk:
            break
        data += chunk
    reader.close()
    return data.splitlines(keepends=True)


async def test_a_stalled_reader_is_dropped_with_a_final_error(folder: Path) -> None:
    async with (
        running_daemon(folder, server_stall_timeout_s="0.3") as daemon,
        RawClient(sock(folder)) as client,
    ):
        await flood(folder, client, 5)
        reader = await stalled_reader(folder)
        async with asyncio.timeout(20):
            while not any(c._outbox._closing for c in daemon.listener._open):
                assert (await client.ask({"action": "ping"}))["event"] == "pong"
                await asyncio.sleep(0.02)
        lines = await asyncio.to_thread(read_all, reader)
        events = [json.loads(line) for line in lines]  # whole lines only
        assert events[-1]["code"] == "reader_stalled"
        assert "seq" not in events[-1]
        numbers = [event["seq"] for event in events[:-1]]
        assert numbers == list(range(1, len(numbers) + 1))
        await connections(folder, 2)


async def test_a_slow_reader_is_not_a_stalled_one(folder: Path) -> None:
    async with (
        running_daemon(folder, server_stall_timeout_s="0.4"),
        RawClient(sock(folder)) as client,
    ):
        await flood(folder, client, 3)
        reader = await stalled_reader(folder)

        def slowly() -> bytes:
            reader.settimeout(20)
            data = b""
            pause = threading.Event()
            while b'"event":"attached"' not in data:
                chunk = reader.recv(50_000)
                assert chunk, data[-200:]
                data += chunk
                pause.wait(0.05)
            return data

        data = await asyncio.to_thread(slowly)
        assert b"reader_stalled" not in data
        reader.close()


async def test_unread_bytes_of_one_user_are_bounded(folder: Path) -> None:
    limits: dict[str, Any] = {
        "server_max_buffered_bytes_per_uid": str(1 << 20),
        "server_stall_timeout_s": "30",
        "sessions_recent_events_bytes": "8000000",
    }
    async with running_daemon(folder, **limits), RawClient(sock(folder)) as client:
        await client.ask({"action": "create", "session_id": "work"})
        reader = await stalled_reader(folder)
        await flood(folder, client, 8)
        lines = await asyncio.to_thread(read_all, reader)
        assert json.loads(lines[-1])["code"] == "buffer_exceeded"
        assert (await client.ask({"action": "ping"}))["event"] == "pong"


# Turns and their clients


async def test_a_client_that_leaves_does_not_end_its_turn(folder: Path) -> None:
    provider = GatedProvider()
    async with running_daemon(folder, providers={"gated": provider}):
        async with RawClient(sock(folder)) as client:
            await client.ask({"action": "create", "session_id": "work", "model": "gated/x"})
            await client.send({"action": "send", "session_id": "work", "message": "hi"})
            first: list[dict[str, Any]] = []
            while not first or first[-1].get("delta") != "begun":
                first.append(await client.event())
        await connections(folder, 1)
        async with RawClient(sock(folder)) as client:
            seen = first[-1]["seq"]
            await client.send({"action": "attach", "session_id": "work", "since": seen})
            assert (await client.event())["running"] is True
            provider.gate.set()
            more = await client.turn()
        async with RawClient(sock(folder)) as client:
            await client.send({"action": "attach", "session_id": "work", "since": 0})
            whole = await client.turn()
    assert first + more == whole
    assert [event["seq"] for event in whole] == list(range(1, len(whole) + 1))


async def test_two_attached_clients_see_the_same_lines(folder: Path) -> None:
    async with (
        running_daemon(folder),
        RawClient(sock(folder)) as one,
        RawClient(sock(folder)) as two,
        RawClient(sock(folder)) as three,
    ):
        await one.ask({"action": "create", "session_id": "work", "model": "pinky/tiny-model"})
        await two.ask({"action": "attach", "session_id": "work"})
        send = {"action": "send", "session_id": "work", "message": "hi", "id": "x"}
        await one.send(send)

        async def lines(client: RawClient) -> list[bytes]:
            told = [await client.line()]
            while b'"done":true' not in told[-1]:
                told.append(await client.line())
            return told

        first, second = await lines(one), await lines(two)
        await three.send({"action": "attach", "session_id": "work", "since": 0})
        assert first == second == await lines(three)


async def test_cancel_ends_a_turn_whose_model_ignores_it(folder: Path) -> None:
    rogue = RogueProvider()
    async with (
        running_daemon(folder, providers={"rogue": rogue}) as daemon,
        RawClient(sock(folder)) as client,
        RawClient(sock(folder)) as other,
    ):
        await client.ask({"action": "create", "session_id": "work", "model": "rogue/x"})
        await client.send({"action": "send", "session_id": "work", "message": "hi", "id": 1})
        while (await client.event()).get("delta") != "begun":
            pass
        assert daemon._settings.sessions.cancel_patience_s < 1
        report = await other.ask({"action": "cancel", "session_id": "work"})
        assert report["cancelled"].startswith("t-")
        end = (await client.turn())[-1]
        assert (end["event"], end["id"]) == ("cancelled", 1)
        page = await other.ask({"action": "history", "session_id": "work"}, "history")
        assert (page["history"][-1]["end"], page["history"][-1]["content"]) == (
            "cancelled",
            "begun",
        )
        rogue.gate.set()
        assert await client.say("work", "again") == "begun too late"


async def test_interrupt_and_steer_over_the_socket(folder: Path) -> None:
    provider = GatedProvider()
    async with (
        running_daemon(folder, providers={"gated": provider}),
        RawClient(sock(folder)) as client,
    ):
        await client.ask({"action": "create", "session_id": "work", "model": "gated/x"})
        send = {"action": "send", "session_id": "work", "message": "first", "id": 1}
        await client.send(send)
        while (await client.event()).get("delta") != "begun":
            pass
        await client.send(send | {"message": "steer", "mode": "steer", "id": 2})
        steered = await client.event("accepted")
        await client.send(send | {"message": "now", "mode": "interrupt", "id": 3})
        cancelled = await client.event("cancelled")
        assert (cancelled["reason"], cancelled["turn"]) == ("interrupt", steered["turn"])
        provider.gate.set()
        assert (await client.turn())[-1]["id"] == 3


async def test_deleting_a_session_in_the_middle_of_a_turn(folder: Path) -> None:
    provider = GatedProvider()
    async with (
        running_daemon(folder, providers={"gated": provider}),
        RawClient(sock(folder)) as client,
        RawClient(sock(folder)) as other,
    ):
        await client.ask({"action": "create", "session_id": "work", "model": "gated/x"})
        send = {"action": "send", "session_id": "work", "message": "first", "id": 1}
        await client.send(send)
        while (await client.event()).get("delta") != "begun":
            pass
        await client.ask(send | {"id": 2}, "accepted")
        assert (await other.ask({"action": "delete", "session_id": "work"}))["event"] == "deleted"
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["event"] != "deleted":
            seen.append(await client.event())
        assert [e["id"] for e in seen if e["event"] == "cancelled"] in ([1, 2], [2, 1])
        error = await client.ask(send | {"id": 1})
        assert error["code"] == "session_not_found"
        assert (await other.ask({"action": "list"}))["sessions"] == []
        assert not (folder / "data" / "sessions" / "work").exists()
        await client.ask({"action": "create", "session_id": "work"}, "created")
        assert await client.say("work", "anew") == "anew"


class OddProvider(ScriptedProvider):
    """Fails in ways no provider should."""

    async def models(self) -> list[ModelInfo]:
        raise ZeroDivisionError("odd")

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        yield ProcessStart()
        yield Content("a")
        raise ZeroDivisionError("odd")


async def test_a_broken_provider_is_a_typed_error(folder: Path) -> None:
    async with (
        running_daemon(folder, providers={"odd": OddProvider()}),
        RawClient(sock(folder)) as client,
    ):
        reply = await client.ask({"action": "models", "id": 5})
        assert reply["id"] == 5
        assert reply["event"] in ("models", "error")
        await client.ask({"action": "create", "session_id": "work", "model": "odd/x"})
        await client.send({"action": "send", "session_id": "work", "message": "hi", "id": 5})
        end = (await client.turn())[-1]
        assert (end["code"], end["id"]) == ("internal", 5)
        assert "ZeroDivision" not in end["error"]


async def test_a_session_keeps_its_numbers_for_every_kind_of_event(folder: Path) -> None:
    async with DaemonProcess(folder) as daemon, RawClient(daemon.socket_path) as client:
        await client.ask({"action": "create", "session_id": "work"})
        for n in range(10):
            await client.say("work", f"m{n}")
        await client.send({"action": "attach", "session_id": "work", "since": 0})
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["event"] != "attached":
            seen.append(await client.event())
        assert [e["seq"] for e in seen[:-1]] == list(range(1, seen[-1]["seq"] + 1))
