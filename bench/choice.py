"""Choosing among two hundred installed skills without a model, and the index that it takes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from bench.figure import Figure, percentile
from bench.installed_skills import COUNT, mention, program, write_skills
from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.inference import InferenceEvent, InferenceRequest
from ruster.core.ports import ModelList
from ruster.core.skills import SkillChoice
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.core.tools import TurnScope
from ruster.skill_services import build_skills
from ruster.skills.keywords import KeywordShortlist
from ruster.skills.service import SkillService
from ruster.skills.settings import Selector
from ruster.storage.disk import Disk

__all__ = ["measure"]

_TARGET_MS = 10
_GREETING = "Hello! How are you?"
_TICK_S = 0.001


@dataclass(frozen=True)
class _Case:
    """One kind of message; ``fits`` says whether something must come on the shortlist.

    ``first`` is said once before, for what it leaves behind.
    """

    name: str
    selector: Selector
    message: Callable[[int], str]
    fits: bool
    first: str = _GREETING


_CASES = (
    _Case("keywords, nothing fits", "keywords", lambda _: _GREETING, fits=False),
    _Case("keywords, some fit", "keywords", mention, fits=True),
    _Case("hybrid, nothing fits", "hybrid", lambda _: _GREETING, fits=False),
    _Case(
        "hybrid, what fits was chosen before",
        "hybrid",
        lambda _: f"Open {program(0)}",
        fits=True,
        first="/draft-invoices",
    ),
)


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Choose again and again; the control is the same with no skill installed, in turn."""
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)
    try:
        write_skills(folder / "skills")
        (folder / "none").mkdir()
        return asyncio.run(_measure(folder, 60 if quick else 400))
    finally:
        structlog.reset_defaults()


async def _measure(folder: Path, turns: int) -> list[Figure]:
    figures: list[Figure] = []
    for number, case in enumerate(_CASES):
        figures += await _choices(folder, case, turns, number)
    return [*figures, *await _index(folder, max(5, turns // 20))]


async def _choices(folder: Path, case: _Case, turns: int, number: int) -> list[Figure]:
    many: list[float] = []
    none: list[float] = []
    async with (
        _service(folder / "skills", case.selector) as service,
        _service(folder / "none", case.selector) as control,
    ):
        scope, other = _scope(folder / f"session-{number}"), _scope(folder / f"control-{number}")
        await service.search(_GREETING, 1)  # the index is made
        await _choose(service, scope, case.first)
        for turn in range(turns):
            message = case.message(turn)
            taken, choice = await _choose(service, scope, message)
            if (choice.shortlist != ()) is not case.fits or choice.asked or choice.failure:
                raise RuntimeError(f"{case.name}: not what was to be measured: {choice}")
            many.append(taken)
            none.append((await _choose(control, other, message))[0])
    note = f"{COUNT} skills, {turns} turns; control: no skill installed"
    return [
        Figure(
            f"choice, {case.name}, p{percent}",
            percentile(many, percent),
            "ms",
            _TARGET_MS,
            percentile(none, percent),
            note,
        )
        for percent in (50, 95)
    ]


async def _index(folder: Path, builds: int) -> list[Figure]:
    """Measure the index, and how long the loop stands still at most while it is made."""
    made: list[float] = []
    stops: list[float] = []
    async with _service(folder / "skills", "keywords") as service:
        skills = await service.library.usable()
    for _ in range(builds):
        ticking = spawn(_tick(stops), name="ticks")
        await asyncio.sleep(_TICK_S)
        began = time.perf_counter()
        await KeywordShortlist().rank(_GREETING, skills, 8)
        made.append((time.perf_counter() - began) * 1000)
        await cancel_and_wait(ticking)
    note = f"{COUNT} skills, {builds} builds"
    return [
        Figure("index of the skills", percentile(made, 50), "ms", note=note),
        Figure("longest stop of the loop meanwhile", max(stops), "ms", note=note),
    ]


async def _tick(stops: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_TICK_S)
        stops.append((time.perf_counter() - began - _TICK_S) * 1000)


async def _choose(
    service: SkillService, scope: TurnScope, message: str
) -> tuple[float, SkillChoice]:
    began = time.perf_counter()
    choice = await service.choose(scope, "none/none", message)
    return (time.perf_counter() - began) * 1000, choice


@asynccontextmanager
async def _service(skills: Path, selector: Selector) -> AsyncIterator[SkillService]:
    """Run a service over one folder; its sessions lie beside it."""
    settings = Settings(skills_dirs=(skills,), skill_selector=selector)
    home = skills.parent / "home"
    service = build_skills(settings, Paths(home, home, home), _NoModel(), Disk())
    service.library.start()
    try:
        yield service
    finally:
        await service.library.aclose()


def _scope(folder: Path) -> TurnScope:
    folder.mkdir(exist_ok=True)
    return TurnScope("bench", "0/bench", "t-1", 0, True, folder)


class _NoModel:
    """``core.ports.ChatModels`` of which nothing may be asked."""

    def stream(self, model: str, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        raise AssertionError("a model was asked")

    async def context_size(self, model: str) -> int | None:
        return None

    async def models(self) -> ModelList:
        return ModelList((), {})
