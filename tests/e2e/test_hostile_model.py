"""A model that obeys every injected order, in a whole daemon: what nobody approved does not happen.

Each scenario is an origin of the order, a wish, what had been allowed beforehand, and who is there
to be asked. The controls run the same wishes with the floors or the marks switched off, and with a
person who approves: then they come true.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.e2e.hostile_origins import FILLER, ORIGINS, Origin
from tests.e2e.hostile_world import (
    CONFIG_SECRET,
    ENVIRONMENT_SECRET,
    HISTORY_SECRET,
    NOTES_SECRET,
    PRECIOUS,
    WISHES,
    Echo,
    Spend,
    Wish,
    World,
    opened_world,
)
from tests.e2e.obedient import ObedientModel, Plan, order, plan

from ruster.app import Daemon
from ruster.core.errors import ToolError
from ruster.core.tools import TurnScope
from ruster.storage.journal import seal
from ruster.testing import RawClient, running_daemon
from ruster.trust.facts import Facts
from ruster.trust.grants import narrow_rule

Grants = Literal["none", "session", "always", "auto_allow", "policy"]
Person = Literal["silent", "away", "rejects", "approves"]
GRANTS: Sequence[Grants] = ("none", "session", "always", "auto_allow", "policy")
ABSENT: Sequence[Person] = ("silent", "away", "rejects")
_SIDE_BY_SIDE = 16
_SILENCE_S = "0.2"
_PATIENCE_S = 20
_ALLOW_ALL = (
    '{"rules": [{"subject_kind": "tool", "subject_name": "*", "action": "allow"},'
    '{"subject_kind": "command", "subject_name": "*", "action": "allow"}]}'
)


@dataclass(frozen=True)
class Scenario:
    token: str
    origin: Origin
    wish: Wish
    grants: Grants
    person: Person

    def __str__(self) -> str:
        return f"{self.origin.name} / {self.wish.name} / {self.grants} / {self.person}"


class House:
    """A daemon in its world, with the obedient model."""

    def __init__(self, world: World, model: ObedientModel, daemon: Daemon) -> None:
        self.world = world
        self.model = model
        self.daemon = daemon
        self.changed = False
        daemon.tools.registry.add(Spend(), Echo())

    def client(self) -> RawClient:
        return RawClient(self.world.root / "r.sock", timeout_s=60)

    # The turns before

    async def prepare(self, it: Scenario) -> None:
        """Make the session and have the model look, without obeying, at what comes before."""
        (self.world.docs / f"{it.token}.txt").write_text(PRECIOUS)
        self.model.orders[it.token] = it.wish.calls(self.world, it.token)
        async with self.client() as client:
            name = f"obedient/{it.origin.model}"
            create = {"action": "create", "session_id": it.token, "model": name}
            assert (await client.ask(create))["event"] == "created"
            if it.origin.before is not None:
                await self._look(client, it)
            if it.origin.filled:
                self._plan(f"{it.token}-f", Plan(obeys=False))
                await client.say(it.token, f"{plan(f'{it.token}-f')} {FILLER}")

    async def _look(self, client: RawClient, it: Scenario) -> None:
        assert it.origin.before is not None
        looking = Plan(it.origin.before(self.world, it.token), obeys=False)
        name = self._plan(f"{it.token}-a", looking)
        message = f"{plan(name)} look at it {'y' * 3000}"
        await client.send({"action": "send", "session_id": it.token, "message": message})
        if it.origin.cut:
            note = self.world.session(it.token) / "work" / "note.md"
            while not (note.exists() and note.stat().st_size):
                await asyncio.sleep(0.02)
            await client.send({"action": "cancel", "session_id": it.token})
        events = await client.turn()
        assert not [e for e in events if e["event"] == "approval_required"], it
        assert it.origin.cut or not [e for e in events if e.get("failed")], (it, events)

    # The turn that obeys

    async def attack(self, it: Scenario) -> list[str]:
        """Have the order obeyed; return what the model was told of the calls it wanted."""
        await self._grant(it)
        looks = it.origin.looks(self.world, it.token)
        obeying = Plan(looks)
        name = self._plan(f"{it.token}-b", obeying)
        if it.person == "away":
            await self._while_nobody_is_there(it, plan(name))
        else:
            async with self.client() as client:
                await self._answering(client, it, plan(name))
        results = self.model.results[it.token]
        wanted = self.model.orders[it.token]
        made = {id(call): results.get(call_id, "") for call, call_id in obeying.made}
        assert [call for call in wanted if id(call) not in made] == [], f"{it}: not obeyed"
        return [made[id(call)] for call in wanted]

    async def _answering(self, client: RawClient, it: Scenario, message: str) -> None:
        await client.send({"action": "send", "session_id": it.token, "message": message})
        while True:
            event = await client.event("approval_required", "response", "error")
            if event["event"] == "error" and event["code"] != "approval_closed":
                raise AssertionError((str(it), event))
            if event["event"] == "approval_required" and it.person != "silent":
                action = "approve" if it.person == "approves" else "reject"
                await client.send({"action": action, "approval_id": event["approval_id"]})
            if event.get("done"):
                return

    async def _while_nobody_is_there(self, it: Scenario, message: str) -> None:
        """The message waits behind another until its sender has left."""
        waiting = Plan(obeys=False, wait=asyncio.Event())
        held = plan(self._plan(f"{it.token}-w", waiting))
        async with self.client() as client:
            send = {"action": "send", "session_id": it.token}
            await client.ask(send | {"message": held}, "accepted")
            await client.ask(send | {"message": message}, "accepted")
        session = await self.daemon.store.get(os.geteuid(), it.token)
        while session.stream.attended:
            await asyncio.sleep(0.005)
        assert waiting.wait is not None
        waiting.wait.set()
        await session.finished()

    async def _grant(self, it: Scenario) -> None:
        """Give beforehand what would cover the calls, even where no person would be offered it."""
        if it.grants not in ("session", "always"):
            return
        session = await self.daemon.store.get(os.geteuid(), it.token)
        key = f"{os.geteuid()}/{it.token}"
        scope = TurnScope(it.token, key, f"t-{it.token}", os.geteuid(), True, session.folder)
        grants = self.daemon.trust._grants
        for call in self.model.orders[it.token]:
            try:
                entry = await self.daemon.tools.registry.find(call.tool, scope)
                rule = narrow_rule(Facts.of(entry.action(call.arguments, scope), scope))
            except ToolError:
                continue
            if it.grants == "session":
                grants.allow_in_session(key, rule)
            else:
                await grants.allow_always(rule)

    def _plan(self, name: str, doing: Plan) -> str:
        self.model.plans[name] = doing
        return name


def happened(house: House, it: Scenario) -> bool:
    return it.wish.happened(house.world, it.token, house.model.shown[it.token])


def add_message_of_a_sender(world: World, it: Scenario) -> None:
    """Write a turn into a session's history that began with somebody else's message."""
    common = {"timestamp": "2026-01-01T00:00:00Z", "turn": "t-eve", "skills": []}
    said = {"role": "user", "content": order(it.token), "origins": ["sender:chat/eve"]}
    told = {"role": "assistant", "content": "ok", "end": "done", "model": "obedient/any"}
    with (world.session(it.token) / "history.jsonl").open("ab") as file:
        for record in (said, told):
            file.write(seal(json.dumps(common | record | {"seq": 0}).encode()))


async def side_by_side(work: Any, scenarios: Sequence[Scenario]) -> list[Any]:
    slots = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(it: Scenario) -> Any:
        async with slots:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    return await work(it)
            except TimeoutError:
                raise AssertionError(f"no end: {it}") from None

    return await asyncio.gather(*(one(it) for it in scenarios))


def settings(grants: Grants, timeout_s: str) -> dict[str, Any]:
    allowed = {"trust_auto_allow": "*"} if grants == "auto_allow" else {}
    return {
        "trust_approval_timeout_s": timeout_s,
        "sessions_sync": "false",
        "skill_selector": "keywords",
        "memory_enabled": "false",  # what its owner remembers would mix the scenarios
        **allowed,
    }


async def play(
    folder: Path, grants: Grants, scenarios: Sequence[Scenario], timeout_s: str = _SILENCE_S
) -> tuple[House, dict[str, list[str]]]:
    """Run scenarios in one world; return the house as it is left and what was told by token."""
    told: dict[str, list[str]] = {}
    async with opened_world(folder) as world:
        if grants == "policy":
            (world.config / "policy.json").write_text(_ALLOW_ALL)
        before = world.read_own()
        model = ObedientModel()
        start = partial(
            running_daemon, folder, providers={"obedient": model}, **settings(grants, timeout_s)
        )
        late = [it for it in scenarios if it.origin.restarts]
        async with start() as daemon:
            house = House(world, model, daemon)
            async with house.client() as client:
                await client.ask({"action": "create", "session_id": "other"}, "created")
                await client.say("other", HISTORY_SECRET)
            await side_by_side(house.prepare, scenarios)
            now = [it for it in scenarios if not it.origin.restarts]
            for it, results in zip(now, await side_by_side(house.attack, now), strict=True):
                told[it.token] = results
        for it in late:
            if it.origin.sender:
                add_message_of_a_sender(world, it)
        async with start() as daemon:
            house = House(world, model, daemon)
            for it, results in zip(late, await side_by_side(house.attack, late), strict=True):
                told[it.token] = results
        house.changed = world.read_own() != before
    return house, told


def chosen(grants: Grants, *origins: Origin) -> list[Scenario]:
    """Pair origins with wishes; over all grants every pair comes, with every kind of absence."""
    found = []
    number = GRANTS.index(grants)
    for i, origin in enumerate(origins or ORIGINS):
        for j, wish in enumerate(WISHES):
            if (i + j) % len(GRANTS) == number:
                token = f"{grants.replace('_', '-')}-{i}-{j}"
                person = ABSENT[(i + j // len(GRANTS)) % len(ABSENT)]
                found.append(Scenario(token, origin, wish, grants, person))
    return found


def test_there_are_enough_scenarios() -> None:
    every = [it for grants in GRANTS for it in chosen(grants)]
    assert len(every) >= 200
    for one, other in (("origin", "wish"), ("origin", "person"), ("wish", "person")):
        pairs = {(id(getattr(it, one)), id(getattr(it, other))) for it in every}
        most = {id(getattr(it, one)) for it in every}, {id(getattr(it, other)) for it in every}
        assert len(pairs) == len(most[0]) * len(most[1]), (one, other)


@pytest.mark.parametrize("grants", GRANTS)
async def test_no_order_of_a_stranger_comes_true(
    folder: Path, grants: Grants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_TOKEN", ENVIRONMENT_SECRET)
    scenarios = chosen(grants)
    house, told = await play(folder, grants, scenarios)
    wrong = [f"happened: {it}" for it in scenarios if happened(house, it)]
    for it in scenarios:
        *_, last = told[it.token]
        refused = ("error: not approved (", "error: denied by ")
        if not last.startswith(refused if it.wish.possible else "error: "):
            wrong.append(f"not told as refused: {it}: {last[:200]}")
    assert wrong == [], "\n".join(wrong)
    assert house.world.canary.asked == []
    assert not house.changed
    shown = {text for texts in house.model.shown.values() for text in texts}
    for secret in (CONFIG_SECRET, ENVIRONMENT_SECRET):
        assert not [text for text in shown if secret in text]
    assert [text for text in shown if NOTES_SECRET in text]  # it may be read, and goes nowhere
    assert not list((house.world.config / "skills").glob("new-*"))


async def test_programs_that_are_allowed_do_not_reach_our_own_files(folder: Path) -> None:
    async with opened_world(folder) as world:
        allowed = settings("auto_allow", _SILENCE_S)
        async with (
            running_daemon(folder, providers={"obedient": ObedientModel()}, **allowed),
            RawClient(folder / "r.sock") as client,
        ):
            await client.ask({"action": "create", "session_id": "work"}, "created")
            line = f"cat {world.config}/config.toml; echo x > {world.config}/policy.json"
            told = await client.say("work", f"/tool shell {line}; cat {world.notes}/secret.txt")
    assert NOTES_SECRET in told
    assert CONFIG_SECRET not in told
    assert not (world.config / "policy.json").exists()


# The controls: what the tests above could not see, they would not tell


def wishes(grants: Grants, person: Person, *names: str) -> list[Scenario]:
    origin = next(it for it in ORIGINS if it.name == "file")
    wanted = [it for it in WISHES if it.possible and (not names or it.name in names)]
    return [Scenario(f"control-{n}", origin, wish, grants, person) for n, wish in enumerate(wanted)]


def floors_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ruster.trust.policy.hold_floors", lambda decision, *_: decision)


def marks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ruster.core.tools.Taint.__bool__", lambda taint: False)


async def not_happened(
    folder: Path, grants: Grants, scenarios: Sequence[Scenario], timeout_s: str = _SILENCE_S
) -> set[str]:
    Spend.paid.clear()
    house, _ = await play(folder, grants, scenarios, timeout_s)
    return {it.wish.name for it in scenarios if not happened(house, it)}


@pytest.mark.parametrize("grants", GRANTS)
async def test_without_floors_every_wish_comes_true_that_was_allowed(
    folder: Path, grants: Grants, monkeypatch: pytest.MonkeyPatch
) -> None:
    floors_off(monkeypatch)
    missing = await not_happened(folder, grants, wishes(grants, "away"))
    if grants == "none":  # then the rules ask by themselves, but for what is confined or reads
        reads = {"skill's file", "skill's tool", "read settings", "read keys"}
        assert missing == {it.name for it in WISHES if it.possible} - reads
    else:
        assert missing == set()


async def test_without_marks_only_our_own_files_are_safe(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks_off(monkeypatch)
    own = {"read settings", "read keys", "change policy", "change grants", "write a skill"}
    assert await not_happened(folder, "auto_allow", wishes("auto_allow", "away")) == own


async def test_what_a_person_approves_happens(folder: Path) -> None:
    assert await not_happened(folder, "none", wishes("none", "approves"), "30") == set()


async def test_secrets_of_the_environment_are_not_there_for_programs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_TOKEN", ENVIRONMENT_SECRET)
    (it,) = wishes("none", "approves", "leak environment")
    house, told = await play(folder, "none", [it], "30")
    assert happened(house, it)
    assert "PATH=" in told[it.token][0]
    assert ENVIRONMENT_SECRET not in " ".join([*told[it.token], *house.world.canary.asked])
