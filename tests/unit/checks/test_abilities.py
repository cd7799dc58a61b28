"""Each check of what the daemon can do, where all is well and where it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from ruster.checks import abilities
from ruster.checks.abilities import (
    check_engine,
    check_memory,
    check_model,
    check_policy,
    check_sandbox,
    check_scripts,
    check_skills,
    start_script_process,
)
from ruster.core.errors import ProviderUnreachable, ToolError
from ruster.core.findings import Finding
from ruster.core.ports import ModelInfo, Provider
from ruster.llm.router import Models
from ruster.memory.embedding.meaning import AskMeaning, Meaning
from ruster.memory.settings import MemorySettings
from ruster.sandbox.probe import Probe, probe
from ruster.sandbox.process_plan import Mechanism
from ruster.skills.library import SkillLibrary
from ruster.skills.starters import install_starters
from ruster.testing import ScriptedProvider
from tests.unit.trust.support import house

_ADVICE = "Programs cannot be confined by bubblewrap. Install it."


class _Named:
    name = "landlock"


def _probed(advice: str) -> Callable[[], Probe]:
    return lambda: Probe(cast(Mechanism, _Named()), (), advice)


async def test_the_sandbox_is_named_with_what_would_be_better() -> None:
    assert await check_sandbox(_probed("")) == Finding("ok", "landlock")
    assert await check_sandbox(_probed(_ADVICE)) == Finding("warning", "landlock", _ADVICE)


async def test_without_a_sandbox_the_advice_is_told() -> None:
    found = await check_sandbox(lambda: probe(()))
    assert (found.health, found.hint) == ("missing", probe(()).advice)
    assert found.hint


@asynccontextmanager
async def _library(root: Path) -> AsyncIterator[SkillLibrary]:
    library = SkillLibrary((root,), max_skills=100, watched=False, banned=())
    library.start()
    yield library
    await library.aclose()


async def _no_interpreter() -> None:
    raise ToolError("scripts need an interpreter: pip install it", code="scripts_missing")


async def test_the_interpreter_of_scripts_is_started(tmp_path: Path) -> None:
    pytest.importorskip("pydantic_monty")
    async with _library(tmp_path) as library:
        assert (await check_scripts(library, start_script_process)).health == "ok"


async def test_skills_that_miss_the_interpreter_are_named(tmp_path: Path) -> None:
    async with _library(tmp_path) as library:
        found = await check_scripts(library, _no_interpreter)
    assert found == Finding("warning", "scripts need an interpreter: pip install it")
    install_starters(tmp_path)
    async with _library(tmp_path) as library:
        found = await check_scripts(library, _no_interpreter)
    assert found.health == "missing"
    assert found.detail.endswith("pip install it; without it these do not run: weather")


async def test_the_engine_is_missed_only_where_it_is_wanted() -> None:
    assert (await check_engine(None, "llamacpp/default")).health == "ok"
    assert await check_engine("install it", "llamacpp/default") == Finding("missing", "install it")
    assert await check_engine("install it", "ollama/phi3") == Finding("warning", "install it")


class _Away(ScriptedProvider):
    """Cannot be reached, but has answered before."""

    def __init__(self) -> None:
        super().__init__(window=4096)

    async def models(self) -> list[ModelInfo]:
        raise ProviderUnreachable("start it first")


class _Hanging(ScriptedProvider):
    """Never answers."""

    async def models(self) -> list[ModelInfo]:
        await asyncio.Event().wait()
        return []

    async def context_size(self, model: str) -> int | None:
        await asyncio.Event().wait()
        return None


class _Listless(_Hanging):
    """Never lists its models, but remembers one."""

    async def context_size(self, model: str) -> int | None:
        return 4096


def _models(**providers: Provider) -> Models:
    def maker(provider: Provider) -> Callable[[], Provider]:
        return lambda: provider

    return Models({prefix: maker(provider) for prefix, provider in providers.items()})


_HERE = ScriptedProvider(window=4096)
_EMPTY = ScriptedProvider()


async def test_a_model_that_answers_is_named() -> None:
    models = _models(here=_HERE, away=_Away())
    assert await check_model(models, ("here/one",), None) == Finding("ok", "here/one")


async def test_a_provider_that_is_gone_is_told_although_it_has_answered() -> None:
    found = await check_model(_models(away=_Away()), ("away/one",), None)
    assert (found.health, found.detail) == (
        "missing",
        "away/one cannot answer: start it first",
    )
    assert "rusterctl models list" in (found.hint or "")


async def test_the_model_that_answers_in_its_place_is_named() -> None:
    models = _models(away=_Away(), empty=_EMPTY, here=_HERE)
    found = await check_model(models, ("away/one", "empty/two", "here/three"), "org/repo")
    detail = "away/one cannot answer: start it first; here/three answers in its place"
    assert found == Finding("warning", detail)


async def test_a_model_that_would_come_by_itself_is_named() -> None:
    found = await check_model(_models(empty=_EMPTY), ("empty/one",), "org/repo")
    detail = (
        "empty/one cannot answer: nobody has such a model; the first message downloads org/repo"
    )
    assert found == Finding("warning", detail)


async def test_a_misspelt_provider_is_missing() -> None:
    found = await check_model(_models(here=_HERE), ("hear/one",), None)
    assert (found.health, found.detail) == (
        "missing",
        "hear/one cannot answer: nobody has such a model",
    )


async def test_a_provider_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abilities, "_PATIENCE_S", 0.05)
    found = await check_model(_models(mute=_Hanging()), ("mute/one",), None)
    assert found.health == "missing"
    assert found.detail.startswith("mute/one cannot answer: its provider did not answer within")
    models = _models(mute=_Hanging(), here=_HERE)
    found = await check_model(models, ("mute/one", "here/two"), None)
    assert found.health == "warning"
    assert found.detail.endswith("; here/two answers in its place")


async def test_what_is_only_remembered_is_not_called_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abilities, "_PATIENCE_S", 0.05)
    found = await check_model(_models(mute=_Listless()), ("mute/one",), None)
    assert found.health == "warning"
    assert found.detail.startswith("mute/one; some provider did not list its models within")


@pytest.mark.parametrize("name", ["policy.json", "grants.json"])
async def test_a_broken_file_of_rules_is_named(folder: Path, name: str) -> None:
    async with house(folder) as it:
        assert (await check_policy(it.trust)).health == "ok"
        path = folder / "config" / name
        path.write_text('{"rules": [}')
        found = await check_policy(it.trust)
        assert found.health == "warning"
        assert found.detail.startswith(f"{path}, line 1: ")
        path.write_text('{"rules": []}')
        assert (await check_policy(it.trust)).health == "ok"


async def test_broken_skills_are_counted_and_some_are_told(tmp_path: Path) -> None:
    install_starters(tmp_path)
    async with _library(tmp_path) as library:
        assert await check_skills(library) == Finding("ok", "5 installed")
    for number in range(4):
        broken = tmp_path / f"broken-{number}"
        broken.mkdir()
        (broken / "SKILL.md").write_text("no front matter")
    async with _library(tmp_path) as library:
        found = await check_skills(library)
    assert found.health == "warning"
    assert found.detail.startswith(f"5 installed, 4 broken: {tmp_path}/broken-0/SKILL.md")
    assert found.detail.endswith("; and 1 more")
    assert "broken-3" not in found.detail


def _meaning(**told: str) -> AskMeaning:
    async def ask() -> Meaning:
        return Meaning(**told)

    return ask


async def test_how_memories_are_found_is_told() -> None:
    own = MemorySettings()
    large = await check_memory(own, _meaning(embedder="ollama/nomic-embed-text:384"))
    assert (large.health, large.hint) == ("ok", None)
    assert "ollama/nomic-embed-text" in large.detail
    small = await check_memory(own, _meaning(embedder="onnx/minilm", hint="a larger finds more"))
    assert (small.health, small.hint) == ("ok", "A larger finds more")
    words = await check_memory(own, _meaning(hint="get one"))
    assert words == Finding("warning", "found by words only", "Get one")
    named = await check_memory(own, _meaning(failure="there is no such folder"))
    assert (named.health, "no such folder" in named.detail) == ("missing", True)


async def test_what_the_settings_turn_off_is_no_warning() -> None:
    async def never() -> Meaning:
        raise AssertionError

    off = MemorySettings.model_validate({"embedding": {"embedder": "off"}})
    for settings in (MemorySettings(enabled=False), off):
        assert (await check_memory(settings, never)).health == "ok"


async def test_a_slow_provider_does_not_hold_the_memory_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abilities, "_PATIENCE_S", 0.01)

    async def slow() -> Meaning:
        await asyncio.Event().wait()
        return Meaning()

    assert (await check_memory(MemorySettings(), slow)).health == "warning"
