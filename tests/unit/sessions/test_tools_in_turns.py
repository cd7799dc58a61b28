"""Tools in the turns of a session: questions to the person, accounts, whose words are whose."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruster.agent.settings import AgentSettings
from ruster.agent.turn import Agent
from ruster.core.inference import Content, ToolCallRequest, Usage
from ruster.core.messages import Message, ToolCall, ToolSpec
from ruster.core.tools import Outcome, TurnScope
from ruster.protocol.commands import SendMode
from ruster.sessions.conversing import Conversing
from ruster.sessions.store import SessionStore
from ruster.testing import ScriptedProvider
from tests.unit.sessions.support import UID, history, listen, open_store, say


@dataclass
class Tools:
    """``ask`` asks the person, ``web`` brings somebody else's words, ``wait`` waits."""

    store: SessionStore | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    most: int = 0
    order: list[str] = field(default_factory=list)
    taints: list[set[str]] = field(default_factory=list)

    async def offer(self, scope: TurnScope, messages: Sequence[Message]) -> tuple[ToolSpec, ...]:
        return ()

    async def changes(self, scope: TurnScope, call: ToolCall) -> bool:
        return call.name == "write"

    async def run(self, scope: TurnScope, call: ToolCall, said: str = "") -> Outcome:
        self.order.append(f"{call.name} begins")
        self.taints.append(set(scope.taint.origins))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return await self._run(scope, call)
        finally:
            self.running -= 1
            self.order.append(f"{call.name} ends")

    async def _run(self, scope: TurnScope, call: ToolCall) -> Outcome:
        if call.name == "ask":
            assert self.store is not None
            store = self.store
            answered = await Conversing(lambda: store).question("Which?", scope)
            return Outcome("[answered]" if answered else "no answer", rule="r")
        if call.name == "web":
            scope.taint.mark("web:example.com")
            return Outcome("their words", origin="web:example.com")
        if call.name == "wait":
            await self.gate.wait()
        await asyncio.sleep(0)
        return Outcome(call.name)


def calls(*names: str) -> tuple[ToolCallRequest, ...]:
    return tuple(ToolCallRequest(ToolCall(f"c{n}", name)) for n, name in enumerate(names))


class Opened:
    """A store whose agent has ``tools``."""

    def __init__(self, folder: Path, tools: Tools, *scripts: Any, **settings: Any) -> None:
        self.provider = ScriptedProvider(*scripts)
        self._opening = open_store(folder, providers={"pinky": self.provider}, **settings)
        self._tools = tools

    async def __aenter__(self) -> SessionStore:
        store = await self._opening.__aenter__()
        own = store._parts.agent
        agent = Agent(own.models, self._tools, own.settings, own.clock)
        object.__setattr__(store._parts, "agent", agent)
        self._tools.store = store
        return store

    async def __aexit__(self, *error: Any) -> None:
        await self._opening.__aexit__(*error)


async def test_what_is_said_while_a_question_waits_is_the_answer(tmp_path: Path) -> None:
    opened = Opened(tmp_path, Tools(), calls("ask"), (Content("Blue it is."),))
    async with opened as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        first = await session.send("paint it", SendMode.QUEUE, "a")
        asked = await listener.until(event="question")
        assert asked["question"] == "Which?"
        answer = await session.send("blue", SendMode.QUEUE, "b")
        assert answer.id == first.id  # it is part of the same turn
        await first.finished
        accepted = await listener.until(event="accepted", message="blue")
        assert accepted["mode"] == "steer"
    told = [(m.role.value, m.content) for m in opened.provider.requests[1].messages[1:]]
    assert told == [
        ("user", "paint it"),
        ("assistant", ""),
        ("tool", "[answered]"),
        ("user", "blue"),
    ]


async def test_a_question_nobody_answers_ends(tmp_path: Path) -> None:
    opened = Opened(tmp_path, Tools(), calls("ask"), (Content("ok"),), question_timeout_s=0.05)
    async with opened as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        await say(session, "paint it")
        assert (await listener.until(event="tool_call", phase="end"))["result_preview"] == (
            "no answer"
        )
        later = await session.send("blue", SendMode.QUEUE, None)
        await later.finished
    assert len(opened.provider.requests) == 3  # it is a message like any other


async def test_a_question_is_withdrawn_with_its_turn(tmp_path: Path) -> None:
    async with Opened(tmp_path, Tools(), calls("ask"), (Content("ok"),)) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        first = await session.send("paint it", SendMode.QUEUE, None)
        await listener.until(event="question")
        session.cancel()
        await first.finished
        second = await session.send("blue", SendMode.QUEUE, None)
        assert second.id != first.id
        await second.finished


async def test_calls_that_change_nothing_run_side_by_side(tmp_path: Path) -> None:
    tools = Tools()
    script = calls("wait", "look", "write", "look", "look")
    async with Opened(tmp_path, tools, script, (Content("ok"),)) as store:
        session = await store.create(UID, "work", None, None)
        queued = await session.send("go", SendMode.QUEUE, None)
        while "look ends" not in tools.order:
            await asyncio.sleep(0)
        assert "write begins" not in tools.order
        tools.gate.set()
        await queued.finished
        lines = [line for line in history(tmp_path / "work") if line["role"] == "tool"]
    results = [line["content"].partition("\n")[0] for line in lines]
    assert results == ["wait", "look", "write", "look", "look"]  # in the order they were asked for
    assert tools.most == 2
    begun = tools.order.index("write begins")
    assert tools.order[begun + 1] == "write ends"


async def test_somebody_elses_words_mark_all_that_comes_of_them(tmp_path: Path) -> None:
    tools = Tools()
    scripts = (calls("web", "look"), calls("look"), (Content("so they say"),), (Content("ok"),))
    async with Opened(tmp_path, tools, *scripts) as store:
        session = await store.create(UID, "work", None, None)
        await say(session, "read it")
    origin = ["web:example.com"]
    lines = history(tmp_path / "work")
    assert [line.get("origins") for line in lines] == [
        None, None, origin, origin, origin, origin, origin,
    ]  # fmt: skip
    assert tools.taints[-1] == {"web:example.com"}

    again = Tools()
    async with Opened(tmp_path, again, calls("look"), (Content("ok"),)) as store:
        session = await store.get(UID, "work")
        await say(session, "and now?")  # after a restart, with their words still in view
    assert again.taints == [{"web:example.com"}]


async def test_why_tells_how_the_answer_came_about(tmp_path: Path) -> None:
    scripts = (calls("look", "web"), (Content("ok"), Usage(20, 3, 5)))
    async with Opened(tmp_path, Tools(), *scripts) as store:
        session = await store.create(UID, "work", None, None)
        assert await session.ending(None) is None
        await say(session, "one")
        first = await session.ending(None)
        assert first is not None
        await say(session, "two")
        last = await session.ending(None)
        assert last is not None
        assert last["turn"] != first["turn"]
        assert (await session.ending(first["turn"])) == first
        assert await session.ending("t-nothing") is None
    why = first["why"]
    assert (why["steps"], why["prompt_tokens"], why["cached_tokens"]) == (2, 20, 5)
    assert [(call["tool"], call.get("origin")) for call in why["tools"]] == [
        ("look", None),
        ("web", "web:example.com"),
    ]
    assert why["prompt_bytes"]["turn"] > 0


async def test_a_model_that_goes_in_circles_is_ended(tmp_path: Path) -> None:
    async with Opened(tmp_path, Tools(), calls("look")) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        await say(session, "go")
        error = await listener.until(event="error")
        assert error["code"] == "tool_loop"
    tool_lines = [line for line in history(tmp_path / "work") if line["role"] == "tool"]
    assert len(tool_lines) == 4
    assert "2 times" in tool_lines[1]["content"]


async def test_only_so_many_calls_of_one_step_are_run(tmp_path: Path) -> None:
    tools = Tools()
    script = tuple(
        ToolCallRequest(ToolCall(f"c{n}", "look", {"n": n}))  # each another one
        for n in range(40)
    )
    async with Opened(tmp_path, tools, script, (Content("ok"),)) as store:
        session = await store.create(UID, "work", None, None)
        await say(session, "go")
    results = [line["content"] for line in history(tmp_path / "work") if line["role"] == "tool"]
    assert len(results) == 40  # none is left without an answer
    assert [text for text in results if text == "look"] == ["look"] * 32
    assert "at most 32 calls" in results[-1]


async def test_huge_arguments_end_the_turn(tmp_path: Path) -> None:
    script = (ToolCallRequest(ToolCall("c", "look", {"x": "y" * 5000})),)
    agent = AgentSettings(max_answer_bytes=4096)
    async with Opened(tmp_path, Tools(), script, agent=agent) as store:
        session = await store.create(UID, "work", None, None)
        listener = await listen(session)
        await say(session, "go")
        assert (await listener.until(event="error"))["code"] == "answer_too_large"
