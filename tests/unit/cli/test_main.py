"""The command line itself: its help, its light start, its way with errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from ruster.cli.guard import FAILED, INTERRUPTED, NO_DAEMON, guarded
from ruster.cli.lazy import Entry
from ruster.cli.main import COMMANDS, app
from ruster.core.errors import DaemonUnreachable, SessionError

_HEAVY = {"rich", "pydantic", "prompt_toolkit", "asyncio", "ruster.config", "ruster.protocol"}

_NO_DAEMON_NEEDED = (["proxy", "serve"],)
_FOR_PEOPLE_ALONE = (["tui"],)


def _paths(entries: dict[str, Entry] | None = None) -> Iterator[list[str]]:
    for name, entry in (entries or COMMANDS).items():
        yield [name]
        yield from (
            [name, *path] for path in (_paths(dict(entry.entries)) if entry.entries else ())
        )


def _entry(path: list[str]) -> Entry:
    found = COMMANDS[path[0]]
    for name in path[1:]:
        found = found.entries[name]
    return found


@pytest.mark.parametrize("path", list(_paths()), ids=" ".join)
def test_every_command_has_help(path: list[str]) -> None:
    result = CliRunner().invoke(app(), [*path, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output
    assert result.output.count("Commands:") == bool(_entry(path).entries)


@pytest.mark.parametrize(
    "path",
    [p for p in _paths() if not _entry(p).entries and p not in _NO_DAEMON_NEEDED],
    ids=" ".join,
)
def test_every_command_takes_json_and_socket(path: list[str]) -> None:
    output = CliRunner().invoke(app(), [*path, "--help"]).output
    assert ("--json" in output) is (path not in _FOR_PEOPLE_ALONE)
    assert "--socket" in output


def test_the_help_of_all_commands_imports_nothing_heavy() -> None:
    code = "import sys; import ruster.cli.main as m; m.app()(['--help'], standalone_mode=False); "
    code += "print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in COMMANDS:
        assert f"  {name} " in done.stdout
    assert not _HEAVY & set(done.stderr.split())


@pytest.mark.parametrize("group", sorted(name for name, entry in COMMANDS.items() if entry.entries))
def test_the_help_of_a_group_imports_nothing_heavy(group: str) -> None:
    code = "import atexit, sys; from ruster.cli.main import main; "
    code += "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    code += f"sys.argv = ['rusterctl', {group!r}, '--help']; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    inside = CliRunner().invoke(app(), [group, "--help"], prog_name="rusterctl")
    assert done.stdout == inside.output
    assert not _HEAVY & set(done.stderr.split())


def test_a_group_by_itself_is_called_by_its_whole_name() -> None:
    program = [sys.executable, "-m", "ruster.cli.main", "memory", "serch"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Usage: rusterctl memory [OPTIONS] COMMAND" in done.stderr
    assert "'rusterctl memory -h'" in done.stderr
    assert "serch" in done.stderr


def test_wrong_usage_is_status_2() -> None:
    for words in (["dance"], ["ask", "--louder"], ["config", "get"]):
        assert CliRunner().invoke(app(), words).exit_code == 2, words


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_printed(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruster.cli.main", "--show-completion", shell],
        # Without this typer asks which shell its parent is, and a build server may have none.
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "rusterctl" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (SessionError("no such session"), FAILED, "rusterctl: no such session\n"),
        (ValueError("oops"), FAILED, "rusterctl: a fault in rusterctl itself: ValueError: oops\n"),
        (DaemonUnreachable("the daemon went"), NO_DAEMON, "rusterctl: the daemon went\n"),
        (KeyboardInterrupt(), INTERRUPTED, ""),
    ],
)
def test_whatever_goes_wrong_is_one_line_and_a_status(
    error: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _status_of(error) == status
    assert capsys.readouterr().err == said


def test_a_reader_that_went_away_is_no_error() -> None:
    code = "from ruster.cli.main import main; import sys; sys.argv = ['x', '--help']; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert b"Traceback" not in child.stderr.read()


def _status_of(error: BaseException) -> int:
    def fail() -> None:
        raise error

    with pytest.raises(typer.Exit) as left:
        guarded(fail)()
    return int(left.value.exit_code)
