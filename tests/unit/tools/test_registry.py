"""The one way to run a tool: look it up, check, decide, ask, run, keep."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import warnings
from pathlib import Path

import pytest

from ruster.core.errors import ToolError
from ruster.core.messages import ToolCall
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.core.tools import ActionKind, Cost, Effect, Outcome, Risk
from ruster.tools.provenance import work_origin
from ruster.tools.settings import FolderGrant, ToolSettings
from tests.unit.tools.support import (
    FakeTool,
    Person,
    Rules,
    builtins,
    call_of,
    registry_of,
    scope_in,
)


def runs_in(folder: Path) -> list[Path]:
    return sorted((folder / "runs").iterdir()) if (folder / "runs").exists() else []


async def test_tools_are_listed_in_order_whatever_the_order_they_came_in(tmp_path: Path) -> None:
    names = ["zeta", "alpha", "mid_1", "mid-2"]
    registry = registry_of(*map(FakeTool, names))
    registry.add(FakeTool("beta"))
    found = list(await registry.available(scope_in(tmp_path)))
    assert found == sorted([*names, "beta"])
    registry.remove("mid-2")
    assert "mid-2" not in await registry.available(scope_in(tmp_path))


async def test_what_every_session_has_is_told_without_one() -> None:
    registry = registry_of(FakeTool("zeta"), FakeTool("alpha", effects=frozenset({Effect.READS})))
    assert list(registry.common(privileged=True)) == ["alpha", "zeta"]
    assert list(registry.common(privileged=False)) == ["zeta"]


@pytest.mark.parametrize(
    ("effects", "risk"),
    [
        ({Effect.NETWORK, Effect.SPENDS}, Risk.HIGH),
        ({Effect.EXECUTES}, Risk.HIGH),
        ({Effect.WRITES}, Risk.MEDIUM),
        ({Effect.NETWORK}, Risk.MEDIUM),
        ({Effect.READS}, Risk.LOW),
        (set(), Risk.LOW),
    ],
)
def test_the_risk_of_a_tool_that_tells_none_follows_from_its_effects(
    effects: set[Effect], risk: Risk
) -> None:
    registry = registry_of(FakeTool("a", effects=frozenset(effects)))
    assert registry.common(privileged=True)["a"].risk is risk


@pytest.mark.parametrize("name", ["", "Upper", "a b", "x" * 65, "umläut", "a/b", "a\n"])
def test_names_outside_the_rule_are_refused(name: str) -> None:
    with pytest.raises(ToolError, match="may not be called"):
        registry_of(FakeTool(name))


def test_a_second_tool_of_a_name_is_refused() -> None:
    with pytest.raises(ToolError, match="already"):
        registry_of(FakeTool("same"), FakeTool("same"))


async def test_disabled_tools_are_not_there(tmp_path: Path) -> None:
    registry = registry_of(FakeTool("a"), FakeTool("b"), settings=ToolSettings(disabled=("a",)))
    assert list(await registry.available(scope_in(tmp_path))) == ["b"]
    assert (await registry.run(scope_in(tmp_path), call_of("a"))).failed


async def test_an_unknown_name_gets_the_near_ones(tmp_path: Path) -> None:
    registry = registry_of(FakeTool("file_read"), FakeTool("time_now"))
    outcome = await registry.run(scope_in(tmp_path), call_of("read_file"))
    assert outcome.failed
    assert outcome.hint == "did you mean file_read?"
    far = await registry.run(scope_in(tmp_path), call_of("q" * 500))
    assert far.hint == "available: file_read, time_now"
    assert len(far.text) < 200


async def test_wrong_arguments_are_told_in_one_hint_and_nothing_is_decided(tmp_path: Path) -> None:
    rules = Rules()
    registry = builtins(rules=rules)
    scope = scope_in(tmp_path)
    missing = await registry.run(scope, call_of("file_read"))
    assert missing.text == "file_read: the argument 'path' is missing"
    assert missing.hint is not None
    assert "path (string, required)" in missing.hint
    misspelt = await registry.run(scope, call_of("file_read", path="a", ofset=3))
    assert misspelt.text.endswith("there is no argument 'ofset'; did you mean 'offset'?")
    wrong = await registry.run(scope, call_of("file_read", path="a", offset=[1]))
    assert "'offset' is wrong" in wrong.text
    assert rules.seen == []


async def test_what_the_policy_sees_is_what_runs(tmp_path: Path) -> None:
    rules = Rules()
    registry = builtins(rules=rules)
    await registry.run(scope_in(tmp_path), call_of("file_read", path="notes.md", limit="7"))
    (action,) = rules.seen
    assert action.tool == "file_read"
    assert action.arguments == {"path": "notes.md", "limit": 7}
    assert action.target == str(tmp_path / "work" / "notes.md")
    assert (action.effects, action.risk) == (frozenset({Effect.READS}), Risk.LOW)


async def test_a_foreign_tool_has_the_risk_of_its_effects(tmp_path: Path) -> None:
    rules = Rules()
    tools = (
        FakeTool("a"),
        FakeTool("b", effects=frozenset({Effect.NETWORK})),
        FakeTool("c", effects=frozenset({Effect.EXECUTES, Effect.READS})),
    )
    registry = registry_of(*tools, rules=rules)
    for tool in tools:
        await registry.run(scope_in(tmp_path), call_of(tool.name))
    assert [it.risk for it in rules.seen] == [Risk.LOW, Risk.MEDIUM, Risk.HIGH]


@pytest.mark.parametrize(
    ("kinds", "approves", "runs"),
    [
        ([ActionKind.ALLOW], True, True),
        ([ActionKind.DENY], True, False),
        ([ActionKind.ASK], True, True),
        ([ActionKind.ASK], False, False),
        ([ActionKind.ASK, ActionKind.DENY], True, False),  # changed while the person thought
    ],
)
async def test_only_what_is_allowed_or_approved_runs(
    tmp_path: Path, kinds: list[ActionKind], approves: bool, runs: bool
) -> None:
    tool, person = FakeTool(), Person(approves)
    registry = registry_of(tool, rules=Rules(list(kinds)), person=person)
    outcome = await registry.run(scope_in(tmp_path), call_of("fake", what="x"))
    assert bool(tool.calls) is runs
    assert outcome.failed is not runs
    assert len(person.asked) == kinds.count(ActionKind.ASK)
    assert len(runs_in(tmp_path)) == int(runs)
    if not runs:
        assert "the test says so" in outcome.text


async def test_only_what_stays_in_the_work_folder_is_confined(tmp_path: Path) -> None:
    granted = tmp_path / "granted"
    granted.mkdir()
    settings = ToolSettings(folders=(FolderGrant(path=granted, mode="write"),))
    rules = Rules([ActionKind.DENY])
    registry = builtins(settings, rules=rules)
    for name, arguments in (
        ("file_write", {"path": "a", "content": "x"}),
        ("file_write", {"path": str(granted / "a"), "content": "x"}),
        ("file_edit", {"path": "a", "old": "x", "new": "y"}),
        ("shell", {"command": "ls"}),
        ("http_get", {"url": "https://a.org"}),
    ):
        await registry.run(scope_in(tmp_path / "session"), call_of(name, **arguments))
    assert [action.confined for action in rules.seen] == [True, False, True, False, False]


async def test_other_users_get_no_tool_with_effects(tmp_path: Path) -> None:
    rules = Rules()
    registry = builtins(rules=rules)
    stranger = scope_in(tmp_path, privileged=False)
    offered = {spec.name for spec in await registry.offer(stranger, [])}
    available = await registry.available(stranger)
    assert "time_now" in offered
    assert offered <= available.keys()
    assert not any(entry.tool.effects for entry in available.values())
    owners = (await registry.available(scope_in(tmp_path))).keys()
    for name in owners - available.keys():
        outcome = await registry.run(stranger, call_of(name))
        assert outcome.failed
        assert "owner" in outcome.text
    assert rules.seen == []
    assert not (await registry.run(stranger, call_of("time_now"))).failed
    assert {"shell", "file_read", "http_get"} <= owners - available.keys()


async def test_an_origin_taints_the_turn(tmp_path: Path) -> None:
    scope = scope_in(tmp_path)
    await registry_of(FakeTool()).run(scope, call_of("fake"))
    assert not scope.taint
    doubtful = FakeTool(answer=Outcome("x", failed=True, origin="web:a.example"))
    await registry_of(doubtful).run(scope, call_of("fake"))
    assert scope.taint.origins == {"web:a.example"}


async def test_a_failure_taints_too(tmp_path: Path) -> None:
    scope = scope_in(tmp_path)
    broken = FakeTool(error=ToolError("do as I say", origin="web:a.example"))
    outcome = await registry_of(broken).run(scope, call_of("fake"))
    assert (outcome.origin, scope.taint.origins) == ("web:a.example", {"web:a.example"})


async def test_what_is_kept_of_a_doubtful_turn_is_in_doubt(tmp_path: Path) -> None:
    registry = builtins()
    doubtful = scope_in(tmp_path)
    doubtful.taint.mark("web:a.example")
    await registry.run(doubtful, call_of("time_now"))
    (run,) = runs_in(tmp_path)
    later = scope_in(tmp_path)
    outcome = await registry.run(later, call_of("paginate_tool_output", tool_call_uuid=run.name))
    assert (outcome.failed, outcome.origin) == (False, "web:a.example")
    assert later.taint


async def test_a_tool_that_writes_what_it_brings_puts_the_work_folder_in_doubt(
    tmp_path: Path,
) -> None:
    writes = frozenset({Effect.WRITES})
    brings = FakeTool(effects=writes, answer=Outcome("x", origin="web:a.example"))
    await registry_of(brings).run(scope_in(tmp_path), call_of("fake"))
    assert work_origin(scope_in(tmp_path)) == "file:work"
    other = tmp_path / "other"
    other.mkdir()
    await registry_of(FakeTool(effects=writes)).run(scope_in(other), call_of("fake"))
    assert work_origin(scope_in(other)) is None


async def test_failures_are_outcomes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scope = scope_in(tmp_path)
    known = await registry_of(FakeTool(error=ToolError("no such thing"))).run(
        scope, call_of("fake")
    )
    assert (known.text, known.failed) == ("no such thing", True)
    broken = await registry_of(FakeTool(error=ZeroDivisionError("x"))).run(scope, call_of("fake"))
    assert broken.failed
    assert "broke" in broken.text


@pytest.mark.parametrize("cost", [Cost.CHEAP, Cost.EXPENSIVE])
async def test_a_call_has_a_time_limit(tmp_path: Path, cost: Cost) -> None:
    tool = FakeTool(wait=asyncio.Event(), cost=cost)
    settings = ToolSettings(timeout_s=0.01, expensive_timeout_s=0.02)
    outcome = await registry_of(tool, settings=settings).run(scope_in(tmp_path), call_of("fake"))
    assert outcome.failed
    assert "longer than" in outcome.text
    assert tool.running == 0


async def test_calls_beyond_the_bound_wait(tmp_path: Path) -> None:
    tool = FakeTool(wait=asyncio.Event())
    registry = registry_of(tool, settings=ToolSettings(parallel_calls=2))
    scope = scope_in(tmp_path)
    tasks = [spawn(registry.run(scope, call_of("fake")), name=f"call {n}") for n in range(6)]
    while tool.running < 2:
        await asyncio.sleep(0)
    assert tool.wait is not None
    tool.wait.set()
    outcomes = await asyncio.gather(*tasks)
    assert [it.text for it in outcomes] == ["done"] * 6
    assert tool.most == 2


async def test_cancelling_passes_through(tmp_path: Path) -> None:
    tool = FakeTool(wait=asyncio.Event())
    registry = registry_of(tool, settings=ToolSettings(parallel_calls=1))
    task = spawn(registry.run(scope_in(tmp_path), call_of("fake")), name="call")
    while not tool.running:
        await asyncio.sleep(0)
    await cancel_and_wait(task)
    assert task.cancelled()
    assert tool.running == 0
    assert tool.wait is not None
    tool.wait.set()  # and its place is free again
    assert not (await registry.run(scope_in(tmp_path), call_of("fake"))).failed


async def test_calls_that_remove_each_others_folders_leave_no_descriptor(tmp_path: Path) -> None:
    registry = registry_of(FakeTool(), settings=ToolSettings(kept_runs=1, parallel_calls=8))
    scope = scope_in(tmp_path)
    opened = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the count alone
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(20):
            await asyncio.gather(*(registry.run(scope, call_of("fake")) for _ in range(8)))
        gc.collect()
    assert [it.message for it in told if it.category is ResourceWarning] == []
    assert len(os.listdir("/proc/self/fd")) == opened  # noqa: PTH208


async def test_a_call_is_kept_in_a_folder_of_its_own(tmp_path: Path) -> None:
    answer = Outcome("\n".join(map(str, range(30))), stderr="\n".join("abcdefgh"), origin="web:x")
    registry = registry_of(FakeTool(answer=answer))
    scope = scope_in(tmp_path)
    registry.hear(scope, "do it")
    outcome = await registry.run(scope, ToolCall("c", "fake", {"what": "ü"}), said="I will")
    (run,) = runs_in(tmp_path)
    call = json.loads((run / "call").read_text())
    assert call["uuid"] == run.name
    assert (call["tool"], call["arguments"]) == ("fake", {"what": "ü"})
    assert (call["user_message"], call["assistant_text"]) == ("do it", "I will")
    assert call["timestamp"].startswith("2027")
    assert (run / "stdout").read_text() == answer.text
    assert (run / "stderr").read_text() == answer.stderr
    lines = outcome.text.splitlines()
    assert lines[:10] == list(map(str, range(10)))
    assert lines[10:16] == ["[stderr]", *"abcde"]
    assert run.name in lines[16]
    assert len(lines) == 17
    assert run.stat().st_mode & 0o077 == 0


async def test_what_is_shown_has_a_bound_in_bytes(tmp_path: Path) -> None:
    settings = ToolSettings(shown_bytes=2000, output_bytes=5000)
    tool = FakeTool(answer=Outcome("ü" * 100_000))
    outcome = await registry_of(tool, settings=settings).run(scope_in(tmp_path), call_of("fake"))
    assert len(outcome.text.encode()) < 2200
    (run,) = runs_in(tmp_path)
    assert run.name in outcome.text
    assert (run / "stdout").stat().st_size == 5000


async def test_kept_calls_are_bounded_in_number_and_bytes(tmp_path: Path) -> None:
    tool = FakeTool()
    registry = registry_of(tool, settings=ToolSettings(kept_runs=5, kept_runs_bytes=20_000))
    scope = scope_in(tmp_path)
    for _ in range(12):
        await registry.run(scope, call_of("fake"))
    assert len(runs_in(tmp_path)) == 5
    tool.answer = Outcome("x" * 9000)
    for _ in range(5):
        await registry.run(scope, call_of("fake"))
    files = [file for run in runs_in(tmp_path) for file in run.iterdir()]
    assert sum(file.stat().st_size for file in files) <= 20_000
    assert len(runs_in(tmp_path)) == 2
    last = sorted(runs_in(tmp_path), key=lambda run: run.stat().st_mtime_ns)[-1]
    assert (last / "stdout").stat().st_size == 9000


async def test_cancelled_calls_count_too(tmp_path: Path) -> None:
    registry = registry_of(FakeTool(wait=asyncio.Event()), settings=ToolSettings(kept_runs=3))
    for _ in range(6):
        task = spawn(registry.run(scope_in(tmp_path), call_of("fake")), name="call")
        before = set(runs_in(tmp_path))
        while set(runs_in(tmp_path)) == before:
            await asyncio.sleep(0.001)
        await cancel_and_wait(task)
    assert len(runs_in(tmp_path)) <= 3


async def test_nothing_runs_when_its_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    tool = FakeTool()
    outcome = await registry_of(tool).run(scope_in(tmp_path), call_of("fake"))
    assert outcome.failed
    assert tool.calls == []
