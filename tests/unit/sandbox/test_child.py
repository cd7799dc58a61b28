"""Our own small programs in processes that can be killed."""

from __future__ import annotations

import pytest

from ruster.core.errors import ToolError
from ruster.sandbox.child import run_child
from ruster.sandbox.programs.readable import readable

ODD = "tests.unit.sandbox.programs.odd"


async def test_an_attachment_comes_after_the_request() -> None:
    ended = await run_child(ODD, {}, 20, attachment=b"\n\0\xff" * 100_000)

    assert ended.text.split() == ["said", "300000"]
    assert not ended.failure


async def test_what_was_said_before_the_time_was_over_is_kept() -> None:
    ended = await run_child(ODD, {"wait_s": 60}, 1)

    assert ended.timed_out
    assert ended.text == "said\n"


async def test_a_failure_tells_its_last_line() -> None:
    ended = await run_child(ODD, {"raise": "so it is"}, 20)

    assert ended.failure == "ValueError: so it is"
    assert ended.text == "said\n"


async def test_memory_is_bounded() -> None:
    ended = await run_child(ODD, {"bytes": 2 << 30}, 20)

    assert ended.failure == "MemoryError"


async def test_libraries_are_there_only_when_named() -> None:
    without = await run_child(ODD, {"import": "httpx"}, 20)
    with_it = await run_child(ODD, {"import": "httpx"}, 20, libraries=["httpx"])

    assert "No module named" in without.failure
    assert with_it.text.split() == ["said", "httpx", "0"]


async def test_a_missing_library_is_told() -> None:
    with pytest.raises(ToolError, match="no_such_library is not installed"):
        await run_child(ODD, {}, 20, libraries=["no_such_library"])


def test_code_of_a_page_can_be_told_from_its_text() -> None:
    page = "<h2>Run</h2><p>like this:<pre># not a heading\n  make</pre>and so on"

    assert readable(page, fenced=True).splitlines() == [
        "",
        "",
        "## Run",
        "like this:",
        "```",
        "# not a heading",
        "  make",
        "```",
        "and so on",
    ]
