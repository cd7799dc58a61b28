"""The page in a real browser, before a real daemon: conversations."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import FilePayload, expect
from tests.e2e.page_browser import HeldProvider, looking, visiting
from tests.fakes.hub_server import FakeHub, FakeRepo
from tests.models import build

from ruster.core.inference import Content, Thought, ThoughtPhase, ToolCallRequest, Usage
from ruster.core.messages import ToolCall
from ruster.testing import DaemonProcess, ManualClock, RawClient, ScriptedProvider

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")

_SCRIPTED = "scripted/any"


def _thinking(answer: str) -> list[Thought | Content | Usage]:
    return [
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "They want a capital."),
        Thought(ThoughtPhase.STOP),
        Content(answer),
        Usage(prompt=40, completion=9),
    ]


async def test_a_first_visit_a_model_an_answer_and_the_chat_is_found_again(folder: Path) -> None:
    async with visiting(folder) as visit:
        page = visit.page
        await visit.open()
        await expect(page.get_by_text("What shall we do?")).to_be_visible()
        models = page.get_by_role("combobox", name="Model")
        await expect(models).to_have_value("pinky/echo")
        await models.select_option("pinky/slow")
        await visit.say("one two three four five six seven eight")
        await expect(visit.last.locator(".prose")).to_contain_text("two")
        await visit.answered(1)
        await expect(visit.last.locator(".prose")).to_have_text(
            "one two three four five six seven eight"
        )
        await expect(visit.last.locator(".facts")).to_contain_text("pinky/slow")
        await page.reload()
        await expect(visit.last.locator(".prose")).to_contain_text("seven eight")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("one two three")
        await expect(models).to_have_value("pinky/slow")
        await expect(visit.turns).to_have_count(1)


async def test_an_answer_streams_goes_on_over_a_reload_and_is_stopped(folder: Path) -> None:
    held = HeldProvider("First **half**, ", "second half.")
    async with visiting(folder, {"held": held}, default_model="held/any") as visit:
        await visit.open()
        await visit.say("tell me")
        await expect(visit.last.locator("strong")).to_have_text("half")
        await visit.page.reload()
        await expect(visit.last.locator(".prose")).to_have_text("First half,")
        held.release.set()
        await visit.answered(1)
        await expect(visit.last.locator(".prose")).to_have_text("First half, second half.")
        held.release.clear()
        await visit.say("again")
        await expect(visit.last.locator(".prose")).to_have_text("First half,")
        await visit.page.get_by_role("button", name="Stop").click()
        await expect(visit.last.locator(".note")).to_have_text("Stopped.")
        await expect(visit.page.get_by_role("button", name="Stop")).to_be_hidden()


async def test_thoughts_are_folded_and_why_tells_of_the_answer(folder: Path) -> None:
    provider = ScriptedProvider(_thinking("Paris."))
    async with visiting(folder, {"scripted": provider}, default_model=_SCRIPTED) as visit:
        page = visit.page
        await visit.open()
        await visit.say("the capital of France?")
        await visit.answered(1)
        thought = visit.last.get_by_text("They want a capital.")
        await expect(thought).to_be_hidden()
        await page.get_by_role("button", name="Show thoughts").click()
        await expect(thought).to_be_visible()
        await page.keyboard.press("Alt+t")
        await expect(thought).to_be_hidden()
        await visit.last.get_by_role("button", name="Why this answer?").click()
        panel = page.get_by_role("dialog", name="Why this answer?")
        await expect(panel).to_contain_text(_SCRIPTED)
        await expect(panel).to_contain_text("40 read")
        await expect(panel.get_by_role("progressbar", name="system")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(panel).to_have_count(0)


async def test_a_tool_is_approved_in_place_and_told_of_elsewhere(folder: Path) -> None:
    call = ToolCallRequest(ToolCall("c1", "shell", {"command": "echo a\u202eb"}))
    provider = ScriptedProvider([call], [Content("It ran.")], [call], [Content("Then not.")])
    async with visiting(folder, {"scripted": provider}, default_model=_SCRIPTED) as visit:
        page = visit.page
        await visit.open()
        await visit.say("run it")
        card = visit.last.locator(".approval")
        await expect(card.locator(".exact")).to_contain_text("echo aU+202Eb")
        await expect(card).to_contain_text("high risk")
        names = await card.get_by_role("button").all_inner_texts()
        assert names == ["Allow once", "Allow in this chat", "Always allow", "Reject"]
        await card.get_by_role("button", name="Allow once").click()
        await visit.answered(1)
        await expect(card.locator(".verdict")).to_contain_text("Allowed")
        await expect(visit.last.locator(".call summary")).to_contain_text("shell")
        await visit.say("once more")
        await expect(visit.last.locator(".approval")).to_be_visible()
        await page.keyboard.press("Alt+n")
        await page.get_by_role("button", name="Review").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Reason for rejecting").fill("not today")
        await dialog.get_by_role("button", name="Reject").click()
        await expect(dialog.locator(".verdict")).to_contain_text("Rejected")
        await page.keyboard.press("Escape")
        await page.locator(".sessions .open").click()
        await expect(visit.last.locator(".prose")).to_have_text("Then not.")
        await expect(visit.last.locator(".call .state")).to_have_text("failed")
        assert "not today" in provider.requests[-1].messages[-1].content


async def test_a_question_is_answered_where_it_was_asked(folder: Path) -> None:
    asking = ToolCallRequest(ToolCall("c1", "ask_user", {"question": "`left` or right?"}))
    provider = ScriptedProvider([Content("Hm."), asking], [Content("So be it.")])
    async with visiting(folder, {"scripted": provider}, default_model=_SCRIPTED) as visit:
        await visit.open()
        await visit.say("turn")
        await expect(visit.last.locator(".ask code")).to_have_text("left")
        await visit.say("the left one")
        await visit.answered(1)
        whole = ["turn", "Hm.", "left or right?", "the left one", "So be it."]
        for _ in range(2):
            await expect(visit.last.locator(".spoken, .prose")).to_have_text(whole)
            await expect(visit.turns).to_have_count(1)
            await visit.page.reload()


async def test_what_is_said_meanwhile_reaches_the_running_answer(folder: Path) -> None:
    call = ToolCallRequest(ToolCall("c1", "shell", {"command": "true"}))
    provider = ScriptedProvider([call], [Content("With sugar.")])
    async with visiting(folder, {"scripted": provider}, default_model=_SCRIPTED) as visit:
        await visit.open()
        await visit.say("tea")
        card = visit.last.locator(".approval")
        await card.wait_for()
        await visit.message.fill("and sugar")
        await visit.message.press("Control+Enter")
        await expect(visit.last.locator(".parts .spoken")).to_have_text("and sugar")
        await card.get_by_role("button", name="Allow once").click()
        await visit.answered(1)
        assert provider.requests[-1].messages[-1].content == "and sugar"


async def test_a_lost_connection_loses_and_doubles_nothing(folder: Path) -> None:
    held = HeldProvider("before, ", "after.")
    async with visiting(folder, {"held": held}, default_model="held/any") as visit:
        await visit.open()
        await visit.say("first")
        await expect(visit.last.locator(".prose")).to_have_text("before,")
        await visit.bridge.stop()
        await expect(visit.page.locator(".connection")).to_contain_text("lost")
        held.release.set()
        await visit.say("said while offline")
        await expect(visit.page.locator(".waiting")).to_contain_text("Waits for the connection")
        await visit.bridge.start()
        await visit.answered(2)
        assert await visit.page.locator(".prose").all_inner_texts() == ["before, after."] * 2
        assert await visit.page.locator(".spoken").all_inner_texts() == [
            "first",
            "said while offline",
        ]
        await expect(visit.page.locator(".waiting")).to_have_count(0)


async def test_messages_said_before_anything_is_open_come_in_order(folder: Path) -> None:
    async with visiting(folder) as visit:
        await visit.open()
        await visit.bridge.stop()
        await expect(visit.page.locator(".connection")).to_contain_text("lost")
        for number in range(3):
            await visit.say(f"number {number}")
        await visit.bridge.start()
        await visit.answered(3)
        said = ["number 0", "number 1", "number 2"]
        assert await visit.page.locator(".spoken").all_text_contents() == said
        sends = [it["message"] for it in visit.bridge.commands if it["action"] == "send"]
        assert sends == said


async def test_a_message_whose_receipt_was_lost_is_not_sent_twice(folder: Path) -> None:
    async with visiting(folder) as visit:
        await visit.open()
        visit.bridge.lose_after = "send"
        await visit.say("only once")
        await visit.answered(1)
        await visit.page.locator("body[data-link=open]").wait_for()
        await visit.say("and then")
        await visit.answered(2)
        async with RawClient(folder / "r.sock") as client:
            (session,) = (await client.ask({"action": "list"}))["sessions"]
            page = await client.ask({"action": "history", "session_id": session})
        said = [it["content"] for it in page["history"] if it["role"] == "user"]
        assert said == ["only once", "and then"]
        assert await visit.page.locator(".spoken").all_inner_texts() == said


async def test_a_daemon_that_is_killed_goes_on_where_it_was(folder: Path) -> None:
    words = " ".join(f"word{number}" for number in range(60))
    async with (
        DaemonProcess(folder, default_model="pinky/slow") as daemon,
        looking(folder) as visit,
    ):
        await visit.open()
        await visit.say(words)
        await expect(visit.last.locator(".prose")).to_contain_text("word9")
        await daemon.kill()
        await expect(visit.page.locator("body")).not_to_have_attribute("data-link", "open")
        await visit.say("after it")
        await daemon.start()
        await visit.answered(2)
        assert await visit.page.locator(".prose").all_text_contents() == [words, "after it"]
        await expect(visit.turns.first.locator(".note")).to_be_visible()


async def test_chats_are_renamed_searched_and_deleted(folder: Path) -> None:
    async with visiting(folder) as visit:
        page = visit.page
        await visit.open()
        for turn in ("apples", "pears"):
            await page.keyboard.press("Alt+n")
            await visit.say(turn)
            await visit.answered(1)
        await page.get_by_role("button", name="pears", exact=True).focus()
        await page.keyboard.press("F2")
        await page.get_by_role("textbox", name="Rename chat").fill("plums")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("plums")
        await page.get_by_role("searchbox", name="Search chats").fill("app")
        await expect(page.locator(".sessions li")).to_have_text(["apples"])
        await page.get_by_role("searchbox", name="Search chats").fill("")
        await page.get_by_role("button", name="apples", exact=True).focus()
        await page.keyboard.press("Delete")
        await page.get_by_role("button", name="Delete", exact=True).click()
        await expect(page.locator(".sessions li")).to_have_text(["plums"])
        await expect(visit.last.locator(".prose")).to_have_text("pears")


async def test_a_long_chat_shows_its_end_and_more_when_asked(folder: Path) -> None:
    async with visiting(folder) as visit:
        async with RawClient(folder / "r.sock") as client:
            await client.send({"action": "create", "session_id": "long"})
            for number in range(70):
                await client.send(
                    {"action": "send", "session_id": "long", "message": f"number {number}"}
                )
                await client.turn()
        await visit.open("#/long")
        await expect(visit.last.locator(".prose")).to_have_text("number 69")
        assert await visit.turns.count() < 70
        earlier = visit.page.get_by_role("button", name="Show earlier")
        while await earlier.is_visible():
            before = await visit.turns.count()
            await earlier.click()
            await expect(visit.turns).not_to_have_count(before)
        shown = await visit.page.locator(".turn .spoken").all_text_contents()
        assert shown == [f"number {number}" for number in range(70)]


async def test_files_go_along_and_the_last_message_is_edited(folder: Path) -> None:
    async with visiting(folder) as visit:
        page = visit.page
        await visit.open()
        notes = FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"a\n```\nb\n```\n")
        binary = FilePayload(name="x.bin", mimeType="application/octet-stream", buffer=b"\xff\x00")
        await page.locator("input[type=file]").set_input_files([notes, binary])
        await expect(page.locator(".toast.error")).to_contain_text("x.bin is no text")
        await expect(page.locator(".chips .chip")).to_have_count(1)
        await visit.say("what is this?")
        await visit.answered(1)
        await expect(visit.last.locator(".spoken summary")).to_contain_text("notes.md")
        await expect(visit.last.locator(".prose pre")).to_have_text("a\n```\nb\n```")
        await page.keyboard.press("ArrowUp")
        assert (await visit.message.input_value()).startswith("what is this?\n\nFile: notes.md")
        await visit.say("something else")
        await visit.answered(2)
        await visit.last.get_by_role("button", name="Ask again").click()
        await visit.answered(3)
        await expect(visit.last.locator(".prose")).to_have_text("something else")


async def test_reminders_are_listed_and_what_is_said_unasked_looks_different(folder: Path) -> None:
    clock = ManualClock()
    async with visiting(folder, clock=clock) as visit:
        page = visit.page
        await visit.open()
        await visit.say("hello")
        await visit.answered(1)
        await page.get_by_role("button", name="Reminders").click()
        panel = page.get_by_role("dialog", name="Reminders")
        await expect(panel).to_contain_text("Nothing is planned.")
        await panel.get_by_label("New reminder").fill("remind me in 20 minutes to eat")
        await panel.get_by_role("button", name="Add").click()
        await expect(panel.locator("div > ul > li.reminder")).to_contain_text("eat")
        await page.keyboard.press("Escape")
        clock.advance(1200)
        await (await visit.daemon.proactive.jobs()).tick()
        await expect(page.locator(".proactive")).to_contain_text("eat")
        await page.reload()
        await expect(page.locator(".proactive")).to_contain_text("Unasked, from job say-")
        await expect(page.locator(".proactive")).to_have_count(1)


async def test_a_model_is_downloaded(folder: Path) -> None:
    repo = FakeRepo({"tiny-q4_k_m.gguf": build("tiny-bert").read_bytes()})
    async with FakeHub({"acme/tiny-GGUF": repo}) as hub:
        settings: dict[str, Any] = {"models_retries": "0", "models_reserve_bytes": "0"}
        async with visiting(folder, hub_url=hub.url, **settings) as visit:
            await visit.open()
            await visit.page.get_by_role("button", name="Local models").click()
            panel = visit.page.get_by_role("dialog", name="Local models")
            await panel.get_by_label("Model to download").fill("acme/tiny")
            await panel.get_by_role("button", name="Download", exact=True).click()
            await expect(panel.locator(".note.good")).to_contain_text("its checksum is right")


async def test_progress_is_drawn_while_it_lasts(folder: Path) -> None:
    async with visiting(folder) as visit:
        progress = {"event": "progress", "what": "downloading", "current": 25, "total": 100}
        visit.bridge.stand_ins["model_download"] = [progress]
        await visit.open()
        await visit.page.get_by_role("button", name="Local models").click()
        panel = visit.page.get_by_role("dialog", name="Local models")
        await panel.get_by_label("Model to download").fill("acme/tiny")
        await panel.get_by_role("button", name="Download", exact=True).click()
        await expect(panel.get_by_text("25 B of 100 B · 25 %")).to_be_visible()
        assert await panel.get_by_role("progressbar").get_attribute("value") == "25"


@pytest.mark.parametrize("early", [False, True], ids=["close code", "refused"])
async def test_who_is_not_signed_in_is_told_how(folder: Path, early: bool) -> None:
    async with visiting(folder) as visit:
        visit.bridge.locked, visit.bridge.refuses_early = True, early
        await visit.page.goto(visit.bridge.url)
        dialog = visit.page.get_by_role("dialog", name="Not signed in")
        await expect(dialog).to_contain_text("rusterctl ui")
        visit.bridge.locked = False
        await dialog.get_by_role("button", name="Try again").click()
        await expect(dialog).to_have_count(0)
        await visit.say("hello")
        await visit.answered(1)
