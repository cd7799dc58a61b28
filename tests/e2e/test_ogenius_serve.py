"""``ogenius serve``: real processes, asked over HTTP and WebSockets as programs would."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.test_ogenius import Ogenius, needs_engine, with_model
from tests.models.scripts import DEFAULT, script
from websockets.asyncio.client import connect

_PATIENCE_S = 30
_NOTICE = re.compile(
    r"NOTICE: Model reload took \d+\.\d\ds\.\n"
    r"Increase --unload-after or use --no-unload to avoid delay\.\n"
)


@dataclass
class Served:
    """A program that listens."""

    child: asyncio.subprocess.Process
    url: str
    link: str
    socket_url: str
    token: str
    http: httpx.AsyncClient

    async def chat(self, text: str, **fields: Any) -> httpx.Response:
        """Ask as a client of OpenAI would."""
        body = {"messages": [{"role": "user", "content": text}], **fields}
        return await self.http.post("/v1/chat/completions", json=body)

    async def say(self, text: str, **fields: Any) -> str:
        """Return an answer."""
        reply = await self.chat(text, **fields)
        assert reply.status_code == 200, reply.text
        said: str = reply.json()["choices"][0]["message"]["content"]
        return said

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int | None, str, str]:
        """Return exit status and what else was written."""
        self.child.send_signal(number)
        out, err = await asyncio.wait_for(self.child.communicate(), _PATIENCE_S)
        return self.child.returncode, out.decode(), err.decode()


@asynccontextmanager
async def served(ogenius: Ogenius, *words: str, opens: bool = False) -> AsyncIterator[Served]:
    """Run ``ogenius serve`` on free ports."""
    quiet = () if opens else ("--no-open",)
    addresses = ("--addr", "127.0.0.1:0", "--ws-addr", "127.0.0.1:0")
    child = await ogenius.start("serve", *addresses, *quiet, *words)
    assert child.stdout is not None
    try:
        head = (await asyncio.wait_for(child.stdout.readuntil(b"token "), _PATIENCE_S)).decode()
        token = re.search(r"rgw_\S+", (await child.stdout.readline()).decode())
        url, link, sockets = re.search(
            r"answers at (\S+)\n *page *(\S+) .*\n *WebSockets *(\S+)", head
        ).groups()  # type: ignore[union-attr]
        assert token is not None
        shown = {"Authorization": f"Bearer {token[0]}"}
        async with httpx.AsyncClient(
            base_url=url, headers=shown, trust_env=False, timeout=_PATIENCE_S
        ) as http:
            yield Served(child, url, link, sockets, token[0], http)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def _events(server: Served, *messages: dict[str, Any]) -> list[Any]:
    """Send messages over a WebSocket; return what came up to the last answer's end."""
    shown = {"Authorization": f"Bearer {server.token}"}
    heard: list[Any] = []
    async with connect(server.socket_url, additional_headers=shown, proxy=None) as socket:
        for message in messages:
            await socket.send(json.dumps(message))
            while not heard or not _ends(heard[-1]):
                heard.append(json.loads(await asyncio.wait_for(socket.recv(), _PATIENCE_S)))
    return heard


def _ends(event: Any) -> bool:
    body = event.get("body", {})
    return event.get("event") == "error" or body.get("Event") == "Complete" or "Error" in body


def _is_said(body: Any) -> bool:
    return isinstance(body.get("Event"), dict)


async def test_a_model_is_asked_through_every_door(folder: Path) -> None:
    async with served(Ogenius(folder), "--stub") as server:
        assert await server.say("hello") == "Pinky says: hello"
        listed = (await server.http.get("/v1/models")).json()
        assert "pinky/tiny-model" in {model["id"] for model in listed["data"]}
        vectors = await server.http.post(
            "/v1/embeddings", json={"model": "pinky/tiny-model", "input": ["a", "b"]}
        )
        assert len(vectors.json()["data"]) == 2
        bodies = [event["body"] for event in await _events(server, {"prompt": "hi"})]
        assert {"Event": {"Content": "Pinky says: hi"}} in bodies
        assert {"Event": {"Thought": {"Delta": "Narf!"}}} in bodies
        assert await server.stop() == (0, "", "")


async def test_sessions_are_the_daemons(folder: Path) -> None:
    async with served(Ogenius(folder), "--stub") as server:
        (event,) = await _events(server, {"action": "list"})
        assert event["code"] == "no_daemon"
        assert "start ruster" in event["error"]
        (event,) = await _events(server, {"prompt": "x", "history": [{"role": "cat"}]})
        assert "history" in event["body"]["Error"]
        for reply in (
            await server.chat("hello", model="agent/main"),
            await server.http.get("/v1/sessions"),
            await server.http.post("/v1/sessions/main/messages", json={"message": "hello"}),
        ):
            assert reply.status_code == 404, reply.text
            assert "daemon" in reply.text or "no sessions" in reply.text


async def test_what_runs_is_told_and_the_engine_is_reset(folder: Path) -> None:
    async with served(Ogenius(folder), "--stub") as server:
        config = (await server.http.get("/v1/config")).json()
        assert config["ws_addr"].endswith(server.socket_url.removeprefix("ws://"))
        assert (await server.http.post("/v1/engine/reset")).status_code == 200
        assert "ruster_models_loaded 0" in (await server.http.get("/metrics")).text
        tags = (await server.http.get("/api/tags")).json()
        assert "models" in tags


async def test_a_stranger_stays_outside_and_a_link_opens_once(folder: Path) -> None:
    ogenius = Ogenius(folder)
    async with served(ogenius, "--stub") as server:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as browser:
            assert (await browser.get("/v1/models")).status_code == 401
            assert (await browser.get(server.link)).status_code == 303
            assert (await browser.get("/v1/models")).status_code == 200
            assert (await browser.get(server.link)).status_code == 410
        old = server.token
        assert (await server.stop(signal.SIGINT))[0] == 130
    async with served(ogenius, "--stub") as server:
        server.http.headers["Authorization"] = f"Bearer {old}"
        assert (await server.http.get("/v1/models")).status_code == 401


async def test_thoughts_are_left_out_when_they_are_not_wanted(folder: Path) -> None:
    for words, thought in (((), True), (("--no-show-thinking",), False)):
        async with served(Ogenius(folder), "--stub", *words) as server:
            events = await _events(server, {"prompt": "hi"})
            assert any("Thought" in str(event) for event in events) is thought


async def test_the_browser_is_opened_with_the_link(folder: Path) -> None:
    browser = folder / "browser"
    browser.write_text(
        f'#!/bin/sh\necho "$1" >{folder}/opening\nmv {folder}/opening {folder}/seen\n'
    )
    browser.chmod(0o755)
    async with served(Ogenius(folder, BROWSER=f"{browser} %s"), "--stub", opens=True) as server:
        async with asyncio.timeout(_PATIENCE_S):
            while not (folder / "seen").exists():
                await asyncio.sleep(0.02)
        assert (folder / "seen").read_text().strip() == server.link
        await server.stop()


async def test_what_cannot_be_served_is_one_line(folder: Path) -> None:
    ogenius = Ogenius(folder)
    async with served(ogenius, "--stub") as server:
        taken = server.url.removeprefix("http://")
        for words, said in (
            (("--addr", taken), "choose another with --addr"),
            (("--addr", "127.0.0.1:0", "--ws-addr", taken), "choose another with --ws-addr"),
            (("--addr", "0.0.0.0:0"), "tls_cert"),
        ):
            status, out, err = await ogenius("serve", "--stub", "--no-open", *words)
            assert (status, out) == (1, "")
            assert said in err
            assert err.count("\n") == 1
    status, _, err = await ogenius("serve", "--addr", "nowhere")
    assert (status, "no address" in err) == (2, True)


@needs_engine
async def test_a_reload_is_told_by_the_server(folder: Path) -> None:
    ogenius = with_model(folder, "scripted")
    async with served(ogenius, "--model", "scripted", "--unload-after", "1") as server:
        assert server.child.stderr is not None
        told = asyncio.ensure_future(server.child.stderr.readuntil(b"delay.\n"))
        async with asyncio.timeout(_PATIENCE_S):
            while not told.done():
                bodies = [event["body"] for event in await _events(server, {"prompt": "Hello!"})]
                said = [it["Event"].get("Content", "") for it in bodies if _is_said(it)]
                assert "".join(said) == DEFAULT.answer
                await asyncio.wait({told}, timeout=2)
        (notice,) = [body["Notice"] for body in bodies if "Notice" in body]
        assert _NOTICE.fullmatch(notice + "\n")
        assert _NOTICE.fullmatch((await told).decode())
        assert (await server.stop())[0] == 0
    assert "NOTICE: Model reload took" in (folder / "data" / "logs" / "ogenius.log").read_text()


@needs_engine
async def test_models_are_told_apart_and_the_window_is_the_one_asked_for(folder: Path) -> None:
    with_model(folder, "trained")
    ogenius = with_model(folder, "scripted")
    async with served(ogenius, "--model", "scripted", "--context-size", "64") as server:
        asked = script("capital")
        assert await server.say(asked.question) == asked.answer
        for model in ("scripted", "trained"):
            body = {"content": "Hello!", "model": model}
            told = (await server.http.post("/tokenize", json=body)).json()
            assert told["count"] == len(told["tokens"]) > 0
        assert (
            await server.say("My cat is called Milo.", model="trained", temperature=0) == "Noted."
        )
        reply = await server.chat("Hello! " * 60)
        assert reply.status_code == 400
        assert "window holds 64" in reply.json()["error"]["message"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_an_answer_finish(folder: Path, number: signal.Signals) -> None:
    ogenius = Ogenius(folder, RUSTER_SHUTDOWN_PATIENCE_S="20")
    async with served(ogenius, "--model", "pinky/slow") as server:
        words = " ".join(f"w{n}" for n in range(20))
        async with server.http.stream(
            "POST",
            "/v1/chat/completions",
            json={"messages": [{"role": "user", "content": words}], "stream": True},
        ) as reply:
            pieces = reply.aiter_text()
            text = await anext(pieces)
            server.child.send_signal(number)
            text += "".join([piece async for piece in pieces])
        assert "w19" in text
        assert await asyncio.wait_for(server.child.wait(), _PATIENCE_S) == (
            0 if number is signal.SIGTERM else 130
        )
