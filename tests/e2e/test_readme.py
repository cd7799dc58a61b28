"""The examples of the README do what it says."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from pathlib import Path

import pytest

from ruster.testing import running_daemon

README = Path(__file__).resolve().parents[2] / "README.md"
EXAMPLES = re.findall(r"<!-- tested -->\n```(\w+)\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_there_are_examples() -> None:
    assert [language for language, _ in EXAMPLES] == ["sh", "sh", "python"]


@pytest.mark.parametrize(("language", "text"), EXAMPLES, ids=["nc", "socat", "python"])
async def test_an_example_gets_its_answer(language: str, text: str, folder: Path) -> None:
    for tool in ("nc", "socat", "jq"):
        if re.search(rf"^\s*{tool} ", text, re.MULTILINE) and shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    program = ("sh", "-c") if language == "sh" else (sys.executable, "-c")
    async with running_daemon(folder):
        process = await asyncio.create_subprocess_exec(
            *program,
            text.replace("/tmp/ruster.sock", "r.sock"),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(20):
            output, _ = await process.communicate()
    assert process.returncode == 0
    if " nc " in text:
        assert b'"delta":"Hello"' in output
        assert b'"done":true' in output.splitlines()[-1]
    else:
        assert output == b"Hello"
