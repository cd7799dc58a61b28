"""Every example of docs/client.md does what it says, against a real daemon."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from ruster.testing import running_daemon
from ruster.testing.daemon import environment_for

_PAGE = Path(__file__).parents[2] / "docs" / "client.md"
_EXAMPLES = re.findall(r"^```(python|sh)\n(.*?)^```$", _PAGE.read_text("utf-8"), re.DOTALL | re.M)
_TOOLS = ("nc", "socat", "jq")
_EXPECTED = [
    "Name a city by the sea\nName a river\nName a mountain\n",
    "Tell me a short story",
    "1 accepted\n2 response\n3 response\n4 usage\n5 response\n",
    "session_not_found: ",
    "Hello\n6 accepted\n7 response\n8 response\n9 usage\n10 response\n0.",
    "created \naccepted \nresponse Thinking...\nresponse Hello\nusage \nresponse \n",
    '"event":"response"',
    "Hello",
    "What is a socket?\n",
]


def test_there_is_an_expectation_for_every_example() -> None:
    assert len(_EXAMPLES) == len(_EXPECTED)


@pytest.mark.parametrize("number", range(len(_EXAMPLES)))
async def test_an_example_runs(number: int, folder: Path) -> None:
    language, code = _EXAMPLES[number]
    missing = [tool for tool in _TOOLS if re.search(rf"\b{tool} ", code) and not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    code = code.replace("/tmp/ruster.sock", str(folder / "r.sock"))
    command = [sys.executable, "-c"] if language == "python" else ["bash", "-o", "pipefail", "-ec"]
    async with running_daemon(folder):
        child = await asyncio.create_subprocess_exec(
            *command,
            code,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(folder),
        )
        out, err = await asyncio.wait_for(child.communicate(), 30)
    assert (child.returncode, err) == (0, b"")
    assert _EXPECTED[number] in out.decode()


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment in which ``rusterctl`` is ours."""
    programs = folder / "bin"
    programs.mkdir()
    program = programs / "rusterctl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ruster.cli.main "$@"\n')
    program.chmod(0o755)
    keep = {name: os.environ[name] for name in ("PYTHONPATH", "HOME") if name in os.environ}
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return keep | environment_for(folder) | {"PATH": path, "PYTHONWARNINGS": "error"}
