"""``rusterctl tui`` at a real terminal: tmux is the person's screen and keyboard."""

from __future__ import annotations

import asyncio
import os
import pty
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.e2e.test_cli import Ctl

from ruster.core.inference import Content
from ruster.testing import ScriptedProvider, running_daemon

_TMUX = shutil.which("tmux")
_CTL = (sys.executable, "-m", "ruster.cli.main")
_PATIENCE_S = 30.0
needs_tmux = pytest.mark.skipif(_TMUX is None, reason="tmux is not installed")


class Pane:
    """A terminal of its own; says the exit status when the program ends."""

    def __init__(self, folder: Path) -> None:
        self._base = (str(_TMUX), "-S", str(folder / "tmux"), "-f", "/dev/null")
        self._environment = Ctl(folder, TERM="screen-256color", LANG="C.UTF-8").environment

    async def start(self, *words: str) -> None:
        command = f"{shlex.join((*_CTL, *words))}; echo status=$?; exec cat"
        await self._tmux("new-session", "-d", "-x", "80", "-y", "24", command)

    async def type(self, *keys: str, literal: bool = False) -> None:
        await self._tmux("send-keys", *(("-l",) if literal else ()), *keys)

    async def text(self) -> str:
        return await self._tmux("capture-pane", "-p")

    async def shows(self, wanted: str) -> str:
        """Wait until the pane shows something, and return all of it."""
        shown = ""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while wanted not in shown:
                    await asyncio.sleep(0.05)
                    shown = await self.text()
        except TimeoutError:
            pytest.fail(f"{wanted!r} never came:\n{shown}")
        return shown

    async def pid(self) -> int:
        """Return the process of ``rusterctl``."""
        shell = (await self._tmux("display-message", "-p", "#{pane_pid}")).strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(children[0])

    async def end(self) -> None:
        await self._tmux("kill-server")

    async def _tmux(self, *words: str) -> str:
        child = await asyncio.create_subprocess_exec(
            *self._base, *words, stdout=asyncio.subprocess.PIPE, env=self._environment
        )
        out, _ = await child.communicate()
        return out.decode()


@asynccontextmanager
async def _pane(folder: Path, *words: str) -> AsyncIterator[Pane]:
    pane = Pane(folder)
    await pane.start("tui", *words)
    try:
        yield pane
    finally:
        await pane.end()


@needs_tmux
async def test_a_person_talks_at_a_real_terminal(folder: Path) -> None:
    hostile = ScriptedProvider([Content("so **bold**\x1b]2;owned\x07\x1b[5A\n\n- item")])
    async with (
        running_daemon(folder, providers={"s": hostile}, default_model="s/one"),
        _pane(folder) as pane,
    ):
        await pane.shows("● connected  main  s/one")
        await pane.type("hello there", literal=True)
        await pane.type("Enter")
        shown = await pane.shows("• item")
        assert "You ▸ hello there" in shown
        assert "so bold␛]2;owned␇␛[5A" in shown
        assert "owned" not in await pane._tmux("display-message", "-p", "#{pane_title}")
        await pane.type("F7")
        await pane.shows("Doing (0)")
        await pane.type("F1")
        await pane.shows("Everywhere")
        await pane.type("Escape")
        await pane.type("C-c")
        shown = await pane.shows("status=")
        assert "status=130" in shown
        assert "Doing" not in shown  # the terminal is as it was


@needs_tmux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_leave_the_terminal_as_it_was(folder: Path, number: signal.Signals) -> None:
    async with running_daemon(folder), _pane(folder, "-s", "work") as pane:
        await pane.shows("connected  work")
        os.kill(await pane.pid(), number)
        shown = await pane.shows("status=")
        assert f"status={128 + number}" in shown
        await pane.type("echoed", literal=True)
        await pane.shows("echoed")


@needs_tmux
async def test_a_fault_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import ruster.cli.why as w\n"
        "def broken(report):\n    raise ZeroDivisionError('on purpose')\n"
        "w.why_lines = broken\n"
    )
    paths = os.environ.get("PYTHONPATH", str(Path("src").resolve()))
    monkeypatch.setenv("PYTHONPATH", f"{site}:{paths}")
    async with running_daemon(folder), _pane(folder) as pane:
        await pane.shows("connected  main")
        await pane.type("hi", "Enter")
        await pane.shows("tokens")
        await pane.type("F9")
        shown = await pane.shows("status=")
        assert "status=1" in shown
        assert "rusterctl: a fault in rusterctl itself: ZeroDivisionError: on purpose" in shown
        assert "Traceback" not in shown


@needs_tmux
async def test_without_a_daemon_it_says_so_as_every_command_does(folder: Path) -> None:
    _, _, said = await Ctl(folder)("status")
    async with _pane(folder) as pane:
        shown = await pane.shows("status=")
        assert "status=3" in shown
        assert "".join(said.split()) in "".join(shown.split())


async def test_without_a_terminal_it_is_wrong_usage(folder: Path) -> None:
    status, out, err = await Ctl(folder)("tui")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "needs a terminal" in err


async def test_without_the_extra_its_name_is_said(folder: Path) -> None:
    code = (
        "import sys; sys.modules['textual'] = None\n"
        "from ruster.cli.main import main; sys.argv[1:] = ['tui']; main()"
    )
    master, slave = pty.openpty()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=slave, stdout=slave, stderr=asyncio.subprocess.PIPE,
        env=Ctl(folder).environment,
    )  # fmt: skip
    os.close(slave)
    _, err = await asyncio.wait_for(child.communicate(), _PATIENCE_S)
    os.close(master)
    assert child.returncode == 1
    assert err == b"rusterctl: the terminal interface is not installed: pip install 'ruster[tui]'\n"
