"""Notifications on a desktop that runs on a real message bus of its own."""

from __future__ import annotations

import asyncio
import builtins
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jeepney import HeaderFields, Message, new_method_return
from jeepney.io.asyncio import DBusConnection

from ruster.core.errors import JobError
from ruster.core.notices import Choice, Notification, Urgency
from ruster.core.tasks import spawn
from ruster.proactive.notifying.bus import Bus, Call, Signal
from ruster.proactive.notifying.desktop import Desktop, bus_address
from tests.unit.proactive.notifying.support import (
    ALL,
    NAME,
    PATH,
    DesktopServer,
    PrivateBus,
    desktop_server,
    private_bus,
    signal_of,
    stranger,
)

ASK = Notification(
    "shell needs your approval",
    "ls",
    Urgency.CRITICAL,
    key="pa-1",
    choices=(Choice("approve", "Approve"), Choice("reject", "Reject")),
)


class Presses:
    """What was chosen, as it is heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._changed = asyncio.Event()

    def __call__(self, choice: str) -> None:
        self.heard.append(choice)
        self._changed.set()

    async def first(self) -> str:
        async with asyncio.timeout(20):
            await self._changed.wait()
        return self.heard[0]


@pytest.fixture
async def bus(folder: Path) -> AsyncIterator[PrivateBus]:
    async with private_bus(folder) as started:
        yield started


@pytest.fixture
async def server(bus: PrivateBus) -> AsyncIterator[DesktopServer]:
    async with desktop_server(bus.address) as started:
        yield started


@pytest.fixture
async def desktop(bus: PrivateBus) -> AsyncIterator[Desktop]:
    made = Desktop(bus.address)
    yield made
    await made.aclose()


async def test_a_notification_is_shown_with_its_urgency_and_buttons(
    server: DesktopServer, desktop: Desktop
) -> None:
    assert await desktop.can_ask()
    assert await desktop.notify(Notification("Good morning", "Three meetings.", Urgency.LOW))
    assert await desktop.notify(ASK, lambda choice: None)
    plain, asked = server.seen
    assert (plain.title, plain.text, plain.actions) == ("Good morning", "Three meetings.", [])
    assert plain.hints == {"urgency": ("y", 0)}
    assert (asked.replaces, asked.actions[1::2]) == (0, ["Approve", "Reject"])
    assert asked.hints == {"urgency": ("y", 2)}
    assert "default" not in asked.actions  # a click beside the buttons chooses nothing


@pytest.mark.parametrize(("label", "choice"), [("Approve", "approve"), ("Reject", "reject")])
async def test_a_press_is_told_once(
    server: DesktopServer, desktop: Desktop, label: str, choice: str
) -> None:
    presses = Presses()
    assert await desktop.notify(ASK, presses)
    seen = server.seen[0]
    for _ in range(3):
        await server.press(seen.id, seen.button(label))
    assert await presses.first() == choice
    assert await desktop.notify(Notification("later", "all that was pressed has arrived"))
    assert presses.heard == [choice]


async def test_a_press_that_comes_with_the_answer_counts(
    server: DesktopServer, desktop: Desktop
) -> None:
    server.press_at_once = "Reject"
    presses = Presses()
    assert await desktop.notify(ASK, presses)
    assert await presses.first() == "reject"


async def test_buttons_and_notifications_that_are_not_ours_choose_nothing(
    server: DesktopServer, desktop: Desktop
) -> None:
    presses = Presses()
    assert await desktop.notify(ASK, presses)
    seen = server.seen[0]
    for number, button in (
        (seen.id, "default"),
        (seen.id, "approve"),
        (seen.id, "Approve"),
        (seen.id + 1, seen.button("Approve")),
        (0, seen.button("Approve")),
    ):
        await server.tell("ActionInvoked", "us", (number, button))
    await server.tell("ActionInvoked", "u", (seen.id,))
    await server.tell("ActionInvoked", "ss", ("1", seen.button("Approve")))
    await server.press(seen.id, seen.button("Reject"))
    assert await presses.first() == "reject"
    assert presses.heard == ["reject"]


async def _forge(connection: DBusConnection, desktop_name: str, seen: Any) -> None:
    """Say as another program that a button was pressed, to everybody and to ruster itself."""
    for to in ("", desktop_name):
        body = (seen.id, seen.button("Approve"))
        await connection.send(signal_of("ActionInvoked", "us", body, to))
        await connection.send(signal_of("NotificationClosed", "uu", (seen.id, 2), to))


async def test_another_program_cannot_press_a_button(
    bus: PrivateBus, server: DesktopServer, desktop: Desktop
) -> None:
    presses = Presses()
    assert await desktop.notify(ASK, presses)
    seen = server.seen[0]
    async with stranger(bus.address) as forger:
        await _forge(forger, await _name_of(desktop), seen)
        # The bus keeps the order of what one program sends: what follows says that it has come.
        await _echo(forger, await _name_of(desktop), desktop)
    assert presses.heard == []
    await server.press(seen.id, seen.button("Reject"))  # neither closed nor pressed by the forger
    assert await presses.first() == "reject"
    assert presses.heard == ["reject"]


async def test_what_is_forged_does_arrive(bus: PrivateBus, server: DesktopServer) -> None:
    """Without the check of the sender it would count: it differs in nothing else."""
    heard: asyncio.Queue[Signal] = asyncio.Queue()
    listening = await Bus.connect(bus.address, heard.put_nowait)
    presses, desktop = Presses(), Desktop(bus.address)
    assert await desktop.notify(ASK, presses)
    try:
        seen = server.seen[0]
        async with stranger(bus.address) as forger:
            body = (seen.id, seen.button("Approve"))
            await forger.send(signal_of("ActionInvoked", "us", body, listening.name))
            async with asyncio.timeout(20):
                while (forged := await heard.get()).member != "ActionInvoked":
                    pass
            assert (forged.interface, forged.body) == (NAME, body)
            assert forged.sender == forger.unique_name
            link = desktop._link
            assert link is not None
            link._pressed(forged.sender, *body)
            await asyncio.sleep(0)
            assert presses.heard == []
            link._pressed(server._connection.unique_name, *body)
            assert await presses.first() == "approve"
    finally:
        await desktop.aclose()
        await listening.aclose()


async def _name_of(desktop: Desktop) -> str:
    assert desktop._link is not None
    assert desktop._link._bus is not None
    return desktop._link._bus.name


async def _echo(
    connection: DBusConnection, to: str, desktop: Desktop, *messages: Message
) -> list[tuple[str, int]]:
    """Send messages; return what was heard until all that the connection has sent was looked at."""
    assert desktop._link is not None
    arrived = asyncio.Event()
    heard: list[tuple[str, int]] = []
    real = desktop._link._pressed

    def watch(sender: str, number: int, button: str | None) -> None:
        if number == 4_000_000:
            arrived.set()
        else:
            heard.append((sender, number))
            real(sender, number, button)

    desktop._link._pressed = watch
    for message in (*messages, signal_of("NotificationClosed", "uu", (4_000_000, 2), to)):
        await connection.send(message)
    async with asyncio.timeout(20):
        await arrived.wait()
    desktop._link._pressed = real
    return heard


async def test_a_reply_of_another_program_is_no_reply(bus: PrivateBus) -> None:
    """The bus lets no such reply through, nor would we take it."""
    async with stranger(bus.address) as asked, stranger(bus.address) as forger:
        connection = await Bus.connect(bus.address, lambda signal: None)
        call = Call(asked.unique_name, PATH, NAME, "GetCapabilities")
        calling = spawn(connection.call(call), name="call", log_failure=False)
        question = await asked.receive()
        while question.header.fields.get(HeaderFields.member) != "GetCapabilities":
            question = await asked.receive()
        forged = new_method_return(question, "s", ("forged",))
        connection._take_reply(forged, forger.unique_name, question.header.serial)
        assert not calling.done()
        await asked.send(new_method_return(question, "s", ("real",)))
        assert await calling == ("real",)
        await connection.aclose()


async def test_markup_of_strangers_is_shown_as_text(
    server: DesktopServer, desktop: Desktop
) -> None:
    evil = '<b>bold</b> <a href="https://evil.example">here</a> & <img src="x"> &amp;'
    assert await desktop.notify(Notification(evil, evil))
    seen = server.seen[0]
    assert "<" not in seen.text
    assert seen.text == (
        "&lt;b&gt;bold&lt;/b&gt; &lt;a href=&quot;https://evil.example&quot;&gt;here&lt;/a&gt; "
        "&amp; &lt;img src=&quot;x&quot;&gt; &amp;amp;"
    )
    assert seen.title == evil  # titles know no markup


async def test_a_desktop_without_buttons_and_markup_gets_plain_text(bus: PrivateBus) -> None:
    async with desktop_server(bus.address, ("body",)) as server:
        desktop = Desktop(bus.address)
        presses = Presses()
        try:
            assert not await desktop.can_ask()
            note = Notification("1 < 2", "<b> & co", choices=ASK.choices)
            assert await desktop.notify(note, presses)
            seen = server.seen[0]
            assert (seen.title, seen.text, seen.actions) == ("1 < 2", "<b> & co", [])
            await server.press(seen.id, "approve")
            assert await desktop.notify(Notification("later", ""))
            assert presses.heard == []
        finally:
            await desktop.aclose()


async def test_what_cannot_be_seen_is_dropped_and_all_is_bounded(
    server: DesktopServer, desktop: Desktop
) -> None:
    title = "one\ntwo\x00\x1b[31m\u202ethree\ud800" + "x" * 500
    text = "first\r\nsecond\x07\x00\u2066\ud800\n\n\n\tthird" + "&" * 5000
    choices = tuple(Choice(str(n), f"l{n}\n\x00" + "y" * 99) for n in range(9))
    assert await desktop.notify(Notification(title, text, choices=choices), lambda choice: None)
    seen = server.seen[0]
    assert seen.title.startswith("one two[31mthreexxx")
    assert len(seen.title) == 120
    plain = seen.text.replace("&amp;", "&")
    assert plain.startswith("first\nsecond\n third&&&")
    assert len(plain) == 1000
    labels = seen.actions[1::2]
    assert [(len(it), it[:4]) for it in labels] == [(40, f"l{n} y") for n in range(4)]


async def test_the_same_key_replaces(server: DesktopServer, desktop: Desktop) -> None:
    first, second = Presses(), Presses()
    assert await desktop.notify(ASK, first)
    assert await desktop.notify(ASK, second)
    assert await desktop.notify(Notification("other", ""))
    assert [(it.id, it.replaces) for it in server.seen] == [(1, 0), (1, 1), (2, 0)]
    assert server.seen[0].actions[::2] != server.seen[1].actions[::2]
    await server.tell("ActionInvoked", "us", (1, server.seen[0].button("Approve")))
    await server.press(1, server.seen[1].button("Approve"))
    assert await second.first() == "approve"
    assert first.heard == []


async def test_withdrawing_takes_it_away_and_its_buttons_count_no_longer(
    server: DesktopServer, desktop: Desktop
) -> None:
    presses = Presses()
    assert await desktop.notify(ASK, presses)
    await desktop.withdraw("pa-1")
    await desktop.withdraw("pa-1")
    await desktop.withdraw("never shown")
    assert await server.taken_away(1) == [1]
    await server.press(1, server.seen[0].button("Approve"))
    assert await desktop.notify(Notification("later", ""))
    assert presses.heard == []
    assert server.closed == [1]


async def test_what_the_person_has_closed_is_forgotten(
    server: DesktopServer, desktop: Desktop
) -> None:
    presses = Presses()
    assert await desktop.notify(ASK, presses)
    await server.tell("NotificationClosed", "uu", (1, 2))
    await server.tell("ActionInvoked", "us", (1, server.seen[0].button("Approve")))
    assert await desktop.notify(ASK, presses)
    assert server.seen[1].replaces == 0
    assert presses.heard == []


async def test_the_oldest_of_too_many_goes(server: DesktopServer, desktop: Desktop) -> None:
    presses = Presses()
    assert await desktop.notify(ASK, presses)
    for n in range(64):
        assert await desktop.notify(Notification(str(n), ""))
    assert await server.taken_away(1) == [1]
    await server.press(1, server.seen[0].button("Approve"))
    assert await desktop.notify(Notification("later", ""))
    assert presses.heard == []
    assert len(desktop._shown) == 64


async def test_without_a_bus_nothing_is_shown(folder: Path) -> None:
    (folder / "file").write_text("")
    for address in (
        f"unix:path={folder / 'none'}",
        f"unix:path={folder / 'file'}",
        "tcp:host=localhost,port=1",
        "nonsense",
        "",
        "unix:path",
    ):
        desktop = Desktop(address)
        assert not await desktop.notify(ASK)
        assert not await desktop.can_ask()
        await desktop.withdraw("pa-1")
        await desktop.aclose()


@pytest.mark.parametrize(
    "said", [b"", b"hello", b"REJECTED EXTERNAL\r\n", b"OK \r\nmore", b"x" * 99_999]
)
async def test_what_is_no_bus_is_left_alone(folder: Path, said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with await asyncio.start_unix_server(answer, folder / "bus"):
        desktop = Desktop(f"unix:path={folder / 'bus'}")
        assert not await desktop.notify(ASK)
        assert not await desktop.can_ask()
        await desktop.aclose()


async def test_without_the_library_nothing_is_shown(
    bus: PrivateBus, server: DesktopServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "ruster.proactive.notifying.server":
            raise ModuleNotFoundError(name="jeepney")
        return real(name, *rest)

    desktop = Desktop(bus.address)
    with monkeypatch.context() as patched:
        patched.setattr(builtins, "__import__", without)
        assert not await desktop.notify(ASK)
    assert desktop._problem is not None
    assert "pip install 'ruster[desktop]'" in desktop._problem
    assert await desktop.notify(ASK)
    await desktop.aclose()


async def test_without_a_server_nothing_is_shown_until_there_is_one(
    bus: PrivateBus, desktop: Desktop
) -> None:
    assert not await desktop.can_ask()
    assert not await desktop.notify(ASK)
    async with desktop_server(bus.address):
        assert await desktop.can_ask()
        assert await desktop.notify(ASK)
    assert not await desktop.can_ask()
    assert not await desktop.notify(ASK)


async def test_what_another_server_has_shown_is_not_replaced_nor_pressed(
    bus: PrivateBus, desktop: Desktop
) -> None:
    presses = Presses()
    async with desktop_server(bus.address) as first:
        assert await desktop.notify(ASK, presses)
        old = first.seen[0]
    async with desktop_server(bus.address, ALL) as second:
        await second.press(old.id, old.button("Approve"))
        assert await desktop.notify(ASK, presses)
        assert second.seen[0].replaces == 0
        assert presses.heard == []


async def test_a_server_that_refuses_is_a_failure(server: DesktopServer, desktop: Desktop) -> None:
    server.broken = True
    assert not await desktop.notify(ASK)
    server.broken = False
    assert await desktop.notify(ASK)


async def test_a_bus_that_was_restarted_is_found_again(bus: PrivateBus, desktop: Desktop) -> None:
    presses = Presses()
    async with desktop_server(bus.address):
        assert await desktop.notify(ASK, presses)
        await bus.stop()
    assert not await desktop.notify(ASK, presses)
    await bus.start()
    async with desktop_server(bus.address) as server:
        assert await desktop.notify(ASK, presses)
        await server.press(server.seen[0].id, server.seen[0].button("Approve"))
        assert await presses.first() == "approve"


async def test_a_stalled_server_is_given_up_and_what_it_shows_late_is_taken_away(
    bus: PrivateBus, server: DesktopServer
) -> None:
    presses, desktop = Presses(), Desktop(bus.address, timeout_s=0.3)
    assert await desktop.can_ask()
    server.mute = True
    assert not await desktop.notify(ASK, presses)
    assert not await desktop.notify(Notification("another", ""))
    await server.held(2)
    server.press_at_once = None
    await server.speak()
    assert await server.taken_away(2) == [1, 2]
    await server.press(1, server.seen[0].button("Approve"))
    assert await desktop.notify(ASK, presses)
    assert presses.heard == []
    await desktop.aclose()


async def test_a_stalled_bus_is_given_up_and_used_again(
    bus: PrivateBus, server: DesktopServer
) -> None:
    desktop = Desktop(bus.address, timeout_s=0.3)
    assert await desktop.notify(Notification("first", ""))
    bus.send(signal.SIGSTOP)
    try:
        assert not await desktop.notify(ASK)
        assert not await Desktop(bus.address, timeout_s=0.3).notify(ASK)  # nor can one connect
    finally:
        bus.send(signal.SIGCONT)
    async with asyncio.timeout(20):
        while not await desktop.notify(Notification("last", "")):
            pass
    assert server.seen[-1].title == "last"
    await desktop.aclose()


async def test_answers_that_never_come_are_waited_for_up_to_a_bound(
    bus: PrivateBus, server: DesktopServer
) -> None:
    desktop = Desktop(bus.address, timeout_s=0.02)
    while not await desktop.can_ask():
        pass
    server.mute = True
    count = 0
    while len(server._held) < 70:
        assert not await desktop.notify(Notification(str(count := count + 1), ""))
    assert desktop._link is not None
    assert desktop._link._bus is not None
    assert len(desktop._link._bus._unanswered) == 64
    await server.speak()
    assert len(await server.taken_away(64)) == 64
    await desktop.aclose()


async def test_what_a_stalled_bus_is_sent_is_bounded(bus: PrivateBus) -> None:
    connection = await Bus.connect(bus.address, lambda signal: None)
    call = Call("org.example.Nobody", PATH, NAME, "Notify", "s", ("x" * 4096,))
    bus.send(signal.SIGSTOP)
    try:
        for _ in range(1000):
            connection.post(call)
        assert connection._writer.transport.get_write_buffer_size() < 300_000
        with pytest.raises(JobError, match="does not listen"):
            await connection.call(call)
        await connection.aclose()
    finally:
        bus.send(signal.SIGCONT)


async def test_too_many_at_once_are_refused(bus: PrivateBus, server: DesktopServer) -> None:
    desktop = Desktop(bus.address, timeout_s=1)
    assert await desktop.can_ask()
    server.mute = True
    waiting = [spawn(desktop.notify(Notification(str(n), "")), name="n") for n in range(64)]
    await server.held(1)
    assert not await desktop.notify(Notification("one too many", ""))
    assert "too many" in (desktop._problem or "")
    assert set(await asyncio.gather(*waiting)) == {False}
    await desktop.aclose()


async def test_closing_takes_away_what_has_buttons(bus: PrivateBus, server: DesktopServer) -> None:
    desktop = Desktop(bus.address)
    assert await desktop.notify(ASK, lambda choice: None)
    assert await desktop.notify(Notification("to be read later", ""))
    await desktop.aclose()
    assert await server.taken_away(1) == [1]


async def test_large_and_odd_messages_of_strangers_are_passed_over(
    bus: PrivateBus, server: DesktopServer, desktop: Desktop
) -> None:
    presses = Presses()
    assert await desktop.notify(ASK, presses)
    async with stranger(bus.address) as other:
        name = await _name_of(desktop)
        odd = (
            signal_of("ActionInvoked", "us", (1, "x" * 3_000_000), name),
            signal_of("ActionInvoked", "as", (["x"],), name),
            signal_of("ActionInvoked", "", (), name),
            signal_of("ActionInvoked", "us", (7, "x" * 1000), name),
        )
        assert await _echo(other, name, desktop, *odd) == [(other.unique_name, 7)]
    assert desktop._link is not None
    assert not desktop._link.closed
    await server.press(1, server.seen[0].button("Approve"))
    assert await presses.first() == "approve"


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({"DBUS_SESSION_BUS_ADDRESS": "unix:abstract=x"}, "unix:abstract=x"),
        ({"XDG_RUNTIME_DIR": "/run/mine"}, "unix:path=/run/mine/bus"),
        ({}, "unix:path=/run/user/1000/bus"),
    ],
)
def test_where_the_bus_is(environment: dict[str, str], address: str) -> None:
    assert bus_address(environment, 1000) == address
