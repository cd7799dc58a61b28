"""The command line itself: its help, its light start, its way with errors."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ruster.ogenius.main import COMMANDS, app

_HEAVY = {"rich", "pydantic", "prompt_toolkit", "asyncio", "ruster.config", "ruster.genius"}
_PATHS = [
    [name, *path]
    for name, entry in COMMANDS.items()
    for path in ([], *([inner] for inner in entry.entries))
]
_SHARED = ("--quant", "--context-size", "--show-thinking", "--no-show-thinking", "--load-models")


def _help(*path: str) -> str:
    result = CliRunner().invoke(app(), [*path, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("path", _PATHS, ids=" ".join)
def test_every_command_has_help(path: list[str]) -> None:
    assert "Usage:" in _help(*path)


def test_the_help_imports_nothing_heavy() -> None:
    code = "import sys; import ruster.ogenius.main as m; m.app()(['--help'], standalone_mode=False)"
    code += "; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in COMMANDS:
        assert f"  {name} " in done.stdout
    assert not _HEAVY & set(done.stderr.split())


def test_flags_are_those_that_were_promised() -> None:
    for command in ("chat", "serve"):
        for flag in (*_SHARED, "--model", "--stub"):
            assert flag in _help(command), (command, flag)
    serve = _help("serve")
    for flag in ("--addr", "--ws-addr", "--unload-after", "--no-unload", "--no-open"):
        assert flag in serve
    for default in ("127.0.0.1:8080", "127.0.0.1:8081", "300"):
        assert default in serve
    assert "Qwen/Qwen2.5-1.5B-Instruct" in _help("chat")
    for flag in ("--model", "--quant", "--input", "--context-size"):
        assert flag in _help("embed")
    assert "--quant" in _help("download")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_printed(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruster.ogenius.main", "--show-completion", shell],
        # Without this typer asks which shell its parent is, and a build server may have none.
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ogenius" in done.stdout, done.stderr


def test_wrong_usage_is_status_2() -> None:
    for words in (
        ["dance"],
        ["download"],
        ["chat", "--louder"],
        ["chat", "--context-size", "0"],
        ["serve", "--unload-after", "-1"],
    ):
        assert CliRunner().invoke(app(), words).exit_code == 2, words


def test_the_program_says_its_own_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruster.ogenius.main", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("ogenius ")
