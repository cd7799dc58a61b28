"""How far downloads have come, as it is shown."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from ruster.core.inference import Progress
from ruster.ogenius.bringing import Bars, Tenths

_MB = 1_000_000


def test_a_bar_tells_speed_and_time_left() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    with Bars(console) as bars:
        for part in range(1, 6):
            bars.show("acme/tiny", Progress("tiny", part * _MB, 10 * _MB))
            bars.show("acme/\x1b[2Jodd", Progress("odd", part * _MB, 0))
    last = screen.getvalue().rpartition("acme/tiny")[2]
    assert "5.0/10.0 MB" in last
    assert re.search(r"\d+ [MGT]B/s +\d+:\d\d:\d\d", re.sub(r"\d\.\d ", "0 ", last)), last
    assert "\x1b[2Jodd" not in screen.getvalue()


def test_nothing_is_shown_of_what_is_here_already() -> None:
    screen = io.StringIO()
    with Bars(Console(file=screen, force_terminal=True)):
        pass
    assert screen.getvalue() == ""


def test_where_nobody_watches_there_is_a_line_a_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with Tenths() as tenths:
        for part in range(101):
            tenths.show("one", Progress("file", part, 100))
        for part in range(3):
            tenths.show("two", Progress("file", part * 50, 0))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"one: {tenth * 10} % of 100 bytes" for tenth in range(11)] + ["two: 0 %"]
