"""Quotas, the outbox, peers, hang-ups, the listener's path, and systemd."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ruster.protocol.peer import peer_uid
from ruster.protocol.socket_path import SocketTaken
from ruster.server.hangup import HangupWatch
from ruster.server.listener import Listener
from ruster.server.outbox import Outbox
from ruster.server.quota import Quota
from ruster.server.settings import ServerSettings
from ruster.server.systemd import ServiceNotifier


class Client:
    """A connection as the quota sees it."""

    def __init__(self, quota: Quota, uid: int = 1000) -> None:
        self.uid = uid
        self.unread_bytes = 0
        self.dropped = ""
        self._quota = quota

    def hold(self, change: int) -> None:
        self.unread_bytes += change
        self._quota.unread(self, change)

    def drop(self, code: str, message: str) -> None:
        self.dropped = code
        self.hold(-self.unread_bytes)


def test_connections_are_counted_per_user() -> None:
    quota = Quota(ServerSettings(max_connections_per_uid=2))
    assert [quota.admit(1), quota.admit(1), quota.admit(1), quota.admit(2)] == [
        True,
        True,
        False,
        True,
    ]
    assert quota.connections == 3
    quota.leave(1)
    assert quota.admit(1)


def test_over_the_limit_of_bytes_the_one_that_holds_most_goes() -> None:
    quota = Quota(ServerSettings(max_buffered_bytes_per_uid=100_000))
    small, large, other = Client(quota), Client(quota), Client(quota, uid=2000)
    small.hold(30_000)
    large.hold(60_000)
    other.hold(99_000)
    assert not small.dropped
    small.hold(11_000)
    assert (small.dropped, large.dropped, other.dropped) == ("", "buffer_exceeded", "")
    small.hold(-41_000)
    other.hold(-99_000)
    assert not quota._unread
    assert not quota._holding


class Pipe:
    """A transport over a real socket pair, and the far end."""

    def __init__(self) -> None:
        self.far, self._near = socket.socketpair()
        self.far.setblocking(False)
        self.transport: asyncio.Transport
        self.outbox: Outbox
        self.stalled = asyncio.Event()
        self.held = 0

    async def open(self, stall_timeout_s: float = 60) -> None:
        pipe = self

        class Protocol(asyncio.Protocol):
            def pause_writing(self) -> None:
                pipe.outbox.pause()

            def resume_writing(self) -> None:
                pipe.outbox.resume()

            def connection_lost(self, exc: Exception | None) -> None:
                pipe.outbox.clear()

        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.connect_accepted_socket(Protocol, self._near)
        self.outbox = Outbox(self.transport, stall_timeout_s, self.stalled.set, self._count)

    def _count(self, change: int) -> None:
        self.held += change
        assert self.held == self.outbox.waiting_bytes >= 0

    async def read(self, size: int) -> bytes:
        loop, data = asyncio.get_running_loop(), b""
        async with asyncio.timeout(20):
            while len(data) < size:
                chunk = await loop.sock_recv(self.far, size - len(data))
                if not chunk:
                    break
                data += chunk
        return data

    def close(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()
        self.far.close()


@pytest.fixture
async def pipe() -> AsyncIterator[Pipe]:
    made = Pipe()
    await made.open()
    yield made
    made.close()
    await asyncio.sleep(0)


async def test_lines_arrive_in_order_whatever_their_size(pipe: Pipe) -> None:
    lines = [b"%d " % n + b"x" * (n * 997 % 50_000) + b"\n" for n in range(100)]
    for line in lines:
        pipe.outbox.put(line)
    expected = b"".join(lines)
    assert await pipe.read(len(expected)) == expected
    await pipe.outbox.drained()
    assert pipe.held == 0


async def test_what_the_client_does_not_read_is_counted(pipe: Pipe) -> None:
    for _ in range(100):
        pipe.outbox.put(b"x" * 20_000)
    await asyncio.sleep(0)
    assert pipe.held > 1_000_000
    draining = asyncio.ensure_future(pipe.outbox.drained())
    await asyncio.sleep(0)
    assert not draining.done()
    await pipe.read(2_000_000)
    await draining
    assert pipe.held == 0


async def test_a_reader_that_reads_nothing_is_noticed() -> None:
    pipe = Pipe()
    await pipe.open(stall_timeout_s=0.05)
    for _ in range(100):
        pipe.outbox.put(b"x" * 20_000)
    async with asyncio.timeout(20):
        await pipe.stalled.wait()
    pipe.outbox.end(b"last\n")
    assert pipe.held == 0
    pipe.outbox.put(b"too late\n")
    data = await pipe.read(10_000_000)
    assert data.endswith(b"last\n")
    pipe.close()


async def test_finish_sends_what_waits_then_ends(pipe: Pipe) -> None:
    pipe.outbox.put(b"one\n")
    pipe.outbox.finish()
    pipe.outbox.put(b"too late\n")
    assert await pipe.read(100) == b"one\n"


async def test_the_wait_for_a_client_ends_when_it_is_gone(pipe: Pipe) -> None:
    for _ in range(100):
        pipe.outbox.put(b"x" * 20_000)
    await asyncio.sleep(0)
    draining = asyncio.ensure_future(pipe.outbox.drained())
    await asyncio.sleep(0)
    pipe.transport.abort()
    async with asyncio.timeout(20):
        await draining
    assert pipe.held == 0


def test_the_kernel_says_who_is_there() -> None:
    one, two = socket.socketpair()
    assert peer_uid(one) == os.getuid()
    one.close()
    two.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        peer_uid(one)


async def test_a_hang_up_is_noticed_and_half_an_end_is_not() -> None:
    watch, gone = HangupWatch(), asyncio.Event()
    near, far = socket.socketpair()
    far.shutdown(socket.SHUT_WR)
    watch.watch(near.fileno(), gone.set)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not gone.is_set()
    far.close()
    async with asyncio.timeout(20):
        await gone.wait()
    watch.forget(near.fileno())
    watch.close()
    watch.close()
    near.close()


async def test_who_was_forgotten_is_not_called() -> None:
    watch, gone, other = HangupWatch(), asyncio.Event(), asyncio.Event()
    pairs = [socket.socketpair() for _ in range(2)]
    watch.watch(pairs[0][0].fileno(), gone.set)
    watch.watch(pairs[1][0].fileno(), other.set)
    watch.forget(pairs[0][0].fileno())
    for _, far in pairs:
        far.close()
    async with asyncio.timeout(20):
        await other.wait()
    assert not gone.is_set()
    watch.close()
    for near, _ in pairs:
        near.close()


def listener(folder: Path) -> Listener:
    async def dispatch(*_: object) -> None:
        return None

    return Listener(folder / "r.sock", ServerSettings(), dispatch, os.geteuid())


async def test_a_socket_is_never_seen_without_a_listener(folder: Path) -> None:
    """Between the two another starting daemon would take it for a stale one."""
    fd = os.open(folder, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    with pytest.raises(SocketTaken, match="another program"):
        await listener(folder).start()
    assert not (folder / "r.sock").exists()
    os.close(fd)
    taken = listener(folder)
    await taken.start()
    with pytest.raises(SocketTaken, match="listens"):
        await listener(folder).start()
    taken.stop_accepting()
    await taken.aclose()
    assert not (folder / "r.sock").exists()


@pytest.fixture
def notify(folder: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(folder / "notify"))
    sock.setblocking(False)
    return sock


async def message(sock: socket.socket) -> bytes:
    async with asyncio.timeout(20):
        return await asyncio.get_running_loop().sock_recv(sock, 4096)


async def test_systemd_is_told(folder: Path, notify: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "20000"}
    notifier = ServiceNotifier(environment)
    notifier.ready()
    assert await message(notify) == f"READY=1\nMAINPID={os.getpid()}".encode()
    for _ in range(3):
        assert await message(notify) == b"WATCHDOG=1"
    await notifier.stopping()
    while (told := await message(notify)) == b"WATCHDOG=1":
        pass
    assert told == b"STOPPING=1"
    notify.close()


async def test_the_abstract_namespace_is_known() -> None:
    name = f"ruster-test-{os.getpid()}"
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind("\0" + name)
    sock.setblocking(False)
    ServiceNotifier({"NOTIFY_SOCKET": "@" + name}).ready()
    assert (await message(sock)).startswith(b"READY=1")
    sock.close()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "x" * 500},
    ],
)
async def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    notifier = ServiceNotifier(environment)
    notifier.ready()
    await notifier.stopping()


@pytest.mark.parametrize(
    ("usec", "pid"), [("often", None), ("-5", None), ("1000000", "1"), ("", None), ("0", None)]
)
async def test_a_watchdog_for_somebody_else_is_not_fed(
    folder: Path, notify: socket.socket, usec: str, pid: str | None
) -> None:
    environment = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": usec}
    notifier = ServiceNotifier(environment | ({"WATCHDOG_PID": pid} if pid else {}))
    notifier.ready()
    await notifier.stopping()
    assert (await message(notify)).startswith(b"READY")
    assert await message(notify) == b"STOPPING=1"
    notify.close()


async def test_a_systemd_that_does_not_listen_holds_up_nothing(
    folder: Path, notify: socket.socket
) -> None:
    notifier = ServiceNotifier({"NOTIFY_SOCKET": str(folder / "notify")})
    for _ in range(2000):  # far more than the socket holds
        notifier.ready()
    await notifier.stopping()
    notify.close()
