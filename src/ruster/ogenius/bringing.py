"""Several downloads at once, and how far each has come."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ruster.cli.terminal import visible
from ruster.core.errors import RusterError
from ruster.core.inference import Progress as Step
from ruster.genius import Genius

__all__ = ["Bars", "Tenths", "bring", "bring_all"]

_TENTH = 10


class _Display(Protocol):
    def __enter__(self) -> _Display: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def show(self, name: str, step: Step) -> None:
        """Take the next step of a model's download."""
        ...


class Bars:
    """A bar per model on the terminal, with speed and time left."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, name: str, step: Step) -> None:
        bar = self._bars.get(name)
        if bar is None:  # what was here before counts for the bar, not for the speed
            self._progress.start()
            bar = self._progress.add_task(visible(name), total=None, completed=step.current)
            self._bars[name] = bar
        self._progress.update(bar, completed=step.current, total=step.total or None)


class Tenths:
    """A line per model and tenth, where nobody watches."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def __enter__(self) -> Tenths:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return

    def show(self, name: str, step: Step) -> None:
        tenth = _TENTH * step.current // step.total if step.total else 0
        if tenth > self._told.get(name, -1):
            self._told[name] = tenth
            of = f" of {decimal(step.total)}" if step.total else ""
            print(f"{name}: {_TENTH * tenth} %{of}", file=sys.stderr, flush=True)


async def bring(
    genius: Genius, names: Sequence[str], quant: str | None = None
) -> dict[str, Path | RusterError]:
    """Download models side by side; one that fails keeps no other from coming.

    Returns the file of each, or what was in the way, in the order of the names.
    """
    found: dict[str, Path | RusterError] = {}
    with Bars() if sys.stderr.isatty() else Tenths() as display:
        async with asyncio.TaskGroup() as group:
            for name in dict.fromkeys(names):
                group.create_task(_bring_one(genius, name, quant, display, found))
    return {name: found[name] for name in dict.fromkeys(names)}


async def bring_all(genius: Genius, names: Sequence[str]) -> None:
    """Download what is not here of local models; raises the first error, and tells the others."""
    found = await bring(genius, [name for name in names if genius.is_local(name)])
    errors = [error for error in found.values() if isinstance(error, RusterError)]
    for error in errors[1:]:
        print(f"ogenius: {error.message}", file=sys.stderr)
    if errors:
        raise errors[0]


async def _bring_one(
    genius: Genius,
    name: str,
    quant: str | None,
    display: _Display,
    found: dict[str, Path | RusterError],
) -> None:
    try:
        found[name] = await genius.ensure_model(
            name, quant=quant, watch=lambda step: display.show(name, step)
        )
    except RusterError as error:
        found[name] = error
