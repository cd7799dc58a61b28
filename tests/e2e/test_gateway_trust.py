"""Who comes in over HTTP and who does not: a real daemon, real sockets, bytes as an attacker sends
them. What a refusal refuses is shown to work once the one thing is put right."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.e2e.gateway import Opened, Reply, heard, opened
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ruster.core.clock import SystemClock
from ruster.testing import RawClient, running_daemon

OTHER = 54321
"""Some user's uid: nobody has to be there to own sessions."""


class Later(SystemClock):
    """The system's clock, put forward by hand."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s


async def refused_socket(gate: Opened, token: str | None = None, **options: object) -> int:
    """Return the status of a WebSocket's refusal."""
    with pytest.raises(InvalidStatus) as caught:
        async with gate.socket_to(token, **options):  # type: ignore[arg-type]
            pass
    return caught.value.response.status_code


# Tokens


async def test_everything_but_page_and_health_needs_a_token(folder: Path) -> None:
    async with opened(folder) as gate:
        token = await gate.token()
        for path in ("/v1/models", "/v1/chat/completions", "/api/tags", "/nothing", "/ws", "/page"):
            reply = await gate.ask(path)
            assert (reply.status, reply.code) == (401, "unauthorized")
            assert reply.header("www-authenticate") == "Bearer"
            assert (await gate.ask(path, token=token)).status != 401
        assert (await gate.ask("/health", method="POST")).status == 401
        assert (await gate.ask("/health")).body == b'{"status":"ok"}'
        assert (await gate.ask("/")).status == 200
        assert await refused_socket(gate) == 401


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", "Bearer ", "Bearer x", "Basic {}", "bearer {}x", "Bearer {} {}", "{}"],
)
async def test_false_tokens(folder: Path, shown: str) -> None:
    async with opened(folder) as gate:
        token = await gate.token()
        headers = {"Authorization": shown.replace("{}", token)}
        assert (await gate.ask("/v1/models", headers=headers)).status == 401
        assert (
            await gate.ask("/nothing", headers={"Authorization": f"bEaReR {token}"})
        ).status == 404
        line = f"Authorization: Bearer {token}\r\n"
        twice = f"GET /nothing HTTP/1.1\r\nHost: localhost\r\n{line}{line}\r\n"
        assert (await gate.raw(twice.encode())).status == 401
        assert (await gate.ask(f"/nothing?token={token}")).status == 401


async def test_tokens_are_kept_as_hashes_in_a_private_file(folder: Path) -> None:
    async with opened(folder) as gate:
        token = await gate.token()
        path = folder / "config" / "gateway.tokens.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        text = path.read_text()
        assert token not in text
        (kept,) = json.loads(text)["tokens"]
        assert kept.keys() == {"id", "label", "uid", "sha256", "created"}
        listing = await gate.command("gateway_token_list")
        assert token not in json.dumps(listing)
    async with opened(folder) as gate:  # they outlive the daemon
        assert (await gate.ask("/nothing", token=token)).status == 404


async def test_an_open_file_of_tokens_lets_nobody_in(folder: Path) -> None:
    async with opened(folder):
        pass
    path = folder / "config" / "gateway.tokens.json"
    path.chmod(0o644)
    with pytest.raises(Exception, match="chmod 600"):
        async with opened(folder):
            pass
    path.chmod(0o600)
    path.write_text('{"tokens": [{"id": 1}]}')
    with pytest.raises(Exception, match="damaged"):
        async with opened(folder):
            pass


async def test_revocation_counts_at_once_and_ends_what_is_open(folder: Path) -> None:
    async with opened(folder) as gate:
        made = await gate.command("gateway_token_add", label="a")
        kept = await gate.token()
        async with gate.socket_to(made["token"]) as gone, gate.socket_to(kept) as stays:
            await gone.send('{"action":"ping"}')
            await heard(gone, event="pong")
            await gate.command("gateway_token_revoke", token_id=made["details"]["token_id"])
            with pytest.raises(ConnectionClosed) as closed:
                await gone.recv()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "unauthorized")
            await stays.send('{"action":"ping"}')
            await heard(stays, event="pong")
        assert (await gate.ask("/nothing", token=made["token"])).status == 401
        assert (await gate.ask("/nothing", token=kept)).status == 404
        listed = (await gate.command("gateway_token_list"))["tokens"]
        assert [it["state"] for it in listed] == ["revoked", "usable"]
        error = await gate.command("gateway_token_revoke", token_id="g-0")
        assert error["code"] == "token_not_found"


async def test_tokens_expire(folder: Path) -> None:
    clock = Later()
    async with opened(folder, clock=clock) as gate:
        token = await gate.token(lasts_s=3600)
        assert (await gate.ask("/nothing", token=token)).status == 404
        clock.ahead_s = 3601
        assert (await gate.ask("/nothing", token=token)).status == 401
        (listed,) = (await gate.command("gateway_token_list"))["tokens"]
        assert listed["state"] == "expired"


async def test_an_open_socket_ends_with_its_token(folder: Path) -> None:
    async with opened(folder) as gate:
        token = await gate.token(lasts_s=3)
        async with gate.socket_to(token) as socket:
            with pytest.raises(ConnectionClosed):
                await socket.recv()


async def test_only_the_daemons_user_has_to_do_with_tokens(folder: Path) -> None:
    async with opened(folder) as gate:
        own, other = await gate.token(), await gate.token(owner=OTHER)
        for token in (own, other):  # and nobody at all over the gateway itself
            async with gate.socket_to(token) as socket:
                for command in (
                    {"action": "gateway_token_add", "label": "more"},
                    {"action": "gateway_token_list"},
                    {"action": "gateway_token_revoke", "token_id": "g-1"},
                    {"action": "gateway_link"},
                ):
                    await socket.send(json.dumps(command))
                    assert (await heard(socket, event="error"))["code"] == "not_permitted"


async def test_two_tokens_of_two_users(folder: Path) -> None:
    async with opened(folder) as gate:
        own, other = await gate.token(), await gate.token(owner=OTHER)
        async with gate.socket_to(own) as mine, gate.socket_to(other) as theirs:
            await mine.send('{"action":"create","session_id":"secret"}')
            await heard(mine, event="created")
            for action in ("history", "attach", "cancel", "delete", "send"):
                fields = {"message": "x"} if action == "send" else {}
                await theirs.send(json.dumps({"action": action, "session_id": "secret", **fields}))
                assert (await heard(theirs, event="error"))["code"] == "session_not_found"
            await theirs.send('{"action":"create","session_id":"secret"}')
            await heard(theirs, event="created")
            for socket in (mine, theirs):
                await socket.send('{"action":"list"}')
                assert (await heard(socket, event="list"))["sessions"] == ["secret"]
            await theirs.send('{"action":"send","session_id":"secret","message":"hello"}')
            await heard(theirs, event="response", done=True)
            await mine.send('{"action":"history","session_id":"secret"}')
            assert (await heard(mine, event="history"))["total"] == 0  # nothing else came, either
            for command in (
                {"action": "config_list"},
                {"action": "list", "all": True},
                {"action": "doctor"},
            ):
                await theirs.send(json.dumps(command))
                assert (await heard(theirs, event="error"))["code"] == "not_permitted"
                await mine.send(json.dumps(command))
                await heard(mine, event=command["action"])
        async with RawClient(gate.socket) as client:
            listing = await client.ask({"action": "list", "all": True})
        assert {it["owner"] for it in listing["details"]} == {OTHER, os.geteuid()}


async def test_the_simple_form_keeps_others_from_files_and_downloads(folder: Path) -> None:
    async with opened(folder) as gate, gate.socket_to(await gate.token(owner=OTHER)) as socket:
        for model in ("llamacpp//etc/passwd", "llamacpp/~/x", "llamacpp/some/repo"):
            await socket.send(json.dumps({"prompt": "x", "model": model}))
            body = json.loads(await socket.recv())["body"]
            assert "only the daemon's own user" in body["Error"]
        await socket.send(json.dumps({"prompt": "x", "model": "pinky/echo"}))
        assert json.loads(await socket.recv())["body"] == {"Event": "ProcessStart"}


# One-time links


def cookie_of(reply: Reply) -> str:
    """Return the cookie that an answer sets, as a browser sends it back."""
    setting = reply.header("set-cookie") or ""
    assert "; HttpOnly" in setting
    assert "; SameSite=Strict" in setting
    assert "; Path=/" in setting
    assert "Secure" not in setting
    return setting.partition(";")[0]


async def follow(gate: Opened, **headers: str) -> Reply:
    """Make a link and open it."""
    url = urlsplit((await gate.command("gateway_link"))["url"])
    assert url.netloc == f"{gate.host}:{gate.port}"
    return await gate.ask(
        f"{url.path}?{url.query}", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


async def test_a_link_lets_a_browser_in_once(folder: Path) -> None:
    async with opened(folder) as gate:
        url = urlsplit((await gate.command("gateway_link"))["url"])
        path = f"{url.path}?{url.query}"
        assert (await gate.ask(path, method="HEAD")).status in (403, 405)  # uses nothing up
        first = await gate.ask(path, headers={"Sec-Fetch-Site": "none"})
        assert (first.status, first.header("location")) == (303, "/")
        assert first.header("referrer-policy") == "no-referrer"
        second = await gate.ask(path)
        assert second.status == 410
        assert second.header("set-cookie") is None
        headers = {"Cookie": cookie_of(first), "Sec-Fetch-Site": "same-origin"}
        assert (await gate.ask("/nothing", headers=headers)).status == 404
        (token,) = (await gate.command("gateway_token_list"))["tokens"]
        assert token["label"] == "browser"
        assert "expires" in token
        await gate.command("gateway_token_revoke", token_id=token["token_id"])
        assert (await gate.ask("/nothing", headers=headers)).status == 401


async def test_a_link_expires(folder: Path) -> None:
    clock = Later()
    async with opened(folder, clock=clock) as gate:
        link = urlsplit((await gate.command("gateway_link"))["url"])
        clock.ahead_s = 299
        other = urlsplit((await gate.command("gateway_link"))["url"])
        clock.ahead_s = 301
        assert (await gate.ask(f"/?{link.query}")).status == 410
        assert (await gate.ask(f"/?{other.query}")).status == 303
        assert (await gate.ask("/?link=")).status == 200  # as without one
        assert (await gate.ask("/?link=guess")).status == 410


async def test_a_link_is_not_opened_by_other_sites_or_prefetching(folder: Path) -> None:
    async with opened(folder) as gate:
        for site in ("cross-site", "same-site"):
            reply = await follow(
                gate, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document"
            )
            assert (reply.status, reply.code) == (403, "origin_refused")
        assert (await follow(gate, Sec_Purpose="prefetch")).status == 403
        assert (await follow(gate)).status == 303


# Cross-site requests


async def test_a_form_of_another_site_changes_nothing(folder: Path) -> None:
    async with opened(folder) as gate:
        cookie = cookie_of(await follow(gate))
        own = f"http://{gate.host}:{gate.port}"
        form = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        for extra in (
            {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": f"http://{gate.host}:1"},  # another server of this machine
            {"Origin": f"http://localhost:{gate.port}"},  # not the name that was asked
            {"Origin": own + "/x"},
            {"Origin": f"http://u@{gate.host}:{gate.port}"},
            {"Origin": f"ftp://{gate.host}:{gate.port}"},
            {"Origin": "http://[::1"},
            {"Sec-Fetch-Site": "same-site"},
            {},  # a browser always says where a form comes from
        ):
            reply = await gate.ask("/v1/x", method="POST", body=b"a=b", headers={**form, **extra})
            assert (reply.status, reply.code) == (403, "origin_refused"), extra
        fine = {"Origin": own, "Sec-Fetch-Site": "same-origin"}
        reply = await gate.ask("/v1/x", method="POST", body=b"a=b", headers={**form, **fine})
        assert reply.status == 404  # let in
        reply = await gate.ask(
            "/v1/x", headers={"Cookie": cookie, "Origin": "https://evil.example"}
        )
        assert reply.status == 403
        assert (await gate.ask("/v1/x", headers={"Cookie": cookie})).status == 404


async def test_cors_is_closed(folder: Path) -> None:
    async with opened(folder) as gate:
        token = await gate.token()
        preflight = {
            "Origin": "https://evil.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        for reply in (
            await gate.ask("/v1/models", method="OPTIONS", headers=preflight),
            await gate.ask("/v1/models", token=token, headers={"Origin": "https://evil.example"}),
        ):
            assert reply.status == 403
            assert not [name for name, _ in reply.headers if name.startswith("access-control")]


async def test_cross_site_sockets_are_refused(folder: Path) -> None:
    async with opened(folder) as gate:
        token = await gate.token()
        cookie = cookie_of(await follow(gate))
        own = f"http://{gate.host}:{gate.port}"
        for port in (gate.port, gate.ws_port):
            for origin in ("https://evil.example", "null", f"http://{gate.host}:1"):
                for shown in ({"Cookie": cookie}, {"Authorization": f"Bearer {token}"}):
                    headers = {"Origin": origin, **shown}
                    assert await refused_socket(gate, port=port, headers=headers) == 403
            assert await refused_socket(gate, port=port, headers={"Cookie": cookie}) == 403
            headers = {"Origin": own, "Cookie": cookie, "Sec-Fetch-Site": "same-site"}
            async with gate.socket_to(port=port, headers=headers) as socket:
                await socket.send('{"action":"ping"}')
                await heard(socket, event="pong")
            async with gate.socket_to(token, port=port):
                pass


async def test_a_page_is_reached_by_links_elsewhere_but_in_no_frame(folder: Path) -> None:
    async with opened(folder) as gate:
        elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        opens = await gate.ask("/", headers={**elsewhere, "Sec-Fetch-Dest": "document"})
        assert opens.status == 200
        assert (
            await gate.ask("/", headers={**elsewhere, "Sec-Fetch-Dest": "iframe"})
        ).status == 403
        policy = opens.header("content-security-policy") or ""
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert f"ws://{gate.host}:{gate.ws_port}" in policy
        assert opens.header("x-frame-options") == "DENY"
        assert opens.header("server") is None


# DNS rebinding


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example",
     "127.0.0.1@evil.example", "192.168.0.1", "0.0.0.0", "[fe80::1]", "localhost:x", ""],
)  # fmt: skip
async def test_rebound_names_are_refused(folder: Path, host: str) -> None:
    async with opened(folder, allowed_hosts='["ruster.example"]') as gate:
        token = await gate.token()
        for path in ("/", "/health", "/v1/models"):
            request = (
                f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
            )
            assert (await gate.raw(request.encode())).status == 421
        upgrade = (
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        assert (await gate.raw(upgrade.encode())).status == 421
        for own in (
            "localhost",
            "LOCALHOST:99",
            "a.localhost",
            "[::1]:1",
            "127.9.9.9",
            "Ruster.Example",
        ):
            assert (await gate.ask("/health", host=own)).status == 200
        good = upgrade.replace(f"Host: {host}", "Host: localhost")
        assert (await gate.raw(good.encode())).status == 101


# Paths


@pytest.mark.parametrize(
    "path",
    ["/page/../settings.py", "/page/..%2f..%2fsettings.py", "/../../etc/passwd", "//etc/passwd",
     "/page/%2e%2e/guard.py", "/page/index.html%00.css", "/page/", "/page/.", "/./", "/page//x",
     "/page/..\\guard.py", "/index.html"],
)  # fmt: skip
async def test_no_path_leads_to_other_files(folder: Path, path: str) -> None:
    async with opened(folder) as gate:
        token = await gate.token()
        assert (await gate.ask(path)).status == 401
        assert (await gate.ask(path, token=token)).status in (400, 404)
        assert (await gate.ask("/")).status == 200


async def test_the_page_is_told_by_its_etag(folder: Path) -> None:
    async with opened(folder) as gate:
        page = await gate.ask("/")
        etag = page.header("etag") or ""
        again = await gate.ask("/", headers={"If-None-Match": f'"x", W/{etag}'})
        assert (again.status, again.body) == (304, b"")
        assert (await gate.ask("/", headers={"If-None-Match": '"x"'})).body == page.body
        assert (await gate.ask("/", method="HEAD")).status == 200
    async with opened(folder, page="false") as gate:
        assert (await gate.ask("/")).status == 404


# Commands


async def test_without_the_gateway_there_are_no_tokens(folder: Path) -> None:
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        reply = await client.ask({"action": "gateway_link"})
        assert reply["code"] == "gateway_off"
        report = await client.ask({"action": "doctor"}, "doctor")
        (check,) = [it for it in report["checks"] if it["name"] == "gateway"]
        assert (check["status"], check["detail"]) == ("ok", "off")


async def test_a_taken_port_stops_nothing_else(folder: Path) -> None:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = {"gateway_enabled": "true", "gateway_ws_addr": f"127.0.0.1:{port}"}
    settings["gateway_addr"] = "127.0.0.1:0"
    async with (
        running_daemon(folder, disk=None, clock=None, providers=None, **settings),
        RawClient(folder / "r.sock") as client,
    ):
        reply = await client.ask({"action": "gateway_link"})
        assert reply["code"] == "gateway_failed"
        assert "choose another ws_addr in [gateway]" in reply["error"]
        report = await client.ask({"action": "doctor"}, "doctor")
        (check,) = [it for it in report["checks"] if it["name"] == "gateway"]
        assert check["status"] == "missing"
        assert str(port) in check["detail"]
    server.close()
    await server.wait_closed()
