"""Turns cancelled at random points of all they may do: each ends, leaves nothing, and goes on.

``--cancels N`` cancels so many.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ruster.app import Daemon
from ruster.core.ids import new_id
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    InferenceRequest,
    ProcessStart,
    ToolCallRequest,
)
from ruster.core.messages import Message, Role, ToolCall
from ruster.core.ports import ModelInfo
from ruster.testing import RawClient, running_daemon

_SIDE_BY_SIDE = 8
_SEED = 7
_LATEST_S = (0.02, 0.1, 0.3, 0.9)
_SETTLED_S = 20.0
_SLEEP = f"98{os.getpid()}"
"""Seconds that only processes of this test sleep for."""
_SKILL = """---
name: tester
description: Sleeps.
tools:
  - name: doze
    description: Dozes.
    exec: sleep {sleep} & sleep {sleep}
---
Sleep.
"""
_SCRIPT_SKILL = "---\nname: waiter\ndescription: Waits.\n---\nWait.\n"
_RULES = (
    '{"rules": [{"subject_kind": "tool", "subject_name": "*", "action": "allow"},'
    '{"subject_kind": "tool", "subject_name": "http_post", "action": "ask"}]}'
)


class BusyModel:
    """Implements ``core.ports.Provider``: ``do KIND`` has it make the calls of that kind.

    ``wrong`` tells what no model would take: calls without results, results without calls.
    """

    def __init__(self, kinds: dict[str, Sequence[tuple[str, dict[str, Any]]]]) -> None:
        self.kinds = kinds
        self.wrong: list[str] = []

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        yield ProcessStart()
        self.wrong += _unpaired(request.messages)
        last = request.messages[-1]
        said = last.content.rpartition("\n")[2]  # before it may stand what skills say
        kind = said.removeprefix("do ")
        if last.role is not Role.USER or kind == said:
            yield Content("here")
        elif kind == "stream":
            for number in range(200):
                yield Content(f"{number} ")
                await asyncio.sleep(0.002)
        else:
            for tool, arguments in self.kinds[kind]:
                yield ToolCallRequest(ToolCall(new_id("call"), tool, arguments))
            yield Complete(FinishReason.TOOL_CALLS)
            return
        yield Complete()

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo("busy/any")]

    async def context_size(self, model: str) -> int | None:
        return 1_000_000

    async def aclose(self) -> None:
        return


def _unpaired(messages: Sequence[Message]) -> list[str]:
    owed: dict[str, str] = {}
    wrong = []
    for message in messages:
        if message.role is Role.TOOL:
            if owed.pop(message.tool_call_id or "", None) is None:
                wrong.append(f"a result of {message.name} without a call")
            continue
        wrong += [f"a call of {name} without a result" for name in owed.values()]
        owed = {call.id: call.name for call in message.tool_calls}
    return wrong + [f"a call of {name} without a result" for name in owed.values()]


def _kinds(slow: str, foreign: Path) -> dict[str, Sequence[tuple[str, dict[str, Any]]]]:
    sleep = f"sleep {_SLEEP}"
    search = {"path": str(foreign), "regex": "(a+)+$"}
    return {
        "stream": (),
        "command": (("shell", {"command": f"{sleep} & (setsid {sleep} &) ; {sleep}; true"}),),
        "commands": (
            ("shell", {"command": "true"}),
            ("shell", {"command": f"for i in 1 2 3 4 5; do {sleep} & done; wait"}),
        ),
        "approval": (("http_post", {"url": slow, "body": "x"}),),
        "reads": (
            ("file_search", search),
            ("web_fetch", {"url": slow}),
            ("dir_list", {"path": str(foreign)}),
            ("git_status", {"path": str(foreign)}),
            ("time_now", {}),
        ),
        "writes": tuple(("file_write", {"path": f"{n}", "content": "x" * n}) for n in range(9)),
        "skill's file": (
            ("run_skill_script", {"skill_name": "tester", "script_name": "sleep.sh"}),
        ),
        "skill's tool": (("doze", {}),),
        "script": (("waiter", {"args": slow}),),
        "computing script": (("waiter", {"args": ""}),),
        "fetch": (("web_fetch", {"url": slow}),),
        "question": (("ask_user", {"question": "Which?"}),),
    }


@pytest.fixture
async def slow() -> AsyncIterator[str]:
    """The address of a server that begins an answer and never ends it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\nx")
        with contextlib.suppress(ConnectionError):
            while await reader.read(1000):
                pass
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    server.close()
    await server.wait_closed()


@pytest.fixture
def model(folder: Path, slow: str) -> BusyModel:
    """The model, in whose folder all is that it wants to use."""
    foreign = folder / "foreign"
    foreign.mkdir()
    (foreign / "long").write_text("a" * 40 + "!\n")
    skills = folder / "config" / "skills"
    scripts = skills / "tester" / "scripts"
    scripts.mkdir(parents=True)
    (skills / "tester" / "SKILL.md").write_text(_SKILL.format(sleep=_SLEEP))
    (scripts / "sleep.sh").write_text(f"sleep {_SLEEP} & sleep {_SLEEP}\n")
    (skills / "waiter").mkdir()
    (skills / "waiter" / "SKILL.md").write_text(_SCRIPT_SKILL)
    (skills / "waiter" / "skill.py").write_text(
        "def main(args):\n    while not args:\n        pass\n    return http_get(args)\n"
    )
    (folder / "config" / "config.toml").write_text(
        'skill_selector = "keywords"\ninitial_skills = ["tester", "waiter"]\n'
        "[memory]\nenabled = false\n"  # it keeps files of its own open, a bounded number
        f"[trust]\npolicy_json = '{_RULES}'\n"
        f'[web]\nallow = ["{slow.removeprefix("http://").removesuffix("/")}"]\n'
        f'[[tools.folders]]\npath = "{foreign}"\ntrusted = true\n'
    )
    return BusyModel(_kinds(slow, foreign))


class Round:
    """One session with its two clients: what says things, and what cancels them."""

    def __init__(self, name: str, client: RawClient, other: RawClient) -> None:
        self.name = name
        self.client = client
        self.other = other

    async def cancel(self, kind: str, after_s: float, *, interrupt: bool) -> str:
        """Begin something, cancel it after a while, say something else; return how it ended."""
        send = {"action": "send", "session_id": self.name}
        await self.client.ask(send | {"message": f"do {kind}"}, "accepted")
        await asyncio.sleep(after_s)
        if interrupt:
            await self.other.ask(send | {"message": "go on", "mode": "interrupt"}, "accepted")
        else:
            await self.other.ask({"action": "cancel", "session_id": self.name}, "cancel")
        end = (await self.client.turn())[-1]
        if not interrupt:
            await self.client.send(send | {"message": "go on"})
        events = await self.client.turn()
        said = "".join(e["delta"] for e in events if e["event"] == "response" and "phase" not in e)
        assert said == "here", (kind, after_s, end, events)
        return str(end["event"])


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the count alone


def _left() -> list[str]:
    """Return the children of this process, and whatever sleeps as only our commands do."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == os.getpid() or f"sleep {_SLEEP}" in command:
            found.append(f"{entry.name} {command}")
    return found


async def _settled(daemon: Daemon, descriptors: int) -> None:
    """Wait until nothing is left of the turns; what stays is told by the assertions."""
    async with asyncio.timeout(_SETTLED_S):
        while daemon.tools.registry._slots._value < daemon._settings.tools.parallel_calls:
            await asyncio.sleep(0.01)
    await daemon.tools.scripts.aclose()  # those that wait for more scripts
    for _ in range(int(_SETTLED_S / 0.02)):
        if not _left() and _descriptors() <= descriptors and not _turns():
            break
        await asyncio.sleep(0.02)
    assert _left() == []
    assert _turns() == []
    assert _descriptors() <= descriptors
    assert daemon.trust.approvals.pending() == ()


def _turns() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("turn ")]


async def test_a_turn_can_be_cancelled_anywhere(
    folder: Path, model: BusyModel, request: pytest.FixtureRequest
) -> None:
    count = int(request.config.getoption("--cancels"))
    chance = random.Random(_SEED)
    kinds = list(model.kinds)
    ends: list[str] = []
    names = [f"s{number}" for number in range(_SIDE_BY_SIDE)]
    settings: dict[str, Any] = {"default_model": "busy/any", "sessions_sync": "false"}
    start = partial(running_daemon, folder, providers={"busy": model}, **settings)
    async with start() as daemon, AsyncExitStack() as stack:
        rounds = []
        for name in names:
            clients = [RawClient(folder / "r.sock", timeout_s=15) for _ in range(2)]
            one, other = [await stack.enter_async_context(it) for it in clients]
            await one.ask({"action": "create", "session_id": name}, "created")
            rounds.append(Round(name, one, other))
        await asyncio.gather(
            *(
                it.cancel(kind, 0.5, interrupt=False)
                for it, kind in zip(rounds, kinds, strict=False)
            )
        )
        await daemon.tools.scripts.aclose()
        descriptors = _descriptors()
        for first in range(0, count, _SIDE_BY_SIDE):
            ends += await asyncio.gather(
                *(
                    it.cancel(
                        kinds[(first + number) % len(kinds)],
                        chance.uniform(0, chance.choice(_LATEST_S)),
                        interrupt=chance.random() < 0.2,
                    )
                    for number, it in enumerate(rounds)
                )
            )
            await _settled(daemon, descriptors)
    assert model.wrong == []
    assert ends.count("cancelled") > len(ends) // 2
    async with start(), RawClient(folder / "r.sock") as client:
        for name in names:
            assert await client.say(name, "go on") == "here"
    assert model.wrong == []


# The controls: what is left would be seen


async def test_a_process_that_is_left_is_seen() -> None:
    hidden = await asyncio.create_subprocess_exec("setsid", "sleep", _SLEEP)
    try:
        assert [line for line in _left() if f"sleep {_SLEEP}" in line]
    finally:
        hidden.kill()
        await hidden.wait()
    assert _left() == []


def test_a_descriptor_that_is_left_is_seen() -> None:
    before = _descriptors()
    with open("/dev/null"):  # noqa: PTH123 - a descriptor, no matter whose
        assert _descriptors() == before + 1
    assert _descriptors() == before


def test_calls_and_results_that_do_not_fit_are_seen() -> None:
    call = Message(Role.ASSISTANT, "", tool_calls=(ToolCall("a", "look"),))
    result = Message(Role.TOOL, "x", tool_call_id="a", name="look")
    said = Message(Role.USER, "go on")
    assert _unpaired([said, call, result, said]) == []
    assert len(_unpaired([said, call, said])) == 1
    assert len(_unpaired([said, call])) == 1
    assert len(_unpaired([said, result, said])) == 1
