"""The agent over HTTP: a real daemon, real connections; what one user has, another never sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.gateway import Opened, opened

from ruster.core.errors import ProviderError
from ruster.core.inference import Content
from ruster.testing import ScriptedProvider

ALICE, BOB = 54321, 54322


class Api:
    """The interface as the holder of a token uses it."""

    def __init__(self, gate: Opened, token: str) -> None:
        self._gate = gate
        self.token = token

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the JSON that came."""
        data = None if body is None else json.dumps(body).encode()
        reply = await self._gate.ask(path, method=method, token=self.token, body=data)
        return reply.status, json.loads(reply.body)

    async def code(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Return the status and the code of a refusal."""
        status, answer = await self.ask(method, path, body)
        return status, answer["error"]["code"]

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, body: Any = None, last: str | None = None
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Open a stream of events."""
        data = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._gate.host}:{self._gate.port}"]
        lines += [f"Authorization: Bearer {self.token}", f"Content-Length: {len(data)}"]
        lines += [] if last is None else [f"Last-Event-ID: {last}"]
        reader, writer = await self._gate.connect()
        try:
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            assert head.startswith("HTTP/1.1 200"), head
            assert "text/event-stream" in head
            yield _events(reader)
        finally:
            writer.close()


async def _events(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """Read server-sent events out of a chunked body."""
    text = ""
    while size := int(await reader.readline(), 16):
        text += (await reader.readexactly(size + 2))[:-2].decode()
        *whole, text = text.split("\n\n")
        for one in whole:
            fields = dict(line.split(": ", 1) for line in one.split("\n"))
            event = json.loads(fields["data"])
            assert fields["event"] == event["event"]
            assert fields.get("id") == (str(event["seq"]) if "seq" in event else None)
            yield event


@asynccontextmanager
async def api_of(folder: Path, **options: Any) -> AsyncIterator[tuple[Opened, Api]]:
    async with opened(folder, **options) as gate:
        yield gate, Api(gate, await gate.token())


async def test_a_session_from_its_first_word_to_its_end(folder: Path) -> None:
    async with api_of(folder) as (_, api):
        status, made = await api.ask("POST", "/v1/sessions", {"session_id": "a", "title": "one"})
        assert (status, made["event"], made["model"]) == (201, "created", "pinky/echo")
        async with api.stream("POST", "/v1/sessions/a/messages", {"message": "hello"}) as events:
            said = [event async for event in events]
        assert said[0]["event"] == "accepted"
        assert "".join(it["delta"] for it in said if _is_text(it)) == "hello"
        assert (said[-1]["event"], said[-1]["done"]) == ("response", True)
        status, whole = await api.ask(
            "POST", "/v1/sessions/a/messages?stream=false", {"message": "again"}
        )
        assert (status, whole["answer"], whole["end"]) == (200, "again", "done")
        assert {"accepted", "usage"} <= {it["event"] for it in whole["events"]}
        _, page = await api.ask("GET", "/v1/sessions/a/history?limit=2&offset=1")
        assert (page["limit"], page["offset"], len(page["history"])) == (2, 1, 2)
        _, why = await api.ask("GET", f"/v1/sessions/a/why?turn={whole['turn']}")
        assert (why["turn"], why["end"]) == (whole["turn"], "done")
        _, listed = await api.ask("GET", "/v1/sessions")
        assert [it["title"] for it in listed["details"]] == ["one"]
        assert (await api.ask("DELETE", "/v1/sessions/a"))[0] == 200
        assert await api.code("GET", "/v1/sessions/a/history") == (404, "session_not_found")


def _is_text(event: dict[str, Any]) -> bool:
    return event["event"] == "response" and "phase" not in event


async def test_events_go_on_from_the_last_one_seen(folder: Path) -> None:
    async with api_of(folder) as (_, api):
        await api.ask("POST", "/v1/sessions", {"session_id": "a"})
        path = "/v1/sessions/a/messages?stream=false"
        for word in ("one", "two"):
            await api.ask("POST", path, {"message": word})
        seen: list[int] = []
        async with api.stream("GET", "/v1/sessions/a/events?since=0") as events:
            async for event in events:
                if event["event"] == "attached":
                    break
                seen.append(event["seq"])
        assert seen == list(range(1, seen[-1] + 1))
        middle = seen[len(seen) // 2]
        got: list[int] = []
        told = f"/v1/sessions/a/events?since={seen[0]}"
        async with api.stream("GET", told, last=str(middle)) as events:
            async for event in events:
                if event["event"] == "attached":
                    await api.ask("POST", path, {"message": "three"})
                if "seq" in event and event["event"] != "attached":
                    got.append(event["seq"])
                if event.get("done") and event["seq"] > seen[-1]:
                    break
        assert got == list(range(middle + 1, got[-1] + 1))
        assert got[-1] > seen[-1]
        code = await api.code("GET", "/v1/sessions/a/events?since=99999")
        assert code == (400, "cursor_invalid")
        async with api.stream("GET", "/v1/sessions/a/events") as events:
            assert (await anext(events))["event"] == "attached"
            await api.ask("DELETE", "/v1/sessions/a")
            assert [it["event"] async for it in events][-1] == "deleted"


async def test_two_users_never_meet(folder: Path) -> None:
    async with opened(folder) as gate:
        alice = Api(gate, await gate.token(owner=ALICE))
        bob = Api(gate, await gate.token(owner=BOB))
        for api, word in ((alice, "oak"), (bob, "elm")):
            await api.ask("POST", "/v1/sessions", {"session_id": "same"})
            path = "/v1/sessions/same/messages?stream=false"
            assert (await api.ask("POST", path, {"message": word}))[1]["answer"] == word
        await alice.ask("POST", "/v1/sessions", {"session_id": "hers"})
        assert (await bob.ask("GET", "/v1/sessions"))[1]["sessions"] == ["same"]
        assert (await alice.ask("GET", "/v1/sessions"))[1]["sessions"] == ["hers", "same"]
        history = json.dumps((await bob.ask("GET", "/v1/sessions/same/history"))[1])
        assert "elm" in history
        assert "oak" not in history
        for method, path in (
            ("DELETE", "/v1/sessions/hers"),
            ("GET", "/v1/sessions/hers/history"),
            ("GET", f"/v1/sessions/hers/history?owner={ALICE}"),
            ("GET", "/v1/sessions/hers/events"),
            ("GET", "/v1/sessions/hers/why"),
            ("POST", "/v1/sessions/hers/cancel"),
        ):
            assert await bob.code(method, path) == (404, "session_not_found")
        said = {"message": "hi"}
        for query in ("", "?stream=false"):
            code = await bob.code("POST", f"/v1/sessions/hers/messages{query}", said)
            assert code == (404, "session_not_found")
        for path in ("/v1/approvals", "/v1/sessions?all=true", "/metrics"):
            assert await bob.code("GET", path) == (403, "not_permitted")
        assert await bob.code("POST", "/v1/engine/reset") == (403, "not_permitted")


async def test_cancel_ends_a_turn_and_leaving_does_not(folder: Path) -> None:
    scripted = ScriptedProvider((Content("so"), 0.2, Content(" on")), (Content("x"), 60.0))
    async with api_of(folder, providers={"s": scripted}) as (_, api):
        await api.ask("POST", "/v1/sessions", {"session_id": "a", "model": "s/any"})
        said = {"message": "go"}
        async with api.stream("POST", "/v1/sessions/a/messages", said) as events:
            async for event in events:
                if _is_text(event):
                    break
        answered = ""
        async with api.stream("GET", "/v1/sessions/a/events?since=0") as events:
            async for event in events:
                answered += event["delta"] if _is_text(event) else ""
                if event.get("done"):
                    break
        assert answered == "so on"
        async with api.stream("POST", "/v1/sessions/a/messages", said) as events:
            async for event in events:
                if _is_text(event):
                    _, report = await api.ask("POST", "/v1/sessions/a/cancel", {})
                    assert report["cancelled"] == event["turn"]
                last = event
        assert last["event"] == "cancelled"


async def test_a_failed_turn_has_a_status(folder: Path) -> None:
    scripted = ScriptedProvider((ProviderError("no more credit", code="provider_quota"),))
    async with api_of(folder, providers={"s": scripted}) as (_, api):
        await api.ask("POST", "/v1/sessions", {"session_id": "a", "model": "s/any"})
        path = "/v1/sessions/a/messages?stream=false"
        assert await api.code("POST", path, {"message": "go"}) == (429, "provider_quota")


async def test_jobs_memory_and_status(folder: Path) -> None:
    async with api_of(folder) as (_, api):
        await api.ask("POST", "/v1/sessions", {"session_id": "a"})
        job = {"job_id": "tea", "session_id": "a", "reminder": "remind me in 2 hours to make tea"}
        status, made = await api.ask("POST", "/v1/jobs", job)
        assert (status, made["event"]) == (201, "job")
        assert await api.code("POST", "/v1/jobs", job) == (409, "job_exists")
        _, listed = await api.ask("GET", "/v1/jobs?session_id=a")
        assert [it["job_id"] for it in listed["jobs"]] == ["tea"]
        assert (await api.ask("DELETE", "/v1/jobs/tea"))[0] == 200
        assert await api.code("DELETE", "/v1/jobs/tea") == (404, "job_not_found")
        _, found = await api.ask("GET", "/v1/memory/search?q=tea&limit=3&layers=insights")
        assert found.get("event") == "memory_search_results", found
        _, report = await api.ask("GET", "/v1/status")
        assert report["privileged"] is True
        assert (await api.ask("GET", "/v1/approvals"))[1]["approvals"] == []
        path = "/v1/approvals/pa-0123456789abcdef/approve"
        assert await api.code("POST", path) == (404, "approval_not_found")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/sessions", b""),
        ("POST", "/v1/sessions", b'{"session_id":7}'),
        ("POST", "/v1/sessions", b'{"session_id":"../x"}'),
        ("POST", "/v1/sessions", b'{"session_id":"a","action":"gateway_token_add"}'),
        ("POST", "/v1/sessions", b'{"session_id":"a","id":"x"}'),
        ("POST", "/v1/sessions", b'{"session_id":"\\ud800"}'),
        ("POST", "/v1/sessions", b'{"session_id":"a","nothing":1}'),
        ("POST", "/v1/sessions", b"[" * 50_000),
        ("POST", "/v1/sessions/a/messages", b'{"message":NaN}'),
        ("POST", "/v1/sessions/a/messages?stream=perhaps", b'{"message":"x"}'),
        ("POST", "/v1/sessions/a/messages", b'{"message":"x","session_id":"b"}'),
        ("GET", "/v1/sessions/a/history?limit=many", None),
        ("GET", "/v1/sessions/a/history?limit=0", None),
        ("GET", "/v1/sessions/a/history?action=delete", None),
        ("GET", "/v1/sessions/a/events?since=-1", None),
        ("GET", "/v1/approvals?watch=true", None),
        ("GET", "/v1/memory/search", None),
        ("GET", "/v1/memory/search?q=" + "x" * 12_000, None),
        ("POST", "/v1/jobs", b'{"when":"never ever","do":{"say":1},"session_id":"a"}'),
    ],
)
async def test_what_cannot_be_is_refused(
    folder: Path, method: str, path: str, body: bytes | None
) -> None:
    async with api_of(folder) as (gate, api):
        await api.ask("POST", "/v1/sessions", {"session_id": "a"})
        reply = await gate.ask(path, method=method, token=api.token, body=body)
        assert reply.status == 400
        assert reply.code


async def test_operation(folder: Path) -> None:
    async with api_of(folder) as (gate, api):
        assert (await gate.ask("/health")).body == b'{"status":"ok"}'
        _, config = await api.ask("GET", "/v1/config")
        assert config == {"ws_addr": f"ws://127.0.0.1:{gate.ws_port}"}
        reset = await gate.ask("/v1/engine/reset", method="POST", token=api.token)
        assert (reset.status, reset.body) == (200, b"Engine reset")
        await api.ask("POST", "/v1/sessions", {"session_id": "a"})
        await api.ask("POST", "/v1/sessions/a/messages?stream=false", {"message": "hi"})
        metrics = await gate.ask("/metrics", token=api.token)
        assert b"\nruster_turns_total 1\n" in metrics.body
        assert b"# TYPE ruster_turns_total counter\n" in metrics.body
        assert await api.code("POST", "/tokenize", {"content": "x"}) == (501, "not_supported")
        assert await api.code("POST", "/tokenize", {}) == (400, "invalid_request")


async def context(api: Api, command: Any) -> dict[str, Any]:
    """Give a context command and return what it brought."""
    text = command if isinstance(command, str) else json.dumps(command)
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    status, answer = await api.ask("POST", "/v1/context", body)
    assert (status, answer["object"], answer["model"]) == (200, "chat.completion", "m")
    result: dict[str, Any] = json.loads(answer["choices"][0]["message"]["content"])
    return result


async def test_context_commands_reach_the_owners_memory(folder: Path) -> None:
    async with opened(folder) as gate:
        alice = Api(gate, await gate.token(owner=ALICE))
        bob = Api(gate, await gate.token(owner=BOB))
        assert await context(alice, {"Set": {"key": "a", "value": "1"}}) == {"type": "ack"}
        told = {"command": "set", "key": "b", "value": "2"}
        assert await context(alice, told) == {"type": "ack"}
        assert await context(alice, {"Get": {"key": "a"}}) == {"type": "value", "value": "1"}
        assert await context(bob, {"Get": {"key": "a"}}) == {"type": "value", "value": None}
        keys = await context(alice, {"ListKeys": {"pattern": "*"}})
        assert keys == {"type": "keys", "keys": ["a", "b"]}
        assert await context(alice, {"Delete": {"key": "a"}}) == {"type": "ack"}
        assert await context(bob, '"FlushAll"') == {"type": "ack"}
        assert await context(alice, {"command": "get", "key": "b"}) == {
            "type": "value",
            "value": "2",
        }
        assert await context(alice, {"FlushAll": None}) == {"type": "ack"}
        assert (await context(alice, {"ListKeys": {"pattern": "*"}}))["keys"] == []
        for bad in ("{", "7", "{}", '{"Burn":{}}', '{"Set":{"key":"a"}}', '{"Get":"a"}'):
            assert (await context(alice, bad))["type"] == "error"
