"""What a program takes too much of, each with a control that gets it where no limit holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ruster.core.sandbox import Access, Completed, Grant, Limit, ProcessSpec
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.sandbox.process import SystemSandbox
from ruster.sandbox.process_plan import Mechanism
from ruster.testing import short_folder
from tests.unit.sandbox.bombs import BOMBS, ENDLESS, LIMITS, Bomb
from tests.unit.sandbox.support import ESCAPED, World, inside, mechanism_named, outside

_TICK_S = 0.02


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def mechanism(request: pytest.FixtureRequest) -> Mechanism:
    found = mechanism_named(request.param)
    if found is None:
        pytest.skip(f"{request.param} does not work here")
    return found


@pytest.fixture
def surroundings() -> Iterator[World]:
    with short_folder() as folder:
        home = folder.resolve()
        made = World(home, home / "granted", home / "readable", home / "outside")
        for path in (made.granted, made.readable, made.outside):
            path.mkdir()
        made.values = {"calls": {}}
        made.secret_fd = 0
        yield made


async def _run_while_ticking(mechanism: Mechanism, spec: ProcessSpec) -> Completed:
    """Run a program and hold that the event loop goes on meanwhile."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(_TICK_S)
            ticks += 1

    ticker = spawn(tick(), name="ticker")
    done = await SystemSandbox(mechanism=mechanism).run(spec)
    await cancel_and_wait(ticker)
    # Far less than an idle machine would count, but a loop that waits for the program has none.
    assert ticks > 3 or done.wall_s < 0.5
    return done


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.name)
async def test_a_bomb_ends_by_its_limit(
    bomb: Bomb, mechanism: Mechanism, surroundings: World
) -> None:
    done = await _run_while_ticking(
        mechanism, surroundings.spec(bomb.code, replace(LIMITS, wall_s=bomb.wall_s))
    )
    said = inside(done)
    assert ESCAPED not in said, (done.limit, said)
    if done.limit is None:
        assert bomb.complaint, (done.status, said)
        assert bomb.complaint in said
    else:
        assert done.limit in bomb.limits, said
    assert len(done.stdout.data) <= LIMITS.output_bytes
    assert len(done.stderr.data) <= LIMITS.output_bytes
    assert done.limit is not Limit.OUTPUT or done.stdout.truncated or done.stderr.truncated
    assert ESCAPED in outside(surroundings, bomb.code)


@pytest.mark.parametrize(
    "program", [code for _, code in ENDLESS], ids=[name for name, _ in ENDLESS]
)
async def test_an_endless_bomb_ends_by_its_limit(
    program: str, mechanism: Mechanism, surroundings: World
) -> None:
    spec = ProcessSpec(
        ("/bin/bash", "-c", program),
        folder=surroundings.granted,
        grants=(Grant(surroundings.granted, Access.WRITE),),
        limits=LIMITS,
    )
    done = await _run_while_ticking(mechanism, spec)
    # The kernel's own bound may be met before ours: then the shell cannot fork.
    assert done.limit in (Limit.PROCESSES, Limit.OUTPUT, Limit.CPU) or "fork" in done.stderr.text
    assert _marked(program) == []


def _marked(text: str) -> list[str]:
    """Return the processes with a text in their command line."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in line:
            found.append(place.name)
    return found
