"""The one registry of tools and the one way to run them."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

import structlog

from ruster.core.errors import RusterError, ToolError
from ruster.core.messages import Message, ToolCall, ToolSpec
from ruster.core.tools import Action, Effect, Outcome, Tool, ToolSource, TurnScope
from ruster.tools.entry import Entry, name_of
from ruster.tools.gate import Gate
from ruster.tools.preview import preview
from ruster.tools.provenance import note_taint
from ruster.tools.retrieval import Offers
from ruster.tools.runs import CallRecord, Run, RunFolders
from ruster.tools.settings import ToolSettings
from ruster.tools.threads import in_thread
from ruster.tools.typed import TOOL_NAME, WrongUse, nearest

__all__ = ["ToolRegistry"]

_log = structlog.stdlib.get_logger("ruster.tools")
_CHANGES = frozenset({Effect.WRITES, Effect.EXECUTES, Effect.SPENDS})
_LEAVES_TRACES = frozenset({Effect.WRITES, Effect.EXECUTES})
_MAX_TURNS = 256


class ToolRegistry:
    """Implements ``core.tools.Toolbox``. Models, ``/tool`` texts and plans all come here."""

    def __init__(
        self,
        gate: Gate,
        runs: RunFolders,
        settings: ToolSettings,
        sources: Sequence[ToolSource] = (),
    ) -> None:
        self._gate = gate
        self._runs = runs
        self._settings = settings
        self._sources = tuple(sources)
        self._entries: dict[str, Entry] = {}
        self._offers = Offers(settings)
        self._slots = asyncio.Semaphore(settings.parallel_calls)
        self._messages: OrderedDict[str, str] = OrderedDict()

    def add(self, *tools: Tool) -> None:
        """Take tools in, but for those the settings disable; raises ToolError for bad names."""
        for tool in tools:
            name = name_of(tool)
            if not TOOL_NAME.match(name):
                raise ToolError(
                    f"a tool may not be called {name[:100]!r}; use 1 to 64 of a-z, 0-9, '_' and '-'"
                )
            if name in self._entries:
                raise ToolError(f"there is a tool {name!r} already; give this one another name")
            if name not in self._settings.disabled:
                self._entries[name] = Entry(tool)
        self._changed()

    def remove(self, name: str) -> None:
        """Let go of a tool; calls that run go on."""
        self._entries.pop(name, None)
        self._changed()

    async def available(self, scope: TurnScope) -> Mapping[str, Entry]:
        """Return the tools that this turn's user may use, in order of names."""
        everything = await self._everything(scope)
        return {
            name: entry
            for name, entry in sorted(everything.items())
            if entry.permitted(privileged=scope.privileged) and (scope.attended or not entry.waits)
        }

    def common(self, *, privileged: bool) -> Mapping[str, Entry]:
        """Return the tools that a user has in every session, in order of names."""
        return {
            name: entry
            for name, entry in self._entries.items()
            if entry.permitted(privileged=privileged)
        }

    async def find(self, name: str, scope: TurnScope) -> Entry:
        """Return a tool; raises WrongUse with the names that come near."""
        entry = (await self._everything(scope)).get(name)
        if entry is not None and entry.permitted(privileged=scope.privileged):
            return entry
        if entry is not None:
            raise ToolError(f"{name} is for the owner of this machine's ruster only")
        names = list(await self.available(scope))
        near = nearest(name[:100], names)
        hint = f"did you mean {' or '.join(near)}?" if near else f"available: {', '.join(names)}"
        raise WrongUse(f"there is no tool {name[:100]!r}", hint)

    async def offer(self, scope: TurnScope, messages: Sequence[Message]) -> tuple[ToolSpec, ...]:
        """Choose the tools for a conversation's next step; see ``Offers``."""
        self.hear(scope, self._offers.message(messages))
        return self._offers.choose(scope, await self.available(scope), messages)

    def hear(self, scope: TurnScope, message: str) -> None:
        """Note what the user said in a turn, for the records of its calls."""
        self._messages[scope.turn] = message
        while len(self._messages) > _MAX_TURNS:
            self._messages.popitem(last=False)

    async def changes(self, scope: TurnScope, call: ToolCall) -> bool:
        """Whether a call may change something; one that cannot run changes nothing."""
        entry = (await self._everything(scope)).get(call.name)
        return entry is not None and (entry.waits or bool(entry.tool.effects & _CHANGES))

    async def run(self, scope: TurnScope, call: ToolCall, said: str = "") -> Outcome:
        """Check, decide, ask if need be, run; ``said`` is the assistant's text so far."""
        outcome = await self._run(scope, call, said)
        _log.info(
            "tool_call",
            tool=call.name,
            call_id=call.id,
            session=scope.session_id,
            failed=outcome.failed,
            rule=outcome.rule,
            result_bytes=len(outcome.text),
        )
        return outcome

    async def _run(self, scope: TurnScope, call: ToolCall, said: str) -> Outcome:
        try:
            entry = await self.find(call.name, scope)
            action = entry.action(call.arguments, scope)
            passage = await self._gate.passage(action, scope)
            if passage.refusal is not None:
                return Outcome(passage.refusal, failed=True, rule=passage.rule)
            async with nullcontext() if entry.waits else self._slots:
                outcome = await self._execute(entry, action, scope, said)
            return replace(outcome, rule=passage.rule, skill=entry.skill)
        except WrongUse as error:
            return Outcome(error.message, failed=True, hint=error.hint)
        except RusterError as error:
            return Outcome(error.message, failed=True)

    async def _everything(self, scope: TurnScope) -> dict[str, Entry]:
        """Return all tools of a turn by name; our own before those that others bring."""
        found: dict[str, Entry] = {}
        for source in self._sources:
            for tool in await source.tools(scope):
                if tool.spec.name not in self._settings.disabled:
                    found.setdefault(tool.spec.name, Entry(tool))
        return found | self._entries

    def _changed(self) -> None:
        self._entries = dict(sorted(self._entries.items()))
        self._offers.index(self._entries)

    async def _execute(self, entry: Entry, action: Action, scope: TurnScope, said: str) -> Outcome:
        message = self._messages.get(scope.turn, "")
        record = CallRecord(action.tool, action.arguments, message, said)
        leaves_traces = bool(entry.tool.effects & _LEAVES_TRACES)

        def begin(_: object) -> Run:
            if leaves_traces:  # before, since it may be ended in the middle
                note_taint(scope)
            return self._runs.begin(scope, record)

        def finish(_: object) -> None:
            if leaves_traces:  # again, since it may have written what it has brought
                note_taint(scope)
            self._runs.finish(run, outcome, scope.taint)

        run = await in_thread(begin)
        outcome = await self._invoke(entry, action, scope)
        if outcome.origin is not None:
            scope.taint.mark(outcome.origin)
        await in_thread(finish)
        shown = preview(outcome, run.uuid, self._settings, whole=entry.whole)
        return replace(outcome, text=shown, stderr="", digest=_digest(outcome))

    async def _invoke(self, entry: Entry, action: Action, scope: TurnScope) -> Outcome:
        """Run a tool with a time limit; whatever it fails with is an outcome."""
        own = self._settings
        limit_s = own.expensive_timeout_s if entry.expensive else own.timeout_s
        try:
            async with asyncio.timeout(limit_s):
                return await entry.invoke(action, scope)
        except WrongUse as error:
            return Outcome(error.message, failed=True, hint=error.hint)
        except ToolError as error:
            return Outcome(error.message, failed=True, origin=error.origin)
        except RusterError as error:
            return Outcome(error.message, failed=True)
        except TimeoutError:
            text = f"{action.tool} took longer than {limit_s:g} seconds and was ended"
            return Outcome(text, failed=True, hint="ask for less at once")
        except Exception:  # noqa: BLE001 - tools may be anybody's
            _log.exception("tool_broke", tool=action.tool)
            return Outcome(f"{action.tool} broke; the log says why", failed=True)


def _digest(outcome: Outcome) -> str:
    """Name a result, before what is shown of it is cut and told where the rest is."""
    whole = f"{outcome.failed}\0{outcome.text}\0{outcome.stderr}"
    return hashlib.sha256(whole.encode(errors="replace")).hexdigest()
