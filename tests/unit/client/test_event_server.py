"""The helper for authors of event servers, as the daemon's side of the wire sees it."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ruster.client.event_server import MAX_LINE_BYTES, EventServer, Question, Tool
from ruster.core.errors import ProtocolError, ToolError
from ruster.protocol.socket_path import SocketTaken


class Peer:
    """A daemon, as far as a server can tell."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def frame(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            found = json.loads(await self.reader.readline())
        assert isinstance(found, dict)
        return found

    async def ask(self, **fields: Any) -> dict[str, Any]:
        self.writer.write(json.dumps({"type": "request", "id": "q-1"} | fields).encode() + b"\n")
        return await self.frame()


@asynccontextmanager
async def peer(path: Path) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 20)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()


async def _answer(question: Question) -> object:
    match question.message:
        case "refuse":
            raise ToolError("not today")
        case "break":
            raise KeyError(question.message)
        case "big":
            return "x" * MAX_LINE_BYTES
        case "odd":
            return {1, 2}
        case _:
            return [question.message, question.session_id]


async def _add(arguments: Mapping[str, Any]) -> object:
    return arguments["a"] + arguments["b"]


async def test_it_introduces_itself_and_its_tools(folder: Path) -> None:
    tool = Tool("add", "Adds.", _add)
    async with EventServer("sum", "Adds up.", tools=[tool], folder=folder / "new") as server:
        assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o700
        async with peer(server.path) as daemon:
            assert await daemon.frame() == {
                "type": "hello",
                "name": "sum",
                "description": "Adds up.",
                "tools": [
                    {
                        "name": "add",
                        "description": "Adds.",
                        "parameters": {"type": "object", "properties": {}},
                    }
                ],
            }
            reply = await daemon.ask(session_id="work", tool="add", arguments={"a": 1, "b": 2})
            assert reply == {"type": "reply", "id": "q-1", "session_id": "work", "payload": 3}
            missing = await daemon.ask(tool="subtract", arguments={})
            assert missing["error"] == "sum has no tool 'subtract'"
            assert (await daemon.ask(message="x"))["error"] == "sum answers no questions"
    assert not server.path.exists()


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("hello", {"payload": ["hello", None]}),
        ("refuse", {"error": "not today"}),
        ("break", {"error": "it broke: KeyError"}),
        ("big", {"error": "the answer was none: a line may have 65536 bytes; bring less at once"}),
    ],
)
async def test_every_question_gets_one_reply(
    folder: Path, message: str, told: dict[str, Any]
) -> None:
    async with (
        EventServer("it", answer=_answer, folder=folder) as server,
        peer(server.path) as daemon,
    ):
        await daemon.frame()
        assert await daemon.ask(message=message) == {"type": "reply", "id": "q-1"} | told
        assert "no" in (await daemon.ask(message="odd"))["error"]


async def test_what_is_no_request_is_ignored(folder: Path) -> None:
    async with (
        EventServer("it", answer=_answer, folder=folder) as server,
        peer(server.path) as daemon,
    ):
        await daemon.frame()
        for line in (b"nonsense\n", b"[]\n", b'{"type":"event"}\n', b"x" * 70_000 + b"\n"):
            daemon.writer.write(line)
        assert (await daemon.ask(message="hello"))["payload"] == ["hello", None]


async def test_events_go_to_all_and_the_last_wait_for_the_first(folder: Path) -> None:
    async with EventServer("it", folder=folder) as server:
        for n in range(20):
            await server.emit(n)
        async with peer(server.path) as first, peer(server.path) as second:
            assert (await first.frame())["type"] == "hello"
            assert [(await first.frame())["payload"] for _ in range(16)] == [*range(4, 20)]
            assert (await second.frame())["type"] == "hello"
            await server.connected()
            await server.emit(None, session_id="work")
            event = {"type": "event", "payload": None, "session_id": "work"}
            assert [await first.frame(), await second.frame()] == [event, event]


async def test_what_cannot_be_sent_is_told_to_the_author(folder: Path) -> None:
    async with EventServer("it", folder=folder) as server:
        for payload, code in (
            ("x" * MAX_LINE_BYTES, "line_too_long"),
            (float("nan"), "invalid_json"),
            ({1, 2}, "invalid_json"),
            ("\ud800", "invalid_json"),
        ):
            with pytest.raises(ProtocolError) as refused:
                await server.emit(payload)
            assert refused.value.code == code


async def test_a_stale_socket_is_replaced_and_a_live_one_is_not(folder: Path) -> None:
    async with EventServer("it", folder=folder) as first:
        with pytest.raises(SocketTaken, match="listens"):
            await EventServer("it", folder=folder).__aenter__()
        assert first.path.exists()
    os.mkfifo(folder / "pipe.sock")
    with pytest.raises(SocketTaken, match="not a socket"):
        await EventServer("pipe", folder=folder).__aenter__()
    server = await asyncio.start_unix_server(lambda _r, _w: None, str(folder / "it.sock"))
    server.close()
    assert (folder / "it.sock").exists()
    async with EventServer("it", folder=folder) as second, peer(second.path) as daemon:
        assert (await daemon.frame())["name"] == "it"


async def test_many_can_start_in_one_folder_at_the_same_time(folder: Path) -> None:
    servers = [EventServer(f"s{n}", folder=folder) for n in range(8)]
    await asyncio.gather(*(server.__aenter__() for server in servers))
    assert len(list(folder.glob("*.sock"))) == 8
    for server in servers:
        await server.__aexit__(None, None, None)


async def test_a_shared_folder_has_other_names_and_modes(folder: Path) -> None:
    async with EventServer("it", folder=folder, shared=True) as server:
        assert server.path.name == "ruster-srv-it.sock"
        assert stat.S_IMODE(server.path.stat().st_mode) == 0o666


async def test_names_that_lead_elsewhere_are_refused(folder: Path) -> None:
    for name in ("../x", "a/b", "", ".hidden"):
        with pytest.raises(ProtocolError):
            EventServer(name, folder=folder)
