"""The bound on root's processes."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from ruster.core.sandbox import Limits
from ruster.sandbox.process_cgroup import group_missing, grouped

_FORKS = "i=0; while [ $i -lt 40 ]; do sleep 1 & i=$((i+1)); done; echo all"
_COMMAND = ("/bin/sh", "-c", _FORKS)


def _run(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env={}, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.root
def test_root_cannot_fork_beyond_the_bound() -> None:
    if os.geteuid() != 0 or group_missing() is not None:
        pytest.skip("needs root and control groups")
    assert _run(_COMMAND).stdout == "all\n"  # the control
    with ExitStack() as stack:
        command = grouped(_COMMAND, Limits(processes=4), stack)
        group = Path(command[3])
        assert group.is_dir()
        done = _run(command)
        assert "all" not in done.stdout
        assert "fork" in done.stderr
    assert not group.exists()


@pytest.mark.root
def test_what_a_killed_daemon_left_is_removed() -> None:
    if os.geteuid() != 0 or group_missing() is not None:
        pytest.skip("needs root and control groups")
    with ExitStack() as stack:
        mine = Path(grouped(_COMMAND, Limits(), stack)[3])
        left = mine.with_name("ruster-99999999-run")
        left.mkdir()
        assert group_missing() is None
        assert not left.exists()
        assert mine.exists()


def test_without_a_group_root_has_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("ruster.sandbox.process_cgroup._ROOT", Path("/nowhere"))
    monkeypatch.setattr("ruster.sandbox.process_cgroup._OLD_ROOT", Path("/nowhere/pids"))
    assert "ordinary user" in (group_missing() or "")
    with ExitStack() as stack, pytest.raises(OSError, match="nowhere"):
        grouped(_COMMAND, Limits(), stack)


def test_an_ordinary_user_needs_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert group_missing() is None
    with ExitStack() as stack:
        assert grouped(_COMMAND, Limits(), stack) == _COMMAND
