"""What tests of tools share: turns, policies and people on command, a plain sandbox."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruster.core.messages import Message, Role, ToolCall, ToolSpec
from ruster.core.sandbox import Completed, Output, ProcessSpec
from ruster.core.tools import (
    Action,
    ActionKind,
    Cost,
    Decision,
    Effect,
    Outcome,
    Tool,
    TurnScope,
    Verdict,
)
from ruster.core.web import WebAnswer
from ruster.testing import ManualClock
from ruster.tools.builtin import ToolPorts, builtin_tools
from ruster.tools.gate import Gate
from ruster.tools.registry import ToolRegistry
from ruster.tools.runs import RunFolders
from ruster.tools.settings import ToolSettings


def scope_in(folder: Path, *, privileged: bool = True, attended: bool = True) -> TurnScope:
    return TurnScope("work", "0/work", "t-1", 1000, privileged, folder, presence=lambda: attended)


@dataclass
class Rules:
    """A policy that says the same to everything, or one thing after the other."""

    kinds: list[ActionKind] = field(default_factory=lambda: [ActionKind.ALLOW])
    seen: list[Action] = field(default_factory=list)

    def decide(self, action: Action, scope: TurnScope) -> Decision:
        self.seen.append(action)
        kind = self.kinds.pop(0) if len(self.kinds) > 1 else self.kinds[0]
        return Decision(kind, "rule-7", "the test says so")


@dataclass
class Person:
    """Approves or not."""

    approves: bool = True
    asked: list[Action] = field(default_factory=list)

    async def ask(self, action: Action, decision: Decision, scope: TurnScope) -> Verdict:
        self.asked.append(action)
        return Verdict(self.approves, "ann")


@dataclass
class FakeTool:
    """A tool of somebody else, behind the core's port alone."""

    name: str = "fake"
    description: str = "Does a thing."
    effects: frozenset[Effect] = frozenset()
    cost: Cost = Cost.CHEAP
    answer: Outcome = field(default_factory=lambda: Outcome("done"))
    error: Exception | None = None
    wait: asyncio.Event | None = None
    parameters: dict[str, Any] = field(
        default_factory=lambda: {"type": "object", "properties": {"what": {"type": "string"}}}
    )
    running: int = 0
    most: int = 0
    calls: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(self.name, self.description, self.parameters)

    async def invoke(self, arguments: Mapping[str, Any], scope: TurnScope) -> Outcome:
        self.calls.append(arguments)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.wait is not None:
                await self.wait.wait()
            if self.error is not None:
                raise self.error
            return self.answer
        finally:
            self.running -= 1


def registry_of(
    *tools: Tool,
    rules: Rules | None = None,
    person: Person | None = None,
    settings: ToolSettings | None = None,
) -> ToolRegistry:
    settings = settings or ToolSettings()
    runs = RunFolders(settings, ManualClock())
    registry = ToolRegistry(Gate(rules or Rules(), person or Person()), runs, settings)
    registry.add(*tools)
    return registry


class PlainProcesses:
    """Runs programs without confining them; remembers what it was asked."""

    def __init__(self, *, dry: bool = False) -> None:
        self.jobs: list[ProcessSpec] = []
        self.dry = dry

    async def run(self, job: ProcessSpec) -> Completed:
        self.jobs.append(job)
        if self.dry:
            return completed(0)
        process = await asyncio.create_subprocess_exec(
            *job.argv,
            cwd=job.folder,
            env=job.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            stdout, stderr = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.communicate()
            raise
        assert process.returncode is not None
        return completed(process.returncode, stdout, stderr)


def completed(status: int, stdout: bytes = b"", stderr: bytes = b"") -> Completed:
    killed = -status if status < 0 else None
    shown = status if status >= 0 else None
    return Completed(shown, killed, None, Output(stdout), Output(stderr), 0.1, 0.1)


def web_answer(
    text: str = "<p>hello</p>",
    content_type: str = "text/html; charset=utf-8",
    status: int = 200,
) -> WebAnswer:
    url = "https://example.com/a"
    return WebAnswer(url, status, content_type, text.encode(), text, "web:example.com")


@dataclass
class FakeWeb:
    """A web server that always says the same."""

    answer: WebAnswer = field(default_factory=web_answer)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> WebAnswer:
        self.asked.append((method, url, body.decode()))
        return self.answer


@dataclass
class FakeConversation:
    origins: tuple[str, ...] = ()

    async def model(self, scope: TurnScope) -> str:
        return "ollama/llama3.2"

    async def tail(self, scope: TurnScope, limit: int) -> tuple[int, Sequence[Message]]:
        messages = [Message(Role.USER, f"message {n}", origins=self.origins) for n in range(60)]
        return len(messages), messages[-limit:]


@dataclass
class FakeAsker:
    answers: bool = True
    asked: list[str] = field(default_factory=list)

    async def question(self, text: str, scope: TurnScope) -> bool:
        self.asked.append(text)
        return self.answers


def builtins(
    settings: ToolSettings | None = None,
    *,
    rules: Rules | None = None,
    sandbox: PlainProcesses | None = None,
    web: FakeWeb | None = None,
    asker: FakeAsker | None = None,
    protected: tuple[Path, ...] = (),
) -> ToolRegistry:
    """Return a registry with the tools that come with ruster, all ports there but memory."""
    settings = settings or ToolSettings()
    clock = ManualClock()
    runs = RunFolders(settings, clock)
    ports = ToolPorts(
        clock,
        runs,
        conversation=FakeConversation(),
        asker=asker or FakeAsker(),
        sandbox=sandbox or PlainProcesses(dry=True),
        web=web or FakeWeb(),
        protected=protected,
    )
    registry = ToolRegistry(Gate(rules or Rules(), Person()), runs, settings)
    registry.add(*builtin_tools(settings, ports))
    return registry


def call_of(name: str, /, **arguments: Any) -> ToolCall:
    return ToolCall("c-1", name, arguments)


def children() -> set[int]:
    """Return the processes that this one has started and that are still there."""
    tasks = Path(f"/proc/{os.getpid()}/task")
    return {int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()}
