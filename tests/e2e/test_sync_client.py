"""The synchronous client against a real daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ruster.client import SyncClient
from ruster.core.errors import ConfigError, DaemonUnreachable, ProtocolError, SessionError
from ruster.testing import DaemonProcess


@pytest.fixture
async def daemon(folder: Path) -> AsyncIterator[DaemonProcess]:
    """A daemon in its own process, since these tests block theirs."""
    async with DaemonProcess(folder) as process:
        yield process


async def test_it_talks_and_calls(daemon: DaemonProcess) -> None:
    with SyncClient(daemon.socket_path, timeout_s=20) as client:
        client.create("work")
        assert client.ask("work", "hi there") == "hi there"
        items = list(client.send("work", "again"))
        assert [item.seq for item in items] == [6, 7, 8, 9, 10]
        assert items[-1].ends_turn
        assert client.call("ping").event.event == "pong"


async def test_it_raises_what_the_daemon_refuses(daemon: DaemonProcess) -> None:
    with SyncClient(daemon.socket_path, timeout_s=20) as client:
        with pytest.raises(SessionError):
            client.ask("nowhere", "hi")
        with pytest.raises(ConfigError):
            client.call("config_get", key="colour")
        client.create("work")
        with pytest.raises(ProtocolError) as too_long:
            client.ask("work", "x" * (2 << 20))
        assert too_long.value.code == "line_too_long"
        assert client.ask("work", "still here") == "still here"


async def test_replayed_events_come_one_by_one(daemon: DaemonProcess) -> None:
    with SyncClient(daemon.socket_path, timeout_s=20) as client:
        client.create("work")
        client.ask("work", "one")
    with SyncClient(daemon.socket_path, timeout_s=20) as client:
        assert client.call("status").event.event == "status"
        for item in client.events("work", since=2):
            if item.ends_turn:
                assert item.seq == 5
                break


async def test_a_daemon_that_goes_is_told(daemon: DaemonProcess) -> None:
    with SyncClient(daemon.socket_path, timeout_s=20) as client:
        await daemon.kill()
        with pytest.raises(DaemonUnreachable):
            client.call("ping")
    with (
        pytest.raises(DaemonUnreachable, match="no daemon listens"),
        SyncClient(daemon.socket_path),
    ):
        pass


async def test_a_silent_daemon_is_waited_for_only_so_long(daemon: DaemonProcess) -> None:
    with (
        SyncClient(daemon.socket_path, timeout_s=0.05) as client,
        pytest.raises(DaemonUnreachable, match="nothing came for"),
    ):
        client.next_event()
