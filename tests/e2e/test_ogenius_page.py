"""The page of ``ogenius serve`` in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.e2e.page_browser import browser, serious
from tests.e2e.test_ogenius import Ogenius, needs_engine, with_model
from tests.e2e.test_ogenius_serve import Served, served

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")

_AWAY = ("WebSocket connection to", "Failed to load resource: net::ERR_CONNECTION")
"""What the browser itself writes when the server is away."""


@asynccontextmanager
async def looking_at(server: Served) -> AsyncIterator[Page]:
    """Open the link; whatever goes wrong on the page fails the test."""
    problems: list[str] = []
    async with browser() as chromium:
        page = await chromium.new_page()
        page.on("console", lambda it: problems.append(it.text) if it.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(server.link)
        await expect(page.get_by_role("button", name="Send")).to_be_enabled()
        yield page
        assert [it for it in problems if not it.startswith(_AWAY)] == []


async def say(page: Page, text: str) -> None:
    await page.get_by_role("textbox", name="Message").fill(text)
    await page.get_by_role("textbox", name="Message").press("Enter")


async def test_a_person_chats_with_the_model_they_choose(folder: Path) -> None:
    async with served(Ogenius(folder), "--stub") as server, looking_at(server) as page:
        models = page.get_by_role("combobox", name="Model")
        await expect(models.locator("option", has_text="pinky/echo")).to_have_count(1)
        await say(page, "<b>hello</b>")
        await expect(page.locator(".person")).to_have_text("<b>hello</b>")
        await expect(page.locator(".model")).to_have_text("Pinky says: <b>hello</b>")
        await expect(page.locator("details")).to_contain_text("Narf!")
        assert await serious(page) == []
        await page.get_by_role("checkbox", name="Thinking").uncheck()
        await expect(page.locator("details")).to_be_hidden()
        await models.select_option("pinky/slow")
        await say(page, " ".join(f"w{n}" for n in range(400)))
        await expect(page.locator(".model").last).to_contain_text("w3 ")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator(".failure")).to_have_text("Stopped.")
        await models.select_option("pinky/echo")
        await expect(page.get_by_role("button", name="Send")).to_be_enabled()
        await say(page, "still here")
        await expect(page.locator(".model").last).to_have_text("still here")
        await page.get_by_role("button", name="New chat").click()
        await expect(page.locator(".person")).to_have_count(0)


async def test_the_page_says_what_is_in_the_way(folder: Path) -> None:
    async with served(Ogenius(folder), "--stub") as server, looking_at(server) as page:
        await server.stop()
        await expect(page.get_by_role("status")).to_have_text("connecting…")
        await expect(page.get_by_role("button", name="Send")).to_be_disabled()


@needs_engine
async def test_the_conversation_is_remembered(folder: Path) -> None:
    ogenius = with_model(folder, "trained")
    async with served(ogenius, "--model", "trained") as server, looking_at(server) as page:
        for said in ("My cat is called Milo.", "Hello!", "What is my cat called?"):
            await say(page, said)
            await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
            await expect(page.locator(".model").last).to_be_visible()
        await expect(page.locator(".model").last).to_contain_text("Milo")
