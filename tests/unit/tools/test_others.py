"""Tools about the web, the conversation, the time and the memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from ruster.core.messages import Message, Role
from ruster.core.tool_ports import Deleted, Recollection
from ruster.core.tools import Effect, Risk, TurnScope
from ruster.sandbox.programs.readable import readable
from ruster.testing import ManualClock
from ruster.tools.builtin import ToolPorts, builtin_tools
from ruster.tools.runs import RunFolders
from ruster.tools.session import SessionTail
from ruster.tools.settings import ToolSettings
from tests.unit.tools.support import (
    FakeAsker,
    FakeConversation,
    FakeWeb,
    Rules,
    builtins,
    call_of,
    registry_of,
    scope_in,
    web_answer,
)

PAGE = """<!doctype html><html><head><title>The  page</title><style>p{}</style>
<script>alert("x")</script><body><nav><a href=/>Home</a></nav>
<h1>Head &amp; line</h1><p>Some <b>bold</b>
text.</p><ul><li>one</li><li>two</ul><pre>a
  b</pre><table><tr><td>1<td>2</table><footer>foot</footer><p>end"""


def test_a_page_becomes_what_a_reader_sees() -> None:
    assert readable(PAGE).splitlines() == [
        "The page",
        "",
        "# Head & line",
        "Some bold text.",
        "- one",
        "- two",
        "a",
        "  b",
        " | 1 | 2",
        "end",
    ]


@pytest.mark.parametrize("html", ["", "<", "<a <b <c", "</p></p></nav>", "<nav>", "&#xffffffff;"])
def test_broken_pages_are_read_somehow(html: str) -> None:
    assert isinstance(readable(html), str)


async def test_a_page_is_read_as_text_and_doubtful(tmp_path: Path) -> None:
    web, rules = FakeWeb(web_answer(PAGE)), Rules()
    registry = builtins(web=web, rules=rules)
    scope = scope_in(tmp_path)
    outcome = await registry.run(scope, call_of("web_fetch", url="https://example.com/b"))
    assert outcome.text.startswith("https://example.com/a\n\nThe page\n\n# Head & line\nSome bold")
    assert scope.taint.origins == {"web:example.com"}
    assert rules.seen[0].target == "https://example.com/b"
    assert web.asked == [("GET", "https://example.com/b", "")]


async def test_failures_of_the_web_are_doubtful_too(tmp_path: Path) -> None:
    web = FakeWeb(web_answer("gone", "text/plain", 404))
    registry = builtins(web=web)
    scope = scope_in(tmp_path)
    outcome = await registry.run(scope, call_of("web_fetch", url="https://example.com"))
    assert outcome.failed
    assert outcome.text == "https://example.com/a (status 404)\n\ngone"
    assert scope.taint


async def test_raw_requests(tmp_path: Path) -> None:
    web, rules = FakeWeb(), Rules()
    registry = builtins(web=web, rules=rules)
    scope = scope_in(tmp_path)
    got = await registry.run(scope, call_of("http_get", url="https://a.example/x?y"))
    assert got.text.endswith("\n\n<p>hello</p>")
    await registry.run(scope, call_of("http_post", url="http://[::1", body="b"))
    assert web.asked == [("GET", "https://a.example/x?y", ""), ("POST", "http://[::1", "b")]
    get, post = rules.seen
    assert (get.target, get.risk) == ("https://a.example/x?y", Risk.MEDIUM)
    assert (post.target, post.risk) == ("http://[::1", Risk.HIGH)
    assert post.effects == {Effect.NETWORK, Effect.SPENDS}


async def test_the_session_tells_about_itself(tmp_path: Path) -> None:
    registry = builtins()
    scope = scope_in(tmp_path)
    info = await registry.run(scope, call_of("model_info"))
    assert info.text == "provider=ollama\nmodel=llama3.2\nsession_id=work"
    tail = json.loads((await registry.run(scope, call_of("session_tail"))).text)
    assert (tail["total_messages"], tail["returned_messages"]) == (60, 5)
    assert tail["messages"][-1] == {"role": "user", "content": "message 59"}
    assert (await registry.run(scope, call_of("session_tail", limit=51))).failed


async def test_old_messages_bring_their_doubts_back(tmp_path: Path) -> None:
    scope = scope_in(tmp_path)
    tail = SessionTail(FakeConversation(origins=("web:a", "web:b")))
    outcome = await registry_of(tail).run(scope, call_of("session_tail", limit=1))
    assert outcome.origin == "web:a"
    assert scope.taint.origins == {"web:a", "web:b"}


async def test_a_person_is_asked(tmp_path: Path) -> None:
    asker = FakeAsker()
    registry = builtins(asker=asker)
    call = call_of("ask_user", question="Which colour?")
    answered = await registry.run(scope_in(tmp_path), call)
    assert answered.text == "[the next message is the answer]"
    away = await registry.run(scope_in(tmp_path, attended=False), call)
    assert (away.text, away.failed) == ("nobody is there to answer", True)
    assert asker.asked == ["Which colour?"]
    asker.answers = False
    assert (await registry.run(scope_in(tmp_path), call)).text == "no answer came in time"


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../../etc/passwd", "/etc/passwd", "", "a\0b"])
async def test_wrong_time_zones_are_told(tmp_path: Path, zone: str) -> None:
    outcome = await builtins().run(scope_in(tmp_path), call_of("time_now", timezone=zone))
    assert outcome.failed
    assert outcome.hint == "use a name such as Europe/Berlin"


class Memory:
    def __init__(self) -> None:
        self.kept: list[str] = []

    async def remember(self, scope: TurnScope, text: str) -> None:
        self.kept.append(text)

    async def recall(self, scope: TurnScope, query: str, limit: int) -> Sequence[Recollection]:
        found = [Recollection(text, "web:a") for text in self.kept if query in text]
        return found[:limit]

    async def delete(self, scope: TurnScope, query: str) -> Deleted:
        found = [text for text in self.kept if query in text]
        if len(found) > 1:
            return Deleted(refused=len(found))
        self.kept = [text for text in self.kept if text not in found]
        return Deleted(tuple(Recollection(text, "web:a") for text in found), summaries=len(found))


async def test_memory_is_used_where_there_is_one(tmp_path: Path) -> None:
    settings, clock = ToolSettings(), ManualClock()
    runs = RunFolders(settings, clock)
    ports = ToolPorts(clock, runs, memory=Memory())
    registry = registry_of(*builtin_tools(settings, ports))
    scope = scope_in(tmp_path)
    names = (await registry.available(scope)).keys()
    assert {"remember", "recall", "forget"} <= names
    assert not {"shell", "http_get", "ask_user", "model_info", "run_skill_script"} & names
    await registry.run(scope, call_of("remember", text="likes blue"))
    assert (await registry.run(scope, call_of("recall", query="red"))).text == "[nothing]"
    assert not scope.taint
    assert (await registry.run(scope, call_of("recall", query="blue"))).text == "- likes blue"
    assert scope.taint.origins == {"web:a"}


async def test_what_is_forgotten_is_told(tmp_path: Path) -> None:
    settings, clock = ToolSettings(), ManualClock()
    memory = Memory()
    memory.kept = ["likes blue", "likes  red", "blue " + "x" * 400]
    ports = ToolPorts(clock, RunFolders(settings, clock), memory=memory)
    registry = registry_of(*builtin_tools(settings, ports))
    scope = scope_in(tmp_path)
    refused = await registry.run(scope, call_of("forget", what="blue"))
    assert refused.failed
    assert refused.text == "2 memories say that; nothing was deleted"
    assert refused.hint == "ask the user to say more exactly what to forget"
    none = await registry.run(scope, call_of("forget", what="green"))
    assert none.text == "nothing was deleted: no memory says that"
    assert not scope.taint
    gone = await registry.run(scope, call_of("forget", what="red"))
    assert gone.text == "deleted for good (1):\n- likes red\nwith summaries made of them: 1"
    assert scope.taint.origins == {"web:a"}
    long = await registry.run(scope, call_of("forget", what="xx"))
    assert len(long.text) < 400
    assert memory.kept == ["likes blue"]


@pytest.mark.parametrize(
    ("message", "offered"),
    [
        ("forget that I live in Hanoi", True),
        ("Please forget my birthday", True),
        ("what is the weather in Rome", False),
    ],
)
async def test_forgetting_is_offered_to_who_asks_for_it(
    tmp_path: Path, message: str, offered: bool
) -> None:
    clock = ManualClock()
    ports = ToolPorts(clock, RunFolders(ToolSettings(), clock), memory=Memory())
    registry = registry_of(*builtin_tools(ToolSettings(), ports))
    specs = await registry.offer(scope_in(tmp_path), [Message(Role.USER, message)])
    assert ("forget" in {spec.name for spec in specs}) == offered
