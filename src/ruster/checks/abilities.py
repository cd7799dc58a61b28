"""What the daemon can do with what it has: programs, scripts, models, rules, skills."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from ruster.core.errors import ToolError
from ruster.core.findings import Finding
from ruster.core.skills import Severity, SkillKind
from ruster.llm.router import Models
from ruster.memory.embedding.meaning import AskMeaning
from ruster.memory.settings import MemorySettings
from ruster.sandbox.probe import Probe
from ruster.sandbox.script_process import ScriptProcess, launch
from ruster.sandbox.script_settings import ScriptSettings
from ruster.skills.library import SkillLibrary
from ruster.trust.trust import Trust

__all__ = [
    "check_engine",
    "check_memory",
    "check_model",
    "check_policy",
    "check_sandbox",
    "check_scripts",
    "check_skills",
    "start_script_process",
]

_LOCAL = "llamacpp/"
_PATIENCE_S = 4.0
_LATE = f"within {_PATIENCE_S:g} s"
_SHOWN = 3


async def check_sandbox(look: Callable[[], Probe]) -> Finding:
    """Try what confines programs."""
    found = await asyncio.to_thread(look)
    if found.mechanism is None:
        return Finding("missing", "nothing confines programs, so none is run", found.advice)
    name = found.mechanism.name
    return Finding("warning", name, found.advice) if found.advice else Finding("ok", name)


async def check_scripts(library: SkillLibrary, attempt: Callable[[], Awaitable[None]]) -> Finding:
    """Start the interpreter of script skills."""
    try:
        await attempt()
    except ToolError as error:
        waiting = sorted(it.name for it in await library.usable() if it.kind is SkillKind.SCRIPT)
        if not waiting:
            return Finding("warning", error.message)
        return Finding("missing", f"{error.message}; without it these do not run: {_some(waiting)}")
    return Finding("ok", "the interpreter starts")


async def start_script_process() -> None:
    """Start a process for scripts and end it; raises ToolError."""
    process = await ScriptProcess.start(ScriptSettings(), launch)
    await process.kill()


async def check_engine(missing: str | None, default_model: str) -> Finding:
    """Look whether models of this machine can run; nothing is started."""
    if missing is None:
        return Finding("ok", "the embedded engine is installed")
    return Finding("missing" if default_model.startswith(_LOCAL) else "warning", missing)


async def check_model(models: Models, chain: Sequence[str], first_download: str | None) -> Finding:
    """Find out which model would answer: the first of ``chain`` that can.

    All providers are asked anew; none is waited for long.
    """
    wanted = chain[0]
    away = await _away(models)
    asked = [model for model in chain if _prefix(model) not in (away or {})]
    answers = await asyncio.gather(*(_answers(models, model) for model in asked))
    ready = [model for model, answer in zip(asked, answers, strict=True) if answer]
    if wanted in ready:
        if away is None:
            return Finding("warning", f"{wanted}; some provider did not list its models {_LATE}")
        return Finding("ok", wanted)
    if wanted in asked:
        silent = answers[asked.index(wanted)] is None
        why = f"its provider did not answer {_LATE}" if silent else "nobody has such a model"
    else:
        why = (away or {})[_prefix(wanted)]
    detail = f"{wanted} cannot answer: {why}"
    if ready:
        return Finding("warning", f"{detail}; {ready[0]} answers in its place")
    if first_download is not None:
        return Finding("warning", f"{detail}; the first message downloads {first_download}")
    hint = "See what can answer with rusterctl models list, and set default_model to one of them"
    return Finding("missing", detail, hint)


async def check_policy(trust: Trust) -> Finding:
    """Read the rules and grants that have changed."""
    problems = trust.problems()
    if not problems:
        return Finding("ok", "all rules can be read")
    hint = "Until the file is right, everything that was allowed is asked for"
    return Finding("warning", "; ".join(problems), hint)


async def check_skills(library: SkillLibrary) -> Finding:
    """Count the skills and those that are broken."""
    catalogue = await library.catalogue()
    errors = [str(it) for it in catalogue.problems if it.severity is Severity.ERROR]
    count = f"{len(catalogue.skills)} installed"
    if not errors:
        return Finding("ok", count)
    hint = "rusterctl skills validate tells all"
    return Finding("warning", f"{count}, {len(errors)} broken: {_some(errors, '; ')}", hint)


async def check_memory(settings: MemorySettings, meaning: AskMeaning) -> Finding:
    """Find out how memories are found; no model is loaded for that."""
    if not settings.enabled:
        return Finding("ok", "nothing is remembered, as memory.enabled says")
    if settings.embedding.embedder == "off":
        return Finding("ok", "found by words only, as memory.embedding.embedder says")
    try:
        async with asyncio.timeout(_PATIENCE_S):
            found = await meaning()
    except TimeoutError:
        return Finding("warning", f"some provider did not list its models {_LATE}")
    if found.failure is not None:
        cure = "Set memory.embedding.embedder to another model, or to auto"
        return Finding("missing", f"found by words only: {found.failure}", cure)
    hint = found.hint and found.hint[0].upper() + found.hint[1:]
    if found.embedder is None:
        return Finding("warning", "found by words only", hint)
    return Finding("ok", f"found by words and by meaning, with {found.embedder}", hint)


async def _away(models: Models) -> Mapping[str, str] | None:
    """Return which providers cannot list their models, and why; None when that takes too long."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return (await models.models()).missing
    except TimeoutError:
        return None


async def _answers(models: Models, model: str) -> bool | None:
    """Tell whether this very model would answer; None when that takes too long."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await models.answering(model) == model
    except TimeoutError:
        return None


def _prefix(model: str) -> str:
    return model.partition("/")[0]


def _some(texts: Sequence[str], between: str = ", ") -> str:
    more = f"{between}and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return between.join(texts[:_SHOWN]) + more
