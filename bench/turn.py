"""What a turn costs beside the model: ``pinky/echo`` over the socket against a bare echo server."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from bench.client import Client
from bench.figure import Figure, percentile
from bench.installed import SKILLS, TOOLS, install_tools, wait_for_tools
from bench.installed_skills import write_skills
from bench.processes import daemon, echo_server

__all__ = ["measure"]

_LINE = b'{"action":"send","session_id":"bench","message":"How are you today, and what is new?"}\n'
_RECORD_BYTES = 256
_WARM_UP = 50
_UNCHANGED = 1.1
"""A turn that takes no more than so many times as long counts as unchanged."""
_COMMIT = "append and fdatasync of two files; a turn waits for two such commits"


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Take turns, echoes and disk writes one after the other, many times."""
    turns: list[float] = []
    echoes: list[float] = []
    disk: list[float] = []
    crowded: list[float] = []
    packages, many = folder / "packages", folder / "many"
    install_tools(packages, TOOLS)
    write_skills(many / "config" / "skills", SKILLS)
    with (
        daemon(folder / "plain") as server,
        daemon(many, packages) as crowd,
        echo_server(folder) as echo,
        Client(server.socket_path) as client,
        Client(crowd.socket_path) as other,
        Client(echo.socket_path) as control,
        _Disk(folder) as files,
    ):
        wait_for_tools(other, expected=True)
        for each in (client, other):
            each.ask({"action": "create", "session_id": "bench"}, "created")
        for number in range(_WARM_UP + (300 if quick else 2000)):
            taken = (
                _seconds(lambda: client.turn(_LINE)),
                _seconds(lambda: other.turn(_LINE)),
                _seconds(lambda: control.echo(_LINE)),
                _seconds(files.write),
            )
            if number >= _WARM_UP:
                for samples, seconds in zip((turns, crowded, echoes, disk), taken, strict=True):
                    samples.append(seconds * 1000)
    plain = percentile(turns, 50)
    return [
        _overhead(turns, echoes, 50, 5.0),
        _overhead(turns, echoes, 95, 10.0),
        Figure(
            f"turn p50 with {SKILLS} skills and {TOOLS} tools",
            percentile(crowded, 50),
            "ms",
            plain * _UNCHANGED,
            plain,
            "control: the same turn with neither",
        ),
        Figure("disk commit p50", percentile(disk, 50), "ms", note=_COMMIT),
        Figure(
            "turn p50 beside two disk commits",
            percentile(turns, 50) - 2 * percentile(disk, 50),
            "ms",
            control=percentile(echoes, 50),
            note="control: echo",
        ),
    ]


def _overhead(turns: list[float], echoes: list[float], percent: int, target: float) -> Figure:
    whole, control = percentile(turns, percent), percentile(echoes, percent)
    return Figure(
        f"turn overhead p{percent}",
        whole - control,
        "ms",
        target,
        control,
        f"whole turn {whole:.2f} ms; control: echo",
    )


def _seconds(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


class _Disk:
    """Two files beside the daemon's, written as a commit writes the two journals of a session."""

    def __init__(self, folder: Path) -> None:
        self._paths = [folder / "control-1.bin", folder / "control-2.bin"]
        self._files: list[int] = []

    def __enter__(self) -> _Disk:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._files = [os.open(path, flags, 0o600) for path in self._paths]
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            os.close(file)

    def write(self) -> None:
        """Make one record durable in each."""
        for file in self._files:
            os.write(file, b"x" * _RECORD_BYTES)
        for file in self._files:
            getattr(os, "fdatasync", os.fsync)(file)
