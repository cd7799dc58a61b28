"""What the policy says to calls, and that its files are read as they are now."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ruster.core.errors import ConfigError
from ruster.core.tools import Action, ActionKind, Effect, Risk
from ruster.trust.facts import Facts, host_of, simple_command
from ruster.trust.grants import narrow_rule
from ruster.trust.rules import Rule
from tests.unit.trust.support import (
    House,
    fetching,
    house,
    reading,
    rules,
    scope,
    shell,
    tainted,
    writing,
)

ALLOW, ASK, DENY = ActionKind.ALLOW, ActionKind.ASK, ActionKind.DENY
_ADD = Action("add", {"a": 1}, frozenset(), Risk.LOW)


def _tool(name: str, action: str, **fields: Any) -> dict[str, Any]:
    return {"subject_kind": "Tool", "subject_name": name, "action": action, **fields}


def _command(name: str, action: str, **fields: Any) -> dict[str, Any]:
    return {"subject_kind": "Command", "subject_name": name, "action": action, **fields}


def _write(folder: Path, *items: dict[str, Any]) -> None:
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "policy.json").write_text(rules(*items))


def _says(house: House, action: Action, **fields: Any) -> ActionKind:
    return house.policy.decide(action, scope(house.folder, **fields)).kind


async def test_without_rules_tools_compute_and_read_their_own_and_ask_for_all_else(
    folder: Path,
) -> None:
    async with house(folder, folders=(folder / "notes",)) as it:
        (folder / "notes").mkdir()
        (folder / "notes" / "out").symlink_to(folder)
        assert _says(it, _ADD) is ALLOW
        assert _says(it, reading(folder / "session" / "a.txt")) is ALLOW
        assert _says(it, reading(folder / "notes" / "a.txt")) is ALLOW
        for elsewhere in ("/etc/passwd", folder / "notes" / ".." / "x", "session/a", "~/x", "a\0b"):
            assert _says(it, reading(elsewhere)) is ASK
        assert _says(it, reading(folder / "notes" / "out" / "a.txt")) is ASK
        assert _says(it, writing(folder / "session" / "a.txt")) is ASK
        assert _says(it, shell("ls")) is ASK
        assert _says(it, fetching("https://example.com")) is ASK
        nowhere = Action("file_read", {}, frozenset({Effect.READS}), Risk.LOW)
        assert _says(it, nowhere) is ASK
        both = Action(
            "up", {}, frozenset({Effect.READS, Effect.NETWORK}), Risk.LOW, str(folder / "session/a")
        )
        assert _says(it, both) is ASK


async def test_what_stays_in_the_work_folder_is_allowed_until_a_rule_or_a_floor_says_no(
    folder: Path,
) -> None:
    confined = replace(shell("demo"), confined=True)
    async with house(folder) as it:
        assert _says(it, confined) is ALLOW
        assert it.policy.decide(confined, tainted(folder)).kind is ASK
        assert _says(it, confined, privileged=False) is DENY
        for said, kind in (("Ask", ASK), ("Deny", DENY)):
            _write(folder, _tool("shell", said))
            assert _says(it, confined) is kind


async def test_the_last_rule_that_matches_wins_over_all_sources(folder: Path) -> None:
    more = folder / "more.json"
    more.write_text(rules(_tool("shell", "Deny", reason="no shells")))
    _write(folder, _tool("*", "Deny"), _tool("shell", "Allow"))
    last = rules(_tool("shell", "ask"))
    async with house(folder, auto_allow=("file_*",)) as it:
        assert _says(it, shell("ls")) is ALLOW
        assert _says(it, writing("/srv/x")) is DENY
    async with house(folder, policy_path=more) as it:
        decided = it.policy.decide(shell("ls"), scope(folder))
        assert (decided.kind, decided.rule) == (DENY, "more.json, rule 1")
        assert decided.reason == "no shells"
    async with house(folder, policy_path=more, policy_json=last) as it:
        explained = it.policy.explain(shell("ls"), scope(folder))
        assert explained.decision.rule == "trust.policy_json, rule 1"
        assert [said.rule for said in explained.matched] == [
            "built in: all else",
            "policy.json, rule 1",
            "policy.json, rule 2",
            "more.json, rule 1",
            "trust.policy_json, rule 1",
        ]
    (folder / "config" / "policy.json").unlink()
    async with house(folder, auto_allow=("file_*",)) as it:
        assert _says(it, writing("/srv/x")) is ALLOW


@pytest.mark.parametrize(
    ("rule", "action", "fits"),
    [
        (_tool("file_*", "Deny"), writing("/a/b"), True),
        (_tool("file_[", "Deny"), writing("/a/b"), False),
        (_tool("*", "Deny", when_contains_args={"content": "it"}), writing("/a", "with"), True),
        (_tool("*", "Deny", when_contains_args={"content": "secret"}), writing("/a", "x"), False),
        (_tool("*", "Deny", when_contains_args={"nothing": "x"}), writing("/a"), False),
        (_tool("add", "Deny", when_contains_args={"a": 1}), _ADD, True),
        (_tool("add", "Deny", when_contains_args={"a": True}), _ADD, False),
        (_tool("add", "Deny", when_contains_args={"a": "1"}), _ADD, False),
        (_tool("*", "Deny", owner=1000), _ADD, True),
        (_tool("*", "Deny", owner=1001), _ADD, False),
        (_tool("*", "Deny", surface="telegram"), _ADD, False),
        (_tool("*", "Deny", session="work"), _ADD, True),
        (_tool("*", "Deny", tainted=True), _ADD, False),
        (_tool("*", "Deny", min_risk="high"), shell("ls"), True),
        (_tool("*", "Deny", min_risk="high"), writing("/a"), False),
        (_tool("*", "Deny", max_risk="medium"), shell("ls"), False),
        (_tool("*", "Deny", effects=["executes", "reads"]), shell("ls"), True),
        (_tool("*", "Deny", folder="/srv/a"), writing("/srv/a/b"), True),
        (_tool("*", "Deny", folder="/srv/a"), writing("/srv/a/b/c"), False),
        (_tool("*", "Deny", folder="/srv/a/**"), writing("/srv/a/b/c"), True),
        (_tool("*", "Deny", folder="/srv/a/**"), writing("/srv/abc"), False),
        (_tool("*", "Deny", host="example.com"), fetching("https://Example.com./x"), True),
        (_tool("*", "Deny", host="example.com"), fetching("https://example.com:8443/"), False),
        (_tool("*", "Deny", host="example.com"), fetching("https://example.com@evil.org/"), False),
        (_tool("*", "Deny", host="*.example.com"), fetching("https://a.example.com"), True),
        (_tool("*", "Deny", host="*.example.com"), fetching("https://badexample.com"), False),
        (_command("rm", "Deny"), shell("ls; /bin/rm -rf x"), True),
        (_command("rm", "Deny"), shell("$(rm x)"), True),
        (_command("git push", "Deny"), shell("cd x && git push -f"), True),
        (_command("git push", "Deny"), shell("git pull"), False),
        (_command("rm", "Deny"), writing("/rm"), False),
        (_command("git status", "Allow"), shell("git status -s"), True),
        (_command("git status", "Allow"), shell("git status; rm -rf x"), False),
        (_command("git status", "Allow"), shell("git status `x`"), False),
        (_command("git status", "Allow"), shell("git status\nrm x"), False),
        (_command("git", "Allow"), shell("./git status"), False),
        (_command("*", "Allow"), shell("a; b"), True),
        (_tool("shell", "Allow", effects=["reads"]), shell("ls"), False),
        (_tool("shell", "Allow", effects=["reads", "executes"]), shell("ls"), True),
    ],
)  # fmt: skip
async def test_what_a_rule_is_about(
    folder: Path, rule: dict[str, Any], action: Action, fits: bool
) -> None:
    _write(folder, rule)
    async with house(folder) as it:
        decided = it.policy.decide(action, scope(folder)).rule
        assert (decided == "policy.json, rule 1") is fits


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"rules": [\n{"subject_kind" "Tool"}]}', "policy.json, line 2"),
        ('{"rules": [1]}', "policy.json, rule 1"),
        (rules(_tool("a", "Allow"), _tool("b", "Perhaps")), "policy.json, rule 2: action"),
        (rules(_tool("a", "Allow", wenn=1)), "rule 1: wenn"),
        (rules({"action": "Allow"}), "rule 1: subject_kind"),
        ('{"rules": [], "rules": []}', "'rules' is there twice"),
        ("[]", "expected"),
        ("[" * 100_000, "policy.json"),
        ("\ud800".encode("utf-8", "surrogatepass"), "cannot be read"),
    ],
)
async def test_a_broken_file_is_an_error_at_the_start(
    folder: Path, text: str | bytes, told: str
) -> None:
    (folder / "config").mkdir()
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "config" / "policy.json").write_bytes(data)
    with pytest.raises(ConfigError) as broken:
        async with house(folder):
            pass
    assert broken.value.code == "policy_invalid"
    assert told in broken.value.message


async def test_a_named_file_must_be_there(folder: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        async with house(folder, policy_path=folder / "nowhere.json"):
            pass


async def test_a_changed_file_counts_at_the_next_call(folder: Path) -> None:
    async with house(folder) as it:
        assert _says(it, shell("ls")) is ASK
        _write(folder, _tool("shell", "Allow"))
        assert _says(it, shell("ls")) is ALLOW
        _write(folder, _tool("shell", "Deny"))
        assert _says(it, shell("ls")) is DENY
        (folder / "config" / "policy.json").unlink()
        assert _says(it, shell("ls")) is ASK


async def test_while_a_file_is_broken_nothing_is_allowed_unasked(folder: Path) -> None:
    _write(folder, _tool("shell", "Allow"), _tool("fetch", "Deny"))
    path = folder / "config" / "policy.json"
    async with house(folder) as it:
        stamp = path.stat()
        good = path.read_text()
        path.write_text("{")
        assert _says(it, shell("ls")) is ASK
        assert _says(it, _ADD) is ASK
        assert _says(it, fetching("https://example.com")) is DENY
        assert "line 1" in it.policy.decide(_ADD, scope(folder)).reason
        path.write_text(good)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        assert _says(it, shell("ls")) is ALLOW


async def test_a_tainted_turn_asks_before_anything_leaves_it(folder: Path) -> None:
    _write(folder, _tool("*", "Allow"))
    spending = Action("buy", {}, frozenset({Effect.SPENDS}), Risk.LOW)
    async with house(folder) as it:
        held = [shell("ls"), fetching("https://a.org"), writing("/srv/x"), spending]
        for action in held:
            assert it.policy.decide(action, scope(folder)).kind is ALLOW
            decided = it.policy.decide(action, tainted(folder))
            assert (decided.kind, decided.rule) == (ASK, "floor: tainted")
            assert "web:example.com" in decided.reason
        for action in (_ADD, reading("/etc/hosts"), writing(folder / "session" / "x")):
            assert it.policy.decide(action, tainted(folder)).kind is ALLOW


async def test_a_stranger_gets_no_tool_with_effects(folder: Path) -> None:
    _write(folder, _tool("*", "Allow"))
    async with house(folder) as it:
        for action in (shell("ls"), reading(folder / "session" / "x"), fetching("https://a.org")):
            assert _says(it, action, privileged=False) is DENY
        assert _says(it, _ADD, privileged=False) is ALLOW
        _write(folder, _tool("*", "Ask"))
        assert _says(it, _ADD, privileged=False) is DENY


async def test_critical_calls_and_rusters_own_files_are_always_asked_for(folder: Path) -> None:
    _write(folder, _tool("*", "Allow"))
    worst = Action("wipe", {}, frozenset({Effect.WRITES}), Risk.CRITICAL)
    async with house(folder) as it:
        assert _says(it, worst) is ASK
        assert _says(it, writing(folder / "config" / "policy.json")) is ASK
        assert _says(it, reading(folder / "config" / ".env")) is ASK
        assert _says(it, writing(folder / "else")) is ALLOW
        inside = replace(scope(folder), folder=folder / "state" / "own")
        assert it.policy.decide(writing(folder / "state" / "own" / "x"), inside).kind is ALLOW


@pytest.mark.parametrize(
    ("granted", "covered", "beyond"),
    [
        (writing("/srv/a/b"), [writing("/srv/a/c", "other")],
         [writing("/srv/a/b/c"), writing("/srv/b"), writing("/srv"), reading("/srv/a/b")]),
        (fetching("https://a.org/x"), [fetching("https://a.org/y?z"), fetching("https://A.org:443")],
         [fetching("http://a.org/x"), fetching("https://a.org:444"), fetching("https://b.a.org")]),
        (shell("git status -s"), [shell("git  'status' -s")],
         [shell("git status"), shell("git status -s x"), shell("git status -s; x"),
          shell("git status -s", cwd="/etc")]),
        (shell("a | b"), [shell("a | b")], [shell("a  | b"), shell("a"), shell("a | b", env=1)]),
        (Action("mix", {"u": 1}, frozenset({Effect.NETWORK, Effect.WRITES}), Risk.LOW, "a.org"),
         [], [Action("mix", {"u": 2}, frozenset({Effect.NETWORK}), Risk.LOW, "a.org")]),
        (Action("t*", {}, frozenset(), Risk.LOW), [],
         [Action("tool", {}, frozenset(), Risk.LOW),
          Action("t*", {"a": 1}, frozenset(), Risk.LOW)]),
    ],
)  # fmt: skip
def test_a_grant_is_narrow(
    folder: Path, granted: Action, covered: list[Action], beyond: list[Action]
) -> None:
    at = scope(folder)
    rule = narrow_rule(Facts.of(granted, at))
    for action in [granted, *covered]:
        assert rule.matches(Facts.of(action, at)), action
        assert not rule.matches(Facts.of(action, scope(folder, owner=7)))
    for action in beyond:
        assert not rule.matches(Facts.of(action, at)), action
    worse = Action(
        granted.tool, granted.arguments, granted.effects | {Effect.SPENDS}, granted.risk,
        granted.target,
    )  # fmt: skip
    assert not rule.matches(Facts.of(worse, at))
    riskier = Action(
        granted.tool, granted.arguments, granted.effects, Risk.CRITICAL, granted.target
    )
    assert not rule.matches(Facts.of(riskier, at))
    assert Rule.model_validate(json.loads(rule.model_dump_json(exclude_none=True))) == rule


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("example.com", "example.com"),
        ("https://u:p@example.com/x#y", "example.com"),
        ("http://example.com", "example.com:http"),
        ("http://example.com:8080", "example.com:8080"),
        ("https://[::1]:9/", "::1:9"),
        ("https://exa mple.com", None),
        ("https://example.com:port", None),
        ("https://[", None),
        ("", None),
    ],
)
def test_hosts(target: str, host: str | None) -> None:
    assert host_of(target) == host


@pytest.mark.parametrize(
    "line", ["", "a;b", "a|b", "$x", "A=1 b", "a 'b", "a\nb", "a #b", "~/a", "a*"]
)
def test_what_a_shell_would_read_otherwise_is_no_simple_command(line: str) -> None:
    assert simple_command(line) is None
