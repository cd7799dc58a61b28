"""The page in a real browser at the real gateway: let in by a link, shut out by revocation."""

from __future__ import annotations

import shutil
from base64 import b64decode
from pathlib import Path

import pytest
from playwright.async_api import ConsoleMessage, FilePayload, Page, expect
from tests.e2e.gateway import Opened, opened
from tests.e2e.page_browser import browser

from ruster.core.inference import Content
from ruster.testing import ScriptedProvider

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")

_SIGNED_OUT = ("Failed to load resource: the server responded with a status of 401", "WebSocket")


def watched(page: Page) -> list[str]:
    """Keep what the page complains of, but for being signed out."""
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_SIGNED_OUT):
            problems.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: problems.append(str(error)))
    return problems


async def link(gate: Opened) -> str:
    url: str = (await gate.command("gateway_link"))["url"]
    return url


async def test_a_link_lets_a_browser_in_once_and_what_it_says_streams_and_stays(
    folder: Path,
) -> None:
    provider = ScriptedProvider([Content("Hel"), 0.05, Content("lo **there**")])
    async with opened(folder, providers={"pinky": provider}) as gate, browser() as launched:
        context = await launched.new_context()
        context.set_default_timeout(15_000)
        page = await context.new_page()
        problems = watched(page)
        await page.goto(f"http://{gate.host}:{gate.port}/")
        await expect(page.get_by_text("rusterctl ui", exact=True)).to_be_visible()
        let_in = await link(gate)
        await page.goto(let_in)
        await page.locator("body[data-link=open]").wait_for()
        assert "link=" not in page.url  # it stands in no history that is shared
        message = page.get_by_role("textbox", name="Message", exact=True)
        await message.fill("hi")
        await message.press("Enter")
        await expect(page.locator(".turn").last.locator(".prose")).to_have_text("Hello there")
        await expect(page.locator(".turn strong")).to_have_text("there")
        await page.reload()
        await expect(page.locator(".turn").last.locator(".prose")).to_have_text("Hello there")
        other = await (await launched.new_context()).new_page()
        answer = await other.goto(let_in)
        assert answer is not None
        assert answer.status == 410
        assert problems == []


async def test_a_picture_goes_along_and_is_seen_by_the_model(folder: Path) -> None:
    provider = ScriptedProvider([Content("A red square.")])
    async with opened(folder, providers={"pinky": provider}) as gate, browser() as launched:
        context = await launched.new_context()
        context.set_default_timeout(15_000)
        page = await context.new_page()
        problems = watched(page)
        await page.goto(await link(gate))
        await page.locator("body[data-link=open]").wait_for()
        small, large = await _drawn(page, 8), await _drawn(page, 3000)
        files: list[FilePayload] = [
            {"name": "small.png", "mimeType": "image/png", "buffer": small},
            {"name": "large.png", "mimeType": "image/png", "buffer": large},
            {"name": "false.png", "mimeType": "image/png", "buffer": b"no picture" * 20_000},
        ]
        await page.locator("input[type=file]").set_input_files(files)
        await expect(page.get_by_text("false.png cannot be read as a picture.")).to_be_visible()
        await expect(page.locator(".chips img")).to_have_count(2)
        message = page.get_by_role("textbox", name="Message", exact=True)
        await message.fill("What is this?")
        await message.press("Enter")
        await expect(page.locator(".turn .prose")).to_have_text("A red square.")
        await expect(page.locator(".turn .pictures img")).to_have_count(2)
        await page.reload()
        await expect(page.locator(".turn .pictures")).to_have_text("2 pictures")
        (request,) = provider.requests
        kept, redrawn = request.messages[-1].images
        assert kept.data == small
        assert redrawn.media_type == "image/jpeg"
        assert 0 < len(redrawn.data) <= 140 * 1024
        assert problems == []


async def _drawn(page: Page, side: int) -> bytes:
    """Have the browser draw a PNG, noisy enough not to be small."""
    data: str = await page.evaluate(
        """(side) => {
          const canvas = document.createElement("canvas");
          canvas.width = canvas.height = side;
          const brush = canvas.getContext("2d");
          for (let n = 0; n < side * 8; n += 1) {
            brush.fillStyle = `hsl(${(n * 37) % 360} 80% 50%)`;
            brush.fillRect((n * 7919) % side, (n * 104729) % side, 9, 9);
          }
          return canvas.toDataURL("image/png").split(",")[1];
        }""",
        side,
    )
    return b64decode(data)


async def test_a_browser_whose_token_is_revoked_is_shut_out_at_once(folder: Path) -> None:
    async with opened(folder) as gate, browser() as launched:
        page = await launched.new_page()
        page.set_default_timeout(15_000)
        await page.goto(await link(gate))
        await page.locator("body[data-link=open]").wait_for()
        (token,) = (await gate.command("gateway_token_list"))["tokens"]
        await gate.command("gateway_token_revoke", token_id=token["token_id"])
        await expect(page.get_by_text("rusterctl ui", exact=True)).to_be_visible()


async def test_a_page_of_another_site_gets_nothing(folder: Path) -> None:
    async with opened(folder) as gate, browser() as launched:
        context = await launched.new_context()
        page = await context.new_page()
        await page.goto(await link(gate))
        await page.locator("body[data-link=open]").wait_for()
        await page.goto("about:blank")  # the cookie is there, the origin is another
        answered = await page.evaluate(
            """async ([http, ws]) => {
                const asked = await fetch(http, {credentials: "include"})
                    .then(() => "read", () => "kept");
                const opened = await new Promise((done) => {
                    const socket = new WebSocket(ws);
                    socket.onopen = () => done("open");
                    socket.onerror = () => done("refused");
                });
                return [asked, opened];
            }""",
            [
                f"http://{gate.host}:{gate.port}/v1/models",
                f"ws://{gate.host}:{gate.port}/ws",
            ],
        )
        assert answered == ["kept", "refused"]
