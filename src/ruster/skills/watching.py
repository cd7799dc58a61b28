"""Tells when something changes in the folders with skills.

Only the folders that matter are watched, each by itself: links lead nowhere, and what lies deep in
a skill is read when it is used anyway.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ruster.core.tasks import cancel_and_wait, spawn

if TYPE_CHECKING:
    from watchfiles.main import FileChange

__all__ = ["watch"]

_log = logging.getLogger("ruster.skills")
_DEBOUNCE_MS = 300
_LOOK_ANYWAY_MS = 60_000
_FEW_WATCHES = 4096


async def watch(
    roots: Iterable[Path], folders: Callable[[], Iterable[Path]]
) -> AsyncGenerator[None]:
    """Yield whenever the skills should be looked through again; runs until it is closed.

    ``folders`` says which folders there are below the roots; it is asked anew after each change.
    The first yield comes when the watch is set up, so that nothing is missed in between.
    """
    roots = tuple(roots)
    polling = False
    while True:
        watched = _existing(roots, folders())
        filtered = partial(_matters, tuple(map(str, roots)))
        try:
            async with aclosing(_changes(watched, filtered, polling=polling)) as changes:
                async for _ in changes:
                    yield
                    if _existing(roots, folders()) != watched:
                        break
        except (OSError, RuntimeError) as error:
            if polling:
                _log.error("skills are no longer watched for changes: %s", error)
                return
            _log.warning("skills are looked through by the clock from now on: %s", error)
            polling = True


async def _changes(
    paths: frozenset[Path], matters: Callable[[object, str], bool], *, polling: bool
) -> AsyncGenerator[None]:
    """Yield once when the watch is set up, and then at every change."""
    from watchfiles import awatch  # anyio and a native library: only where something is watched

    stop = asyncio.Event()
    changes = awatch(
        *paths,
        watch_filter=matters,
        debounce=_DEBOUNCE_MS,
        stop_event=stop,
        rust_timeout=_LOOK_ANYWAY_MS,
        yield_on_timeout=True,
        force_polling=polling,
        recursive=False,
        ignore_permission_denied=True,
    )
    next_change = spawn(_next(changes), name="watch skills", log_failure=False)
    try:
        # The watch is set up in the first step of the task, before it waits in a thread.
        await asyncio.wait({next_change}, timeout=0)
        await asyncio.sleep(0)
        yield
        while await next_change:
            yield
            next_change = spawn(_next(changes), name="watch skills", log_failure=False)
    finally:
        stop.set()
        await cancel_and_wait(next_change)
        await changes.aclose()


async def _next(changes: AsyncGenerator[set[FileChange]]) -> bool:
    """Wait for a change; False when there will be none."""
    return await anext(changes, None) is not None


def _existing(roots: Iterable[Path], folders: Iterable[Path]) -> frozenset[Path]:
    """Return the folders to watch; in place of a root that is missing, the next one above it."""
    found = set()
    for root in roots:
        while not root.is_dir() and root != root.parent:
            root = root.parent
        found.add(root)
    inner = sorted(folder for folder in folders if folder.is_dir())
    return frozenset(found.union(inner[:_FEW_WATCHES]))


def _matters(roots: tuple[str, ...], _change: object, path: str) -> bool:
    """Say whether a change is in a root, or in what leads there."""
    return any(path.startswith(root) or root.startswith(path) for root in roots)
