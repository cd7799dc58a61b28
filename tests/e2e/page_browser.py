"""A real browser on the page, and what its tests ask of it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, async_playwright
from tests.fakes.page_bridge import PageBridge

from ruster.app import Daemon
from ruster.core.clock import Clock
from ruster.core.inference import (
    Complete,
    Content,
    InferenceEvent,
    InferenceRequest,
    ProcessStart,
    Usage,
)
from ruster.core.ports import ModelInfo, Provider
from ruster.testing import running_daemon

__all__ = ["CHROMIUM", "HeldProvider", "Visit", "browser", "looking", "serious", "visiting"]

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]

_RESOURCE = "Failed to load resource: "
_REFUSED = (
    "WebSocket connection to",
    _RESOURCE + "net::ERR_CONNECTION",
    *(f"{_RESOURCE}the server responded with a status of {status}" for status in (401, 503)),
)
"""What the browser itself writes when a server is away or wants a link first."""


class HeldProvider:
    """Says ``before``, waits for ``release``, then says ``after``."""

    def __init__(self, before: str, after: str) -> None:
        self.release = asyncio.Event()
        self.asked = 0
        self._before, self._after = before, after

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        self.asked += 1
        yield ProcessStart()
        yield Content(self._before)
        await self.release.wait()
        yield Content(self._after)
        yield Usage(prompt=12, completion=3)
        yield Complete()

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo("held/any")]

    async def context_size(self, model: str) -> int | None:
        return None

    async def aclose(self) -> None:
        return


class Visit:
    """A page with what went wrong on it, in words for its parts."""

    daemon: Daemon

    def __init__(self, page: Page, bridge: PageBridge) -> None:
        self.page = page
        self.bridge = bridge
        self.problems: list[str] = []
        page.on("console", lambda it: self._note(it.type, it.text))
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith(_REFUSED):
            self.problems.append(f"{kind}: {text}")

    @property
    def message(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def turns(self) -> Locator:
        return self.page.locator(".turn")

    @property
    def last(self) -> Locator:
        return self.turns.last

    async def open(self, path: str = "") -> None:
        await self.page.goto(self.bridge.url + path)
        await self.page.locator("body[data-link=open]").wait_for()

    async def say(self, text: str) -> None:
        await self.message.fill(text)
        await self.message.press("Enter")

    async def answered(self, turns: int) -> None:
        """Wait until so many turns have ended."""
        await self.turns.nth(turns - 1).locator(".foot .facts").wait_for(state="attached")

    async def width_over(self) -> int:
        """Return by how much the page is wider than the window."""
        return int(
            await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        )


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            yield launched
        finally:
            await launched.close()


@asynccontextmanager
async def looking(
    folder: Path, *, width: int = 1280, height: int = 800, theme: Any = "dark"
) -> AsyncIterator[Visit]:
    """Open a page before the daemon that runs in ``folder``; a problem on it fails the test."""
    async with PageBridge(folder / "r.sock") as bridge, browser() as launched:
        context = await launched.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme
        )
        context.set_default_timeout(15_000)
        visit = Visit(await context.new_page(), bridge)
        yield visit
        await context.close()
        assert visit.problems == []


@asynccontextmanager
async def visiting(
    folder: Path,
    providers: Mapping[str, Provider] | None = None,
    *,
    look: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
    **settings: Any,
) -> AsyncIterator[Visit]:
    """Run a daemon and look at it; ``look`` is what ``looking`` takes."""
    async with (
        running_daemon(folder, providers=providers, clock=clock, **settings) as daemon,
        looking(folder, **(look or {})) as visit,
    ):
        visit.daemon = daemon
        yield visit


async def serious(page: Page) -> list[str]:
    """Return what axe finds serious or critical."""
    found = await Axe().run(page)
    return [
        f"{it['id']}: {it['nodes'][0]['html']} {it['nodes'][0].get('failureSummary', '')}"
        for it in found.response["violations"]
        if it["impact"] in ("serious", "critical")
    ]
