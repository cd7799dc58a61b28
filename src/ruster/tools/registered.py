"""Tools of installed packages: entry points of the group ``ruster.tools``.

An entry point names an object that fulfils ``core.tools.Tool``, or a class or function without
arguments that makes one, or a list of them. It is code of the daemon: whoever installs the package
trusts it, also with what it says of its effects.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points

from ruster.core.errors import ToolError
from ruster.core.messages import ToolSpec
from ruster.core.tools import Cost, Effect, Tool

__all__ = ["ENTRY_POINTS", "registered_tools"]

ENTRY_POINTS = "ruster.tools"
"""The entry point group; the entry's name is only for people."""

_log = logging.getLogger("ruster.tools")


def registered_tools(entries: Iterable[EntryPoint] | None = None) -> list[Tool]:
    """Load the tools of packages (blocks); one that fails is told in the log and left out."""
    found = entry_points(group=ENTRY_POINTS) if entries is None else entries
    tools: list[Tool] = []
    for entry in sorted(found, key=lambda entry: entry.name):
        try:
            tools += _loaded(entry)
        except Exception as error:  # noqa: BLE001 - a third party's code
            _log.error(
                "the tools of %s (%s) cannot be loaded: %s: %s",
                entry.name,
                entry.value,
                type(error).__name__,
                error,
            )
    return tools


def _loaded(entry: EntryPoint) -> list[Tool]:
    given = entry.load()
    if isinstance(given, type) or (callable(given) and not hasattr(given, "spec")):
        given = given()
    tools = list(given) if isinstance(given, Sequence) else [given]
    for tool in tools:
        _check(tool)
    return tools


def _check(tool: object) -> None:
    """Raise ToolError unless an object says all that the registry and the policy ask of a tool."""
    spec, effects = getattr(tool, "spec", None), getattr(tool, "effects", None)
    if not isinstance(spec, ToolSpec):
        raise ToolError(f"{tool!r} has no spec")
    if not isinstance(effects, frozenset) or not all(isinstance(it, Effect) for it in effects):
        raise ToolError(f"{spec.name} must have effects: a frozenset of Effect")
    if not isinstance(getattr(tool, "cost", None), Cost):
        raise ToolError(f"{spec.name} must have a cost: one of Cost")
    if not callable(getattr(tool, "invoke", None)):
        raise ToolError(f"{spec.name} cannot be invoked")
