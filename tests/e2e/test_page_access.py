"""The page without a mouse, on a phone, for screen readers and in both themes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect
from tests.e2e.page_browser import Visit, serious, visiting

from ruster.core.inference import Content, Thought, ThoughtPhase, ToolCallRequest, Usage
from ruster.core.messages import ToolCall
from ruster.testing import ScriptedProvider

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")

_RICH = (
    "## A plan\n\nSee [the docs](https://example.com) and `code`.\n\n1. one\n2. two\n\n"
    "| a | b |\n| --- | --: |\n| 1 | 2 |\n\n```python\nreturn 'x'  # y 1 Foo\n```\n\n> quoted"
)


def _provider() -> ScriptedProvider:
    return ScriptedProvider(
        [
            Thought(ThoughtPhase.START),
            Thought(ThoughtPhase.DELTA, "Let me see."),
            Thought(ThoughtPhase.STOP),
            Content(_RICH),
            Usage(prompt=40, completion=9),
        ],
        [ToolCallRequest(ToolCall("c1", "shell", {"command": "git push --force"}))],
        [Content("Done.")],
    )


def _visiting(folder: Path, **how: Any) -> Any:
    return visiting(folder, {"scripted": _provider()}, default_model="scripted/any", **how)


async def _full_of_things(visit: Visit) -> None:
    await visit.open()
    await visit.say("make a plan")
    await visit.answered(1)
    await visit.say("push it")
    await expect(visit.last.locator(".approval")).to_be_visible()


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_axe_finds_nothing_serious(folder: Path, theme: str) -> None:
    async with _visiting(folder, look={"theme": theme}) as visit:
        page = visit.page
        await page.emulate_media(reduced_motion="reduce")  # colours are read as they are in the end
        await visit.open()
        assert await serious(page) == []
        await _full_of_things(visit)
        await page.get_by_role("button", name="Show thoughts").click()
        assert await page.evaluate("document.documentElement.dataset.theme") == theme
        assert await serious(page) == []
        for name in ("Reminders", "Memory", "Local models", "Keyboard shortcuts"):
            await page.get_by_role("button", name=name).click()
            await expect(page.locator("dialog [aria-busy]")).to_have_count(0)
            assert await serious(page) == [], name
            await page.keyboard.press("Escape")
        await visit.turns.first.get_by_role("button", name="Why this answer?").click()
        await expect(page.get_by_role("dialog")).to_contain_text("40 read")
        assert await serious(page) == []
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Reject").click()
        await visit.answered(2)
        assert await serious(page) == []


async def test_axe_would_tell(folder: Path) -> None:
    async with _visiting(folder) as visit:
        await visit.open()
        await visit.page.evaluate(
            "document.querySelector('textarea').removeAttribute('aria-label')"
        )
        await visit.page.evaluate(
            "document.querySelector('textarea').removeAttribute('placeholder')"
        )
        assert any("label" in found for found in await serious(visit.page))


async def test_everything_is_done_by_keys(folder: Path) -> None:
    async with _visiting(folder) as visit:
        page = visit.page
        await visit.open()
        await page.keyboard.press("/")
        await page.keyboard.type("make a plan")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("please")
        await page.keyboard.press("Enter")
        await visit.answered(1)
        await expect(visit.last.locator(".spoken")).to_have_text("make a plan\nplease")
        await page.keyboard.type("push it")
        await page.keyboard.press("Enter")
        card = visit.last.locator(".approval")
        await card.wait_for()
        await page.keyboard.press("Alt+a")
        await expect(card.get_by_role("button", name="Allow once")).to_be_focused()
        await page.keyboard.press("Enter")
        await visit.answered(2)
        await expect(visit.message).to_be_focused()
        await page.keyboard.press("Alt+w")
        await expect(page.get_by_role("dialog", name="Why this answer?")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(visit.message).to_be_focused()
        await page.keyboard.press("Escape")
        await page.keyboard.press("Control+k")
        await page.keyboard.press("ArrowDown")
        await expect(page.locator(".sessions .open")).to_be_focused()
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("button", name="Rename make a plan")).to_be_focused()
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Rename make a plan")).to_be_focused()
        await page.keyboard.press("Alt+n")
        await expect(visit.message).to_be_focused()
        await page.keyboard.press("Alt+ArrowDown")
        await expect(page.get_by_role("heading", level=1)).to_have_text("make a plan")
        await page.keyboard.press("Alt+m")
        await expect(page.get_by_role("combobox", name="Model")).to_be_focused()


async def test_the_shortcuts_of_the_page_are_documented() -> None:
    root = Path(__file__).resolve().parents[2]
    keys = (root / "page" / "js" / "keys.js").read_text(encoding="utf-8")
    told = (root / "docs" / "web.md").read_text(encoding="utf-8")
    shown = [line for line in keys.splitlines() if line.strip().startswith('["')]
    names = [pair.split('"')[1] for line in shown for pair in line.split("], [")]
    assert len(names) >= 16
    assert [name for each in names for name in each.split("  ") if f"`{name}`" not in told] == []


async def test_screen_readers_are_told_of_the_answer(folder: Path) -> None:
    async with _visiting(folder) as visit:
        await visit.open()
        await visit.say("make a plan")
        await visit.answered(1)
        polite = visit.page.locator("#polite[aria-live=polite]")
        await expect(polite).to_contain_text("quoted")
        await expect(polite).to_contain_text("The answer is complete.")
        await visit.say("push it")
        await expect(visit.page.locator("#urgent")).to_contain_text("Approval needed: shell")


async def test_a_phone_has_a_drawer_and_nothing_to_scroll_sideways(folder: Path) -> None:
    async with _visiting(folder, look={"width": 360, "height": 740}) as visit:
        page = visit.page
        await page.emulate_media(reduced_motion="reduce")
        await _full_of_things(visit)
        assert await visit.width_over() <= 0
        await expect(page.get_by_role("complementary", name="Chats")).to_be_hidden()
        await page.get_by_role("button", name="Chats", exact=True).click()
        await expect(page.get_by_role("button", name="Close the list")).to_be_focused()
        assert await serious(page) == []
        await page.locator(".sessions .open").click()
        await expect(page.get_by_role("complementary", name="Chats")).to_be_hidden()
        card = visit.last.locator(".approval")
        await expect(card.get_by_role("button", name="Reject")).to_be_visible()
        assert await visit.width_over() <= 0
        await page.keyboard.press("Alt+w")
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await visit.width_over() <= 0


async def test_the_theme_is_switched_and_kept(folder: Path) -> None:
    async with _visiting(folder, look={"theme": "light"}) as visit:
        await visit.open()
        switch = visit.page.get_by_role("button", name="Light or dark")
        await switch.click()
        await visit.page.reload()
        theme = "document.documentElement.dataset.theme"
        assert await visit.page.evaluate(theme) == "dark"
        await switch.click()
        assert await visit.page.evaluate(theme) == "light"
        await visit.page.emulate_media(color_scheme="dark")  # it follows the system again
        await expect(visit.page.locator("html")).to_have_attribute("data-theme", "dark")
