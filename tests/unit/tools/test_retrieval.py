"""Which tools a request offers."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ruster.core.messages import Message, Role, ToolCall, ToolSpec
from ruster.core.tools import TurnScope
from ruster.tools.settings import ToolSettings
from tests.unit.tools.support import FakeTool, builtins, registry_of, scope_in

PARAMETERS = {
    "type": "object",
    "properties": {
        name: {"type": "string", "description": f"The {name} of what is wanted."}
        for name in ("place", "unit", "day")
    },
}


def user(text: str) -> Message:
    return Message(Role.USER, text)


def size(offered: tuple[ToolSpec, ...]) -> int:
    """Count the bytes as an OpenAI-shaped request has them."""
    body = [
        {
            "type": "function",
            "function": {
                "name": it.name,
                "description": it.description,
                "parameters": it.parameters,
            },
        }
        for it in offered
    ]
    return len(json.dumps(body, separators=(",", ":")))


def names(offered: tuple[ToolSpec, ...]) -> list[str]:
    return [spec.name for spec in offered]


_SESSIONS = itertools.count()


def other_session(folder: Path) -> TurnScope:
    return replace(scope_in(folder), session_key=f"0/{next(_SESSIONS)}")


def hundred() -> list[FakeTool]:
    topics = ("weather", "train", "recipe", "music", "invoice", "garden", "stock", "poem", "map")
    return [
        FakeTool(
            f"{topics[n % 9]}_{n}",
            f"Looks up the {topics[n % 9]} number {n}, with many words that describe it well.",
            parameters=PARAMETERS,
        )
        for n in range(100)
    ]


@pytest.mark.parametrize(
    "message",
    [
        "hello",
        "the weather in Rome, please",
        " ".join(["weather train recipe music invoice garden stock poem map number"] * 50),
    ],
)
async def test_a_hundred_tools_do_not_fill_the_request(tmp_path: Path, message: str) -> None:
    registry = builtins()
    registry.add(*hundred())
    offered = await registry.offer(scope_in(tmp_path), [user(message)])
    assert size(offered) < 6 * 1024
    available = await registry.available(scope_in(tmp_path))
    everything = tuple(entry.spec for entry in available.values())
    assert size(everything) > 5 * 6 * 1024  # without a choice it would not fit


async def test_a_conversation_that_used_all_tools_fits_too(tmp_path: Path) -> None:
    registry = registry_of(*hundred())
    calls = tuple(ToolCall(str(n), tool.name) for n, tool in enumerate(hundred()))
    messages = [Message(Role.ASSISTANT, "", tool_calls=calls), user("go on")]
    offered = await registry.offer(scope_in(tmp_path), messages)
    assert size(offered) < 6 * 1024
    assert "poem_97" in names(offered) or "map_98" in names(offered)


async def test_what_the_message_asks_for_is_offered(tmp_path: Path) -> None:
    registry = builtins()
    registry.add(*hundred())
    offered = names(await registry.offer(other_session(tmp_path), [user("weather?")]))
    assert any(name.startswith("weather") for name in offered)
    hello = names(await registry.offer(other_session(tmp_path), [user("hello")]))
    assert hello == ["file_read", "shell", "time_now", "web_fetch"]
    for message, wanted in (
        ("search the files for a regex", "file_search"),
        ("what are my uncommitted changes in git?", "git_diff"),
        ("list the folder", "dir_list"),
        ("replace the text in that file", "file_edit"),
    ):
        scope = other_session(tmp_path)
        assert wanted in names(await registry.offer(scope, [user(message)])), message


async def test_what_was_offered_stays_while_there_is_room(tmp_path: Path) -> None:
    """Models read the tools before the conversation: a new set is a conversation read anew."""
    registry = builtins()
    registry.add(*hundred())
    scope = scope_in(tmp_path)
    first = await registry.offer(scope, [user("list the folder")])
    assert "dir_list" in names(first)
    assert await registry.offer(scope, [user("hello")]) == first
    crowd = await registry.offer(scope, [user("weather train recipe music invoice garden stock")])
    assert {"weather_0", "shell"} <= {*names(crowd)} or size(crowd) > 4000
    assert size(crowd) < 6 * 1024


async def test_what_was_used_stays(tmp_path: Path) -> None:
    registry = builtins()
    call = ToolCall("c", "dir_list", {})
    messages = [user("list"), Message(Role.ASSISTANT, "", tool_calls=(call,)), user("thanks")]
    offered = names(await registry.offer(scope_in(tmp_path), messages))
    assert "dir_list" in offered
    assert "paginate_tool_output" in offered  # only useful after a call
    assert "paginate_tool_output" not in names(
        await registry.offer(other_session(tmp_path), [user("thanks")])
    )


async def test_the_order_is_stable_and_the_last_message_counts(tmp_path: Path) -> None:
    registry = builtins()
    scope = scope_in(tmp_path)
    first = await registry.offer(scope, [user("git status"), user("hello")])
    assert first == await registry.offer(other_session(tmp_path), [user("hello")])
    assert names(first) == sorted(names(first))
    registry.remove("shell")
    assert "shell" not in names(await registry.offer(scope, [user("hello")]))


async def test_the_core_is_a_setting(tmp_path: Path) -> None:
    registry = builtins(ToolSettings(core=("dir_list", "no_such_tool")))
    assert names(await registry.offer(scope_in(tmp_path), [user("hello")])) == ["dir_list"]


async def test_nobody_is_asked_who_is_not_there(tmp_path: Path) -> None:
    registry = builtins()
    question = [user("ask the person which one")]
    assert "ask_user" in names(await registry.offer(scope_in(tmp_path), question))
    away = scope_in(tmp_path, attended=False)
    assert "ask_user" not in names(await registry.offer(away, question))


async def test_the_tools_of_ruster_are_small_and_plain(tmp_path: Path) -> None:
    registry = builtins()
    entries = (await registry.available(scope_in(tmp_path))).values()
    assert size(tuple(entry.spec for entry in entries)) < 6 * 1024
    text = json.dumps([entry.spec.parameters for entry in entries])
    assert not any(word in text for word in ("title", "default", "anyOf", "$ref"))
