"""A call on the command line becomes a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.cli.tools import tool_text
from ruster.tools.text import ToolTexts
from tests.unit.tools.support import FakeTool, registry_of, scope_in

_FIELDS = ("path", "limit")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "/tool t"),
        (["path=a", "limit=5"], "/tool t path=a limit=5"),
        (["path=a b"], "/tool t 'path=a b'"),
        (["FOO=1 make"], "/tool t FOO=1 make"),
        (["path=a", "and", "more"], "/tool t path=a and more"),
        (['{"path": "a b"}'], '/tool t {"path": "a b"}'),
        (["path=it's"], "/tool t 'path=it'\"'\"'s'"),
    ],
)
def test_words_that_name_arguments_keep_their_blanks(words: list[str], text: str) -> None:
    assert tool_text("t", words, _FIELDS) == text


@pytest.mark.parametrize("value", ["a b", "it's", 'say "x"', "a=b c", "$(ls) `x` \\"])
async def test_the_daemon_reads_what_was_written(tmp_path: Path, value: str) -> None:
    tool = FakeTool("t")
    texts = ToolTexts(registry_of(tool), 1000)
    await texts.answer(scope_in(tmp_path), tool_text("t", [f"what={value}"], ["what"]))
    assert tool.calls == [{"what": value}]
