"""The asynchronous client against a real daemon, which is killed under it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ruster.client import Client, ParsedEvent
from ruster.client.answer import is_restart
from ruster.client.subscription import LIMIT
from ruster.core.errors import (
    ConfigError,
    DaemonUnreachable,
    ProtocolError,
    ProviderError,
    SessionError,
)
from ruster.protocol.events import Deleted, Proactive, Response
from ruster.testing import DaemonProcess, RawClient, ScriptedProvider, running_daemon

_LONG = " ".join(f"word{n}" for n in range(60))


async def test_every_command_has_a_method(folder: Path) -> None:
    async with running_daemon(folder), Client(folder / "r.sock") as client:
        assert (await client.ping()).event == "pong"
        assert (await client.create("work", "pinky/echo", "A title")).model == "pinky/echo"
        assert await client.ask("work", "hi there") == "hi there"
        assert (await client.list()).sessions == ["work"]
        assert (await client.list(all_users=True)).details[0].title == "A title"
        page = await client.history("work", limit=1, offset=1)
        assert (page.total, page.history[0]["role"]) == (2, "assistant")
        assert (await client.status()).turns_total == 1
        assert (await client.models()).default == "pinky/echo"
        assert (await client.config_get("default_model")).value == "pinky/echo"
        assert (await client.config_set("log_level", "debug")).value == "debug"
        assert (await client.config_list()).options["log_level"] == "debug"
        assert (await client.cancel("work")).cancelled is None
        assert (await client.detach("work")).session_id == "work"
        assert (await client.delete("work")).session_id == "work"


async def test_answers_of_concurrent_messages_are_not_mixed_up(folder: Path) -> None:
    async with running_daemon(folder), Client(folder / "r.sock") as client:
        for session in ("a", "b"):
            await client.create(session, "pinky/slow")
        said = [(session, f"{session} says {n}") for n in range(5) for session in ("a", "b")]
        answers = await asyncio.gather(*(client.ask(*one) for one in said))
    assert answers == [message for _, message in said]


async def test_errors_are_classes_with_the_code_of_the_wire(folder: Path) -> None:
    async with running_daemon(folder), Client(folder / "r.sock") as client:
        with pytest.raises(SessionError) as no_session:
            await client.ask("nowhere", "hi")
        with pytest.raises(ConfigError) as no_setting:
            await client.config_get("colour")
        with pytest.raises(ProtocolError) as no_name:
            await client.create("../etc")
        with pytest.raises(ProtocolError) as no_text:
            await client.create("work", title="\udc80")
        await client.create("work")
        with pytest.raises(ProtocolError) as too_long:
            await client.ask("work", "x" * (2 << 20))
        assert await client.ask("work", "still here") == "still here"
    raised = (no_session, no_setting, no_name, no_text, too_long)
    assert [error.value.code for error in raised] == [
        "session_not_found",
        "config_unknown",
        "invalid_name",
        "invalid_json",
        "line_too_long",
    ]


async def test_a_failed_turn_is_told_and_then_raised(folder: Path) -> None:
    failing = ScriptedProvider([ProviderError("it would not", code="provider_rejected")])
    async with (
        running_daemon(folder, providers={"bad": failing}),
        Client(folder / "r.sock") as client,
    ):
        await client.create("work", "bad/model")
        turn = client.send("work", "hi")
        kinds = [(await anext(turn)).event.event for _ in range(3)]
        with pytest.raises(ProviderError):
            await anext(turn)
    assert kinds == ["accepted", "response", "error"]


async def test_a_cancelled_turn_ends_and_ask_says_so(folder: Path) -> None:
    async with running_daemon(folder), Client(folder / "r.sock") as client:
        await client.create("work", "pinky/slow")
        asking = asyncio.ensure_future(client.ask("work", _LONG))
        async with contextlib.aclosing(client.attach("work", 0)) as events:
            async for parsed in events:
                if isinstance(parsed.event, Response) and parsed.event.delta.startswith("word"):
                    break
        report = await client.cancel("work")
        assert report.cancelled is not None
        with pytest.raises(SessionError) as cancelled:
            await asking
    assert cancelled.value.code == "cancelled"


async def test_a_steering_message_gets_the_events_of_the_turn_it_joins(folder: Path) -> None:
    async with running_daemon(folder), Client(folder / "r.sock") as client:
        await client.create("work", "pinky/slow")
        first = client.send("work", _LONG)
        await anext(first)
        joined = [parsed async for parsed in client.send("work", "and this", "steer")]
        rest = [parsed async for parsed in first]
    assert joined[-1].ends_turn
    assert joined[-1] == rest[-1]


async def test_attach_gives_what_followed_a_cursor(folder: Path) -> None:
    async with running_daemon(folder), Client(folder / "r.sock") as client:
        await client.create("work")
        await client.ask("work", "one")
        watcher = client.attach("work", since=2)
        early = [(await anext(watcher)).seq for _ in range(3)]
        await client.ask("work", "two")
        late = [(await anext(watcher)).seq for _ in range(5)]
        await client.delete("work")
        last = [parsed async for parsed in watcher]
    assert early + late == list(range(3, 11))
    assert isinstance(last[-1].event, Deleted)


async def test_iterators_of_one_session_with_different_cursors_do_not_disturb_each_other(
    folder: Path,
) -> None:
    async with running_daemon(folder), Client(folder / "r.sock") as client:
        await client.create("work")
        for n in range(4):
            await client.ask("work", str(n))  # five events each
        watchers = [client.attach("work", since) for since in (18, 0, 7, 20)]
        firsts = await asyncio.gather(*(anext(watcher) for watcher in watchers[:3]))
        fourth = asyncio.ensure_future(anext(watchers[3]))
        await asyncio.sleep(0)
        await client.ask("work", "more")
        seen = [[first.seq] for first in [*firsts, await fourth]]
        for watcher, numbers in zip(watchers, seen, strict=True):
            while numbers[-1] != 25:
                numbers.append((await anext(watcher)).seq)
    assert seen == [list(range(since + 1, 26)) for since in (18, 0, 7, 20)]


async def test_a_reader_that_falls_behind_loses_nothing_and_blocks_nobody(folder: Path) -> None:
    """One more round of the same: a full queue, a call in the middle, then all the rest."""
    turns = LIMIT // 5 + 50
    async with running_daemon(folder), Client(folder / "r.sock") as client:
        await client.create("work")
        watcher = client.attach("work", since=0)
        waiting = asyncio.ensure_future(anext(watcher))
        for n in range(turns):
            assert await client.ask("work", str(n)) == str(n)
        numbers = [(await waiting).seq]
        while numbers[-1] != turns * 5:
            numbers.append((await anext(watcher)).seq)
            if len(numbers) % 100 == 0:
                await client.ping()
    assert numbers == list(range(1, turns * 5 + 1))


async def test_a_daemon_killed_in_the_middle_of_an_answer_loses_and_doubles_nothing(
    folder: Path,
) -> None:
    async with DaemonProcess(folder) as daemon, Client(daemon.socket_path) as client:
        await client.create("work", "pinky/slow")
        watched: list[ParsedEvent] = []
        watching = asyncio.ensure_future(_collect(client, watched))
        turn = []
        async for parsed in client.send("work", _LONG):
            turn.append(parsed)
            if len(turn) in (5, 20):
                await daemon.kill()
                await daemon.start()
        await watching
    numbers = [parsed.seq for parsed in turn]
    assert numbers == list(range(1, len(turn) + 1))
    assert [parsed.seq for parsed in watched] == numbers
    assert len({parsed.turn for parsed in turn}) == 1
    begins = max(n for n, parsed in enumerate(turn) if is_restart(parsed.event))
    pieces = [p.event for p in turn[begins:] if isinstance(p.event, Response)]
    assert "".join(piece.delta for piece in pieces if piece.phase is None) == _LONG


async def test_answers_of_a_daemon_killed_again_and_again_come_once(folder: Path) -> None:
    async with DaemonProcess(folder) as daemon, Client(daemon.socket_path) as client:
        for session in ("a", "b", "c"):
            await client.create(session, "pinky/slow")
        asked = [client.ask(s, f"{s} one two three four five six") for s in ("a", "b", "c")]
        asking = asyncio.gather(*asked)
        async with contextlib.aclosing(client.attach("c", 0)) as events:
            async for parsed in events:
                if isinstance(parsed.event, Response) and parsed.event.delta.startswith("one"):
                    break
        await daemon.kill()
        await daemon.start()
        assert await asking == [f"{s} one two three four five six" for s in ("a", "b", "c")]
        for session in ("a", "b", "c"):
            page = await client.history(session)
            said = [r["content"] for r in page.history if r["role"] in ("user", "assistant")]
            assert said == [f"{session} one two three four five six"] * 2


async def test_commands_wait_for_a_daemon_that_comes_back(folder: Path) -> None:
    async with DaemonProcess(folder) as daemon, Client(daemon.socket_path) as client:
        await client.create("work")
        await daemon.kill()
        listing = asyncio.ensure_future(client.list())
        await asyncio.sleep(0)
        await daemon.start()
        assert (await listing).sessions == ["work"]
        assert await client.ask("work", "hi") == "hi"


async def test_a_daemon_that_stays_away_ends_iterators_with_an_error(folder: Path) -> None:
    async with DaemonProcess(folder) as daemon, Client(daemon.socket_path, patience_s=0) as client:
        await client.create("work", "pinky/slow")
        turn = client.send("work", _LONG)
        await anext(turn)
        await daemon.kill()
        with pytest.raises(DaemonUnreachable) as gone:
            await _drain(turn)
        with pytest.raises(DaemonUnreachable):
            await client.ping()
        await daemon.start()
        assert (await client.ping()).event == "pong"
    assert gone.value.retryable


async def test_a_message_that_was_never_accepted_is_not_sent_again(folder: Path) -> None:
    """A server that closes the connection at each `send`, and knows nothing of it later."""
    sent: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if b'"send"' in line:
                sent.append(line)
                break
            command_id = line.split(b'"id": "')[1].split(b'"')[0]
            writer.write(
                b'{"event":"attached","session_id":"work","seq":4,"id":"%s"}\n' % command_id
            )
        writer.close()

    server = await asyncio.start_unix_server(serve, str(folder / "r.sock"))
    async with server, Client(folder / "r.sock") as client:
        with pytest.raises(DaemonUnreachable) as lost:
            await client.ask("work", "hi")
    assert lost.value.retryable
    assert len(sent) == 1


async def test_no_daemon_is_said_at_once(folder: Path) -> None:
    with pytest.raises(DaemonUnreachable, match="no daemon listens on"):
        async with Client(folder / "r.sock"):
            pass


async def test_a_connection_too_many_is_not_tried_again(folder: Path) -> None:
    async with (
        running_daemon(folder, server_max_connections_per_uid="1"),
        RawClient(folder / "r.sock") as first,
        Client(folder / "r.sock") as second,
    ):
        await first.ask({"action": "ping"})
        with pytest.raises(ProtocolError) as refused:
            await second.ping()
    assert refused.value.code == "too_many_connections"


async def test_events_of_a_newer_daemon_are_kept_as_they_are(folder: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        command_id = line.split(b'"id": "')[1].split(b'"')[0]
        writer.write(b'{"event":"attached","session_id":"w","seq":0,"id":"%s"}\n' % command_id)
        writer.write(b'{"event":"weather","session_id":"w","seq":1,"sky":"blue"}\n')
        writer.write(b'{"event":"proactive","session_id":"w","seq":2,"message":"hi","new":1}\n')
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(serve, str(folder / "r.sock"))
    async with server, Client(folder / "r.sock") as client:
        events = client.attach("w")
        strange, known = await anext(events), await anext(events)
        await events.aclose()
    assert strange.event.model_dump() == {"event": "weather", "session_id": "w", "seq": 1,
                                          "sky": "blue"}  # fmt: skip
    assert isinstance(known.event, Proactive)


async def _drain(turn: AsyncIterator[ParsedEvent]) -> None:
    async for _ in turn:
        pass


async def _collect(client: Client, into: list[ParsedEvent]) -> None:
    async with contextlib.aclosing(client.attach("work", 0)) as events:
        async for parsed in events:
            into.append(parsed)
            if parsed.ends_turn:
                return
