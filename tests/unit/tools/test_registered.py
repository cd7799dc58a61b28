"""Tools of installed packages."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from ruster.core.messages import ToolSpec
from ruster.core.tools import Cost, Outcome, TurnScope
from ruster.tools.registered import ENTRY_POINTS, registered_tools
from tests.unit.tools.support import FakeTool

ONE = FakeTool("one")


class Made:
    """A tool that is made when it is loaded."""

    spec = ToolSpec("made", "Made.", {"type": "object"})
    effects: frozenset[Any] = frozenset()
    cost = Cost.CHEAP

    async def invoke(self, arguments: Mapping[str, Any], scope: TurnScope) -> Outcome:
        return Outcome("made")


class WithoutEffects(Made):
    """Does not say what it does."""

    effects = None  # type: ignore[assignment]


class WithoutCost(Made):
    """Does not say how long it takes."""

    cost = "cheap"  # type: ignore[assignment]


def several() -> list[FakeTool]:
    return [FakeTool("two"), FakeTool("three")]


def broken() -> None:
    raise OSError("no such device")


def load(*names: str) -> list[str]:
    entries = [EntryPoint(name, f"{__name__}:{name}", ENTRY_POINTS) for name in names]
    return [tool.spec.name for tool in registered_tools(entries)]


def test_objects_classes_and_lists_are_taken() -> None:
    assert load("several", "Made", "ONE") == ["made", "one", "two", "three"]


@pytest.mark.parametrize("name", ["broken", "WithoutEffects", "WithoutCost", "missing", "pytest"])
def test_what_is_no_tool_is_told_and_stops_no_other(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    with caplog.at_level(logging.ERROR, "ruster.tools"):
        assert load(name, "ONE") == ["one"]
    assert f"the tools of {name}" in caplog.text
