"""The ``/tool`` text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.messages import ToolCall
from ruster.core.tools import ActionKind, TurnScope
from ruster.tools.text import ToolText, ToolTexts, parse_tool_text
from ruster.tools.typed import WrongUse
from tests.unit.tools.support import FakeTool, Rules, builtins, registry_of, scope_in

LIMIT = 200


async def call_for(text: str, folder: Path) -> ToolCall | None:
    return await ToolTexts(builtins(), LIMIT).call(scope_in(folder), text)


async def answer_to(texts: ToolTexts, scope: TurnScope, text: str) -> str:
    outcome = await texts.answer(scope, text)
    assert outcome is not None
    return outcome.text


@pytest.mark.parametrize(
    "text", ["hello", "", "/toolbox a", " /tool time_now", "/TOOL time_now", "use /tool x", "/too"]
)
def test_other_messages_are_left_alone(text: str) -> None:
    assert parse_tool_text(text, LIMIT) is None


@pytest.mark.parametrize("text", ["/tool", "/tool ", "/tool\n"])
def test_the_command_alone_asks_for_the_list(text: str) -> None:
    assert parse_tool_text(text, LIMIT) == ToolText(None, "")


def test_name_and_arguments() -> None:
    assert parse_tool_text("/tool time_now", LIMIT) == ToolText("time_now", "")
    assert parse_tool_text("/tool  a-1   b c ", LIMIT) == ToolText("a-1", "b c")


@pytest.mark.parametrize("name", ["Time", "a.b", "x" * 65, "../x", "é", "{}"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(WrongUse, match="no name of a tool"):
        parse_tool_text(f"/tool {name} x", LIMIT)


@pytest.mark.parametrize("character", ["\n", "\t", "\0", "\x1b", "\x7f", "\x85"])
def test_control_characters_are_refused(character: str) -> None:
    with pytest.raises(WrongUse, match="control characters"):
        parse_tool_text(f"/tool shell ls{character}rm", LIMIT)
    parse_tool_text("/tool shell lsrm", LIMIT)


def test_arguments_have_a_cap() -> None:
    assert parse_tool_text("/tool shell " + "x" * LIMIT, LIMIT) is not None
    with pytest.raises(WrongUse, match="201 characters long"):
        parse_tool_text("/tool shell " + "x" * (LIMIT + 1), LIMIT)


@given(st.text(max_size=300))
def test_any_text_is_a_call_or_not_or_refused(text: str) -> None:
    for message in (text, f"/tool {text}", f"/tool time_now {text}"):
        try:
            parsed = parse_tool_text(message, LIMIT)
        except WrongUse:
            continue
        assert parsed is None or len(parsed.arguments) <= LIMIT


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("time_now", {}),
        ("time_now Europe/Berlin", {"timezone": "Europe/Berlin"}),
        ('file_read {"path": "a b", "limit": 3}', {"path": "a b", "limit": 3}),
        ("file_read path='a b' limit=3", {"path": "a b", "limit": "3"}),
        ("file_read notes of may.md", {"path": "notes of may.md"}),
        ("shell ls --color=never", {"command": "ls --color=never"}),
        ("shell echo 'not closed", {"command": "echo 'not closed"}),
        ("file_read a=b.md", {"path": "a=b.md"}),
        (r'file_write {"path":"a","content":"1\n2"}', {"path": "a", "content": "1\n2"}),
    ],
)
async def test_three_ways_to_write_arguments(
    tmp_path: Path, text: str, arguments: dict[str, object]
) -> None:
    call = await call_for(f"/tool {text}", tmp_path)
    assert call is not None
    assert call.arguments == arguments


@pytest.mark.parametrize(
    "text",
    [
        "file_read {'path': 1}",
        'file_read {"limit": NaN}',
        "file_read " + '{"a":' * 30 + "[" * 60,
        "file_read path=a path=b",
        "file_write notes.md",
    ],
)
async def test_arguments_that_cannot_be_read_are_refused(tmp_path: Path, text: str) -> None:
    assert await call_for(f"/tool {text}", tmp_path) is None
    texts = ToolTexts(builtins(), LIMIT)
    assert (await answer_to(texts, scope_in(tmp_path), f"/tool {text}")).startswith("error: ")


@pytest.mark.parametrize(
    "text", ["look: /tool time_now", "/tool time_now\nand then", "/tool", "/tool no_such", "12:00"]
)
async def test_what_a_model_writes_is_only_a_call_when_it_is_nothing_else(
    tmp_path: Path, text: str
) -> None:
    assert await call_for(text, tmp_path) is None
    assert await call_for(" /tool time_now UTC\n", tmp_path) is not None


async def test_the_answer_needs_no_model(tmp_path: Path) -> None:
    texts = ToolTexts(builtins(), LIMIT)
    scope = scope_in(tmp_path)
    answer = await answer_to(texts, scope, "/tool time_now UTC")
    assert answer == "[tool:time_now]\n2027-01-15T08:00:00+00:00 Friday"
    assert await texts.answer(scope, "what time is it?") is None
    listing = await answer_to(texts, scope, "/tool")
    listed = [line.partition(":")[0] for line in listing.splitlines()]
    assert listed == sorted(listed)
    assert {"time_now", "session_tail", "model_info"} <= set(listed)
    wrong = await answer_to(texts, scope, "/tool tme_now")
    assert wrong == "error: there is no tool 'tme_now'\ndid you mean time_now?"
    failed = await answer_to(texts, scope, "/tool file_read offset=x path=a")
    assert failed.startswith("[tool:file_read] failed\nfile_read: the argument 'offset' is wrong")


async def test_the_policy_holds_for_texts_too(tmp_path: Path) -> None:
    tool, rules = FakeTool(), Rules([ActionKind.DENY])
    texts = ToolTexts(registry_of(tool, rules=rules), LIMIT)
    answer = await answer_to(texts, scope_in(tmp_path), "/tool fake x")
    assert answer == "[tool:fake] failed\ndenied by rule-7: the test says so"
    assert tool.calls == []
    assert rules.seen[0].arguments == {"what": "x"}


async def test_other_users_see_and_use_only_what_is_theirs(tmp_path: Path) -> None:
    texts = ToolTexts(builtins(), LIMIT)
    stranger = scope_in(tmp_path, privileged=False)
    listing = await answer_to(texts, stranger, "/tool")
    assert "shell" not in listing
    refused = await answer_to(texts, stranger, "/tool shell id")
    assert refused == "error: shell is for the owner of this machine's ruster only"
