"""Commands that are imported when they run: help and completion read a table instead."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from ruster.cli.guard import guarded

__all__ = ["Entry", "build_group"]

_SETTINGS = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a group's help: where the function is (``module:name``), or a group's entries."""

    help: str
    function: str = ""
    entries: Mapping[str, Entry] = field(default_factory=dict)


class _LazyGroup(TyperGroup):
    """A group whose commands are in ``entries``. (Untyped where click's own types move about.)"""

    entries: ClassVar[Mapping[str, Entry]] = {}
    program: ClassVar[str] = ""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        if entry.entries:
            app = build_group(entry.help, entry.entries, program=self.program)
        else:
            app = _build_command(entry, self.program)
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.entries.items()])


def build_group(
    text: str,
    entries: Mapping[str, Entry],
    *,
    program: str = "rusterctl",
    callback: Callable[..., None] | None = None,
    add_completion: bool = False,
) -> typer.Typer:
    """Make a group of commands of a program; ``callback`` has its own options."""
    group = type("Group", (_LazyGroup,), {"entries": entries, "program": program})
    app = _app(cls=group, help=text, no_args_is_help=True, add_completion=add_completion)
    app.callback()(callback or _nothing)
    return app


def _build_command(entry: Entry, program: str) -> typer.Typer:
    module, _, name = entry.function.partition(":")
    function = getattr(importlib.import_module(module), name)
    app = _app(add_completion=False)
    app.command(context_settings=_SETTINGS)(guarded(function, program))
    return app


def _app(**options: Any) -> typer.Typer:
    return typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=_SETTINGS,
        **options,
    )


def _nothing() -> None:
    return
