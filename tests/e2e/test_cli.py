"""``rusterctl`` as a person and a script meet it: real processes, a real daemon, a real pty."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ruster.core.errors import ProviderError
from ruster.core.inference import Content
from ruster.testing import DaemonProcess, RawClient, ScriptedProvider, running_daemon
from ruster.testing.daemon import environment_for

_PATIENCE_S = 20
_LONG = " ".join(f"word{n}" for n in range(400))
_CTL = (sys.executable, "-m", "ruster.cli.main")
_HOSTILE = "\x1b]0;owned\x07\x1b[2Jwiped"


class Ctl:
    """Runs ``rusterctl`` against the daemon in ``folder``."""

    program = _CTL

    def __init__(self, folder: Path, **environment: str) -> None:
        keep = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        self.environment = keep | environment_for(folder) | {"TERM": "xterm"} | environment

    async def start(self, *words: str, stdin: int = asyncio.subprocess.PIPE) -> _Process:
        return await asyncio.create_subprocess_exec(
            *self.program,
            *words,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment,
        )

    async def __call__(self, *words: str, piped: str | bytes = "") -> tuple[int, str, str]:
        """Return exit status, stdout and stderr."""
        child = await self.start(*words)
        data = piped if isinstance(piped, bytes) else piped.encode()
        out, err = await asyncio.wait_for(child.communicate(data), 30)
        return child.returncode or 0, out.decode("utf-8", "replace"), err.decode()

    async def events(self, *words: str, piped: str = "") -> list[dict[str, object]]:
        """Return what a command prints as JSON Lines."""
        _, out, err = await self(*words, "--json", piped=piped)
        assert err == ""
        return [json.loads(line) for line in out.splitlines()]


_Process = asyncio.subprocess.Process


async def test_ask_prints_the_answer_and_nothing_else(folder: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        assert await ctl("ask", "what", "is up?") == (0, "what is up?\n", "")
        assert await ctl("ask", "see:", piped="one\ntwo\n") == (0, "see:\n\none\ntwo\n", "")
        assert await ctl("ask", piped="only this") == (0, "only this\n", "")
        assert await ctl("ask", "-m", "pinky/tiny-model", "hi") == (0, "Pinky says: hi\n", "")
        status, out, err = await ctl("ask")
        assert (status, out) == (2, "")
        assert "pipe it in" in err


async def test_a_failed_turn_is_status_1_and_said_on_stderr(folder: Path) -> None:
    failing = ScriptedProvider([Content("half"), ProviderError("it broke")])
    async with running_daemon(folder, providers={"bad": failing}):
        ctl = Ctl(folder)
        assert await ctl("ask", "-m", "bad/one", "hi") == (1, "half\n", "rusterctl: it broke\n")
        events = await ctl.events("ask", "hi")
        assert (events[-1]["event"], events[-1]["code"]) == ("error", "provider_failed")
        status, out, _ = await ctl("ask", "-s", "../etc", "--json", "hi")
        assert (status, json.loads(out)["code"]) == (1, "invalid_name")


@pytest.mark.parametrize(
    "words",
    [
        ["ask", "hi"],
        ["chat"],
        ["status"],
        ["models", "list"],
        ["sessions", "list"],
        ["raw"],
        ["cancel"],
    ],
    ids=lambda words: words[0],
)
async def test_without_a_daemon_one_line_says_how_to_start_one(
    folder: Path, words: list[str]
) -> None:
    status, out, err = await Ctl(folder)(*words)
    assert (status, out) == (3, "")
    assert err.count("\n") == 1
    for hint in ("no daemon listens on", "ruster", "make run", "systemctl --user start ruster"):
        assert hint in err
    events = await Ctl(folder).events(*words)
    assert events[0]["code"] == "daemon_unreachable"


async def test_every_command_prints_json_that_parses(folder: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        answer = await ctl.events("ask", "-s", "work", "hi there")
        assert answer[0]["event"] == "accepted"
        assert answer[-1]["done"] is True
        assert (await ctl.events("status"))[0]["event"] == "status"
        assert (await ctl.events("models", "list"))[0]["event"] == "models"
        assert (await ctl.events("cancel", "-s", "work"))[0]["event"] == "cancel"
        assert (await ctl.events("config", "get", "default_model"))[0]["value"] == "pinky/echo"
        assert (await ctl.events("config", "list"))[0]["event"] == "config_list"
        assert (await ctl.events("sessions", "list"))[0]["sessions"] == ["work"]
        roles = [record["role"] for record in await ctl.events("sessions", "show", "work")]
        assert roles == ["user", "assistant"]
        assert len(await ctl.events("sessions", "export", "work")) == 2
        talked = await ctl.events("chat", "-s", "work", piped="hello\n")
        assert talked[-1]["done"] is True
        assert (await ctl.events("raw", piped='{"action":"ping"}\n'))[0]["event"] == "pong"
        assert (await ctl.events("sessions", "delete", "work"))[0]["event"] == "deleted"


async def test_lines_that_are_piped_in_are_messages(folder: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        status, out, err = await ctl("chat", piped="one\r\n\n/model\ntwo words\nquit\nnever\n")
        assert (status, out, err) == (0, "one\nmodel: pinky/echo\ntwo words\n", "")
        status, out, err = await ctl("chat", "-m", "nobody/here", piped="one")
        assert (status, out, err.count("\n")) == (1, "", 1)


async def test_sessions_can_be_listed_shown_exported_and_deleted(folder: Path) -> None:
    async with running_daemon(folder), RawClient(folder / "r.sock") as raw:
        await raw.ask({"action": "create", "session_id": "work", "title": "Tea\ttime"})
        for n in range(60):  # more than one page
            await raw.say("work", f"number {n}")
        ctl = Ctl(folder)
        _, listed, _ = await ctl("sessions", "list")
        assert re.fullmatch(r"work\tpinky/echo\t\S+\tTea time\n", listed)
        _, shown, _ = await ctl("sessions", "show", "work", "-n", "2")
        assert shown == "YOU > number 59\nAI > number 59\n"
        _, everything, _ = await ctl("sessions", "show", "work", "-n", "0")
        assert everything.count("\n") == 120
        target = folder / "out.md"
        assert await ctl("sessions", "export", "work", "-o", str(target)) == (0, "", "")
        text = target.read_text()
        assert text.startswith("# work\n\n## You, ")
        assert text.count("## Assistant, ") == 60
        _, lines, _ = await ctl("sessions", "export", "work", "-f", "jsonl")
        assert [json.loads(line)["content"] for line in lines.splitlines()][-1] == "number 59"
        assert await ctl("sessions", "delete", "work") == (0, "deleted work\n", "")
        status, _, err = await ctl("sessions", "show", "work")
        assert (status, err.count("\n")) == (1, 1)


async def test_settings_are_read_and_changed_with_their_types(folder: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        assert await ctl("config", "get", "log_level") == (0, "info\n", "")
        assert (await ctl("config", "set", "log_level", "debug"))[0] == 0
        assert await ctl("config", "get", "log_level") == (0, "debug\n", "")
        status, out, _ = await ctl("config", "set", "proactive_interval_secs", "77")
        assert (status, out[:29]) == (0, "proactive_interval_secs = 77 ")
        assert (await ctl("config", "set", "skills_dirs", "/tmp/a,/tmp/b"))[0] == 0
        _, listed, _ = await ctl("config", "list")
        assert 'skills_dirs\t["/tmp/a", "/tmp/b"]\n' in listed
        status, _, err = await ctl("config", "set", "log_levle", "debug")
        assert status == 1
        assert "log_level" in err


async def test_raw_pipes_lines_both_ways_and_ends_with_the_last_answer(folder: Path) -> None:
    async with running_daemon(folder):
        lines = ['{"action":"create","session_id":"a"}', '{"action":"ping","id":1}', "nonsense"]
        status, out, err = await Ctl(folder)("raw", piped="\n".join(lines))
        kinds = [json.loads(line)["event"] for line in out.splitlines()]
        assert (status, kinds, err) == (0, ["created", "pong", "error"], "")
        many = '{"action":"status"}\n' * 3000
        status, out, _ = await Ctl(folder)("raw", piped=many)
        assert (status, out.count("\n")) == (0, 3000)


async def test_ctrl_c_cancels_the_turn_of_ask_and_no_other(folder: Path) -> None:
    async with running_daemon(folder), RawClient(folder / "r.sock") as raw:
        await raw.ask({"action": "create", "session_id": "main", "model": "pinky/slow"})
        await raw.send({"action": "send", "session_id": "main", "message": _LONG})
        first = (await raw.event("accepted"))["turn"]
        child = await Ctl(folder).start("ask", _LONG)
        assert child.stdin is not None
        child.stdin.close()
        second = (await raw.event("accepted"))["turn"]
        child.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(child.communicate(), 30)
        assert (child.returncode, err) == (130, b"")
        assert (await raw.event("cancelled"))["turn"] == second
        await raw.send({"action": "cancel", "session_id": "main"})
        assert (await raw.event("cancelled"))["turn"] == first
    assert b"word399" not in out


async def test_a_closed_pipe_ends_quietly(folder: Path) -> None:
    async with running_daemon(folder), RawClient(folder / "r.sock") as raw:
        await raw.ask({"action": "create", "session_id": "main"})
        await raw.say("main", "x" * 500_000)
        child = await Ctl(folder).start("sessions", "show", "main")
        assert child.stdout is not None
        child.stdout._transport.close()  # type: ignore[attr-defined]
        _, err = await asyncio.wait_for(child.communicate(), 30)
    assert (child.returncode, err) == (141, b"")


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1"])
async def test_other_locales_than_utf8_bring_no_traceback(folder: Path, locale: str) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder, LC_ALL=locale, PYTHONCOERCECLOCALE="0", PYTHONUTF8="0",
                  PYTHONIOENCODING="ascii:strict")  # fmt: skip
        status, out, err = await ctl("ask", "tea ☕?", piped="ünïcode".encode("latin-1"))
        assert (status, err) == (0, "")
        assert out.startswith("tea ?")
        assert (await ctl.events("ask", "☕"))[0]["message"] == "☕"


# At a terminal


class Terminal:
    """A program on a pty."""

    def __init__(self, fd: int, process: _Process) -> None:
        self.process = process
        self._fd = fd
        self._screen = ""
        self._arrived = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, self._read)

    async def until(self, *texts: str) -> str:
        """Wait until each text has appeared, one after the other; return what came up to there."""
        taken = ""
        for text in texts:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    while text not in self._screen:
                        self._arrived.clear()
                        await self._arrived.wait()
            except TimeoutError:
                raise AssertionError(f"{text!r} never came, but {self._screen!r}") from None
            before, _, self._screen = self._screen.partition(text)
            taken += before + text
        return taken

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._fd, keys.encode())

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
        self._screen += data.decode("utf-8", "replace")
        if "\x1b[6n" in self._screen:  # the cursor's position is asked for
            self._screen = self._screen.replace("\x1b[6n", "")
            os.write(self._fd, b"\x1b[1;1R")
        self._arrived.set()


@asynccontextmanager
async def _terminal(
    folder: Path, *words: str, program: tuple[str, ...] = _CTL, **environment: str
) -> AsyncIterator[Terminal]:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *program,
        *words,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=Ctl(folder, LANG="C.UTF-8", **environment).environment,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def test_a_chat_is_streamed_cancelled_and_gone_on_with(folder: Path) -> None:
    async with (
        running_daemon(folder, default_model="pinky/slow"),
        _terminal(folder, "chat") as screen,
    ):
        await screen.until("session main, model pinky/slow", "YOU >")
        screen.type(_LONG + "\r")
        await screen.until("AI > ", "word0 word1 ")
        screen.type("\x03")
        await screen.until("[cancelled]", "YOU >")
        screen.type("still here?\r")
        await screen.until("AI > ", "still here?", "YOU >")
        screen.type("/model pinky/echo\r")
        await screen.until("model: pinky/echo", "YOU >")
        screen.type("first\x1b\rsecond\\\rthird\r")
        await screen.until("AI > ", "first\r\nsecond\r\nthird", "YOU >")
        screen.type("half a line\x03\x03")
        await screen.until("Ctrl-C again")
        screen.type("\x03")
        assert await screen.process.wait() == 0
    assert (folder / "data" / "state" / "chat_history").read_text().count("\n+") >= 6


@pytest.mark.parametrize("leave", ["exit\r", "quit\r", "/quit\r", "\x04"])
async def test_a_chat_is_left(folder: Path, leave: str) -> None:
    async with running_daemon(folder), _terminal(folder, "chat") as screen:
        await screen.until("YOU >")
        screen.type(leave)
        assert await screen.process.wait() == 0


async def test_a_message_that_is_refused_is_one_line(folder: Path) -> None:
    async with (
        running_daemon(folder),
        _terminal(folder, "chat") as screen,
        RawClient(folder / "r.sock") as raw,
    ):
        await screen.until("YOU >")
        await raw.ask({"action": "delete", "session_id": "main"})
        screen.type("hello\r")
        shown = await screen.until("there is no session", "YOU >")
        assert "Traceback" not in shown
        screen.type("/new\r")
        await screen.until("session: chat-1", "YOU >")


async def test_every_slash_command_answers(folder: Path) -> None:
    async with running_daemon(folder), _terminal(folder, "chat") as screen:
        await screen.until("YOU >")
        for typed, shown in (
            ("/help", "/think"),
            ("/new tea", "session: tea"),
            ("/new", "session: chat-1"),
            ("/sessions", "tea"),
            ("/switch tea", "session: tea"),
            ("/switch nowhere", "there is no session"),
            ("hello", "AI > "),
            ("/history", "YOU > hello"),
            ("/status", "default model"),
            ("/cancel", "no turn is running"),
            ("/think off", "thinking is hidden"),
            ("/model", "model: pinky/echo"),
            ("/dance", "there is no /dance"),
        ):
            screen.type(typed + "\r")
            await screen.until(shown, "YOU >")


async def test_a_model_cannot_command_the_terminal(folder: Path) -> None:
    hostile = ScriptedProvider([Content(_HOSTILE)])
    async with running_daemon(folder, providers={"bad": hostile}):
        async with _terminal(folder, "ask", "-m", "bad/one", "hi") as screen:
            assert await screen.until("wiped") == "␛]0;owned␇␛[2Jwiped"
        async with _terminal(folder, "chat") as screen:
            await screen.until("YOU >")
            screen.type("hi\r")
            await screen.until("AI > \x1b[0m␛]0;owned␇␛[2Jwiped")
        async with _terminal(folder, "sessions", "show", "main") as screen:
            await screen.until("␛]0;owned␇␛[2Jwiped")
        _, out, _ = await Ctl(folder)("sessions", "export", "main")
        assert _HOSTILE in out


async def test_a_chat_outlives_its_daemon(folder: Path) -> None:
    async with (
        DaemonProcess(folder, default_model="pinky/slow") as daemon,
        _terminal(folder, "chat") as screen,
    ):
        await screen.until("YOU >")
        screen.type("one two three four five six seven\r")
        await screen.until("AI > ", "one two ")
        await daemon.kill()
        await daemon.start()
        await screen.until("here is the answer anew", "one two three four five six seven", "YOU >")
        await _twice(daemon.kill, daemon.start)
        screen.type("hello again\r")
        await screen.until("AI > ", "hello again", "YOU >")


async def _twice(*steps: Callable[[], Awaitable[object]]) -> None:
    for step in steps * 2:
        await step()


async def test_names_of_sessions_are_completed(folder: Path) -> None:
    async with running_daemon(folder), RawClient(folder / "r.sock") as raw:
        for name in ("work", "worry", "home"):
            await raw.ask({"action": "create", "session_id": name})
        words = "rusterctl sessions show wor"
        ctl = Ctl(folder, _RUSTERCTL_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD="3")
        assert (await ctl())[1].split() == ["work", "worry"]
