"""The LLM proxy on real sockets: what passes, what does not, and what it says then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable

import pytest

pytest.importorskip("uvicorn", reason="the HTTP server is not installed (extra `gateway`)")

from ruster.core.errors import ConfigError, RusterError
from tests.fakes.go_http import LAST_CHUNK, chunk, head, whole
from tests.fakes.http_server import Close, Hang, Pause, Reset, Step, refused_url
from tests.unit.gateway.support import KEYS, TOKEN, Upstream, connect, head_of, proxied, talk

HOST = b"Host: localhost\r\n"
SECRETS = (*KEYS.values(), TOKEN)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


def get(path: str, *headers: str, host: bytes = HOST) -> bytes:
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"GET {path} HTTP/1.1\r\n".encode() + host + lines.encode() + b"\r\n"


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in (*headers, f"Content-Length: {len(body)}"))
    return f"POST {path} HTTP/1.1\r\n".encode() + HOST + lines.encode() + b"\r\n" + body


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("/ollama/api/tags", "/api/tags"),
        ("/ollama", "/"),
        ("/ollama/", "/"),
        ("/xai/v1/models?limit=2&order=a%20b", "/v1/models?limit=2&order=a%20b"),
        ("/gemini/v1beta/models/m:stream?alt=sse", "/v1beta/models/m:stream?alt=sse"),
        ("/ollama/a%2Fb/%C3%A9/~'()*!", "/a%2Fb/%C3%A9/~'()*!"),
        ("/ollama/api/..x/.hidden/x..", "/api/..x/.hidden/x.."),
        ("/gemini/v1beta/models?key=k&a=1&%6Bey=k&access_token=k", "/v1beta/models?a=1"),
        ("/gemini/v1beta/models?$httpHeaders=x&KEY=k", "/v1beta/models"),
    ],
)
async def test_path_and_query_pass_as_they_are_but_for_keys(
    upstream: Upstream, asked: str, sent: str
) -> None:
    async with proxied(upstream.url) as proxy:
        reply = await talk(proxy, get(asked))

    assert (reply.status, reply.raw) == (200, b'{"ok":true}')
    assert [it.path for it in upstream.requests] == [sent]


async def test_a_services_own_path_comes_first(upstream: Upstream) -> None:
    async with proxied(f"{upstream.url}/behind/") as proxy:
        await talk(proxy, get("/xai/v1/models"))

    assert [it.path for it in upstream.requests] == ["/behind/v1/models"]


@pytest.mark.parametrize(
    "path",
    [
        "/ollama/../admin",
        "/ollama/..",
        "/ollama/./api",
        "/ollama/%2e%2e/admin",
        "/ollama/%2E./admin",
        "/ollama/a/%252e%252e/admin",
        "/ollama/..%2fadmin",
        "/ollama/..%5cadmin",
        "/ollama/..\\admin",
        "/ollama/..;x/admin",
        "/ollama//evil.example/x",
        "/ollama/a//b",
        "/ollama/%2f%2fevil.example",
        "/ollama/a%0d%0aX-Evil:%201",
        "/ollama/a%00",
        "http://evil.example/ollama/api/tags",
        "ollama/api/tags",
        "*",
    ],
)
async def test_no_path_leaves_its_prefix(upstream: Upstream, path: str) -> None:
    async with proxied(upstream.url) as proxy:
        reply = await talk(proxy, get(path))

    assert (reply.status, reply.error["code"]) == (400, "invalid_path")
    assert upstream.requests == []


@pytest.mark.parametrize(
    "path", ["/", "/admin", "/ollamax/api", "//evil.example/ollama", "/OLLAMA/x"]
)
async def test_an_unknown_prefix_is_told_the_known_ones(upstream: Upstream, path: str) -> None:
    async with proxied(upstream.url) as proxy:
        reply = await talk(proxy, get(path))

    assert (reply.status, reply.error["code"]) == (404, "unknown_prefix")
    assert "/gemini, /ollama, /xai" in reply.error["message"]
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (("X-Proxy-Auth: " + TOKEN,), 200),
        (("Authorization: Bearer " + TOKEN,), 200),
        (("authorization: bearer " + TOKEN,), 200),
        (("X-Proxy-Auth: wrong", "Authorization: Bearer " + TOKEN), 200),
        ((), 401),
        (("X-Proxy-Auth: wrong",), 401),
        (("X-Proxy-Auth:",), 401),
        (("X-Proxy-Auth: " + TOKEN[:-1],), 401),
        (("Authorization: " + TOKEN,), 401),
        (("Authorization: Basic " + TOKEN,), 401),
        (("x-goog-api-key: " + TOKEN,), 401),
    ],
)
async def test_the_token_opens_the_proxy(
    upstream: Upstream, shown: tuple[str, ...], status: int
) -> None:
    async with proxied(upstream.url, token=TOKEN) as proxy:
        reply = await talk(proxy, get("/ollama/api/tags", *shown))

    assert reply.status == status
    assert len(upstream.requests) == (status == 200)
    if status == 401:
        assert reply.error["code"] == "unauthorized"


@pytest.mark.parametrize(
    ("prefix", "header", "key"),
    [
        ("xai", "authorization", "Bearer " + KEYS["XAI_API_KEY"]),
        ("gemini", "x-goog-api-key", KEYS["GEMINI_API_KEY"]),
        ("ollama", None, None),
    ],
)
async def test_keys_come_from_the_proxy_and_its_token_stays_there(
    upstream: Upstream, prefix: str, header: str | None, key: str | None
) -> None:
    mine = ("Authorization: Bearer " + TOKEN, "X-Proxy-Auth: " + TOKEN, "x-goog-api-key: mine")
    more = ("x-api-key: mine", "Cookie: mine=1", "X-Forwarded-For: mine", "Api-Key: mine")
    async with proxied(upstream.url, token=TOKEN) as proxy:
        await talk(proxy, get(f"/{prefix}/x?key=mine&access_token=mine", *mine, *more))

    (request,) = upstream.requests
    assert TOKEN not in str(request)
    assert "mine" not in str(request)
    shown = {
        name: value for name, value in request.headers.items() if value in str(KEYS) + str(key)
    }
    assert request.headers.get(header or "authorization") == key, shown


async def test_a_key_is_looked_up_for_every_request(upstream: Upstream) -> None:
    keys: dict[str, str] = {}
    async with proxied(upstream.url, keys=keys) as proxy:
        first = await talk(proxy, get("/xai/v1/models"))
        keys["XAI_API_KEY"] = "later-key"
        second = await talk(proxy, get("/xai/v1/models"))

    assert (first.status, first.error["code"]) == (502, "provider_key_missing")
    assert "XAI_API_KEY" in first.error["message"]
    assert second.status == 200
    assert upstream.requests[-1].headers["authorization"] == "Bearer later-key"


async def test_headers_of_the_hop_stay_on_their_hop(upstream: Upstream) -> None:
    extra = "Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 9\r\nSet-Cookie: a=b\r\n"
    extra += "Access-Control-Allow-Origin: *\r\nX-Kept: yes"
    upstream.steps = lambda: [whole(203, b"{}", extra=extra)]
    hop = ("Connection: X-Mine", "X-Mine: 1", "TE: trailers", "Upgrade: h2c", "Proxy-Foo: 1")
    async with proxied(upstream.url) as proxy:
        reply = await talk(proxy, get("/ollama/x", *hop, "X-Kept: yes", "Accept: a/b"))

    sent = upstream.requests[0].headers
    assert {"x-kept": "yes", "accept": "a/b"}.items() <= sent.items()
    assert not {"x-mine", "te", "upgrade", "proxy-foo"} & sent.keys()
    assert sent["host"] == upstream.url.removeprefix("http://")
    assert reply.status == 203
    assert reply.all("x-kept") == ["yes"]
    gone = ("x-hop", "keep-alive", "set-cookie", "access-control-allow-origin")
    assert [reply.all(name) for name in gone] == [[]] * len(gone)


@pytest.mark.parametrize(
    "headers",
    [
        ("Origin: http://evil.example",),
        ("Origin: null",),
        ("Origin: http://localhost:3000",),
        ("Sec-Fetch-Site: cross-site",),
        ("Sec-Fetch-Site: same-site",),
    ],
)
async def test_web_pages_are_refused(upstream: Upstream, headers: tuple[str, ...]) -> None:
    async with proxied(upstream.url, token=TOKEN) as proxy:
        shown = ("X-Proxy-Auth: " + TOKEN,)
        reply = await talk(proxy, get("/ollama/api/tags", *headers, *shown))
        typed = await talk(proxy, get("/ollama/api/tags", "Sec-Fetch-Site: none", *shown))

    assert (reply.status, reply.error["code"]) == (403, "origin_refused")
    assert reply.all("access-control-allow-origin") == []
    assert typed.status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1:1", 200),
        ("127.8.9.1", 200),
        ("[::1]:8080", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("0.0.0.0", 403),
        ("[::]", 403),
        ("", 403),
    ],
)
async def test_only_local_names_may_be_asked_for(
    upstream: Upstream, host: str, status: int
) -> None:
    async with proxied(upstream.url) as proxy:
        reply = await talk(proxy, get("/ollama/x", host=f"Host: {host}\r\n".encode()))

    assert reply.status == status
    assert len(upstream.requests) == (status == 200)


async def test_a_name_is_not_checked_where_a_token_guards(upstream: Upstream) -> None:
    async with proxied(upstream.url, token=TOKEN, addr="0.0.0.0:0") as proxy:
        asked = get("/ollama/x", "X-Proxy-Auth: " + TOKEN, host=b"Host: box.lan\r\n")
        assert (await talk(proxy, asked)).status == 200
        assert (await talk(proxy, get("/ollama/x"))).status == 401


@pytest.mark.parametrize("addr", ["0.0.0.0:0", "[::]:0", "192.168.1.1:8080", "box.lan:80"])
async def test_without_a_token_it_listens_here_only(addr: str) -> None:
    with pytest.raises(ConfigError, match="PROXY_AUTH_TOKEN"):
        async with proxied("http://127.0.0.1:1", addr=addr):
            pass


async def test_an_address_that_is_taken(upstream: Upstream) -> None:
    taken = upstream.url.removeprefix("http://")
    with pytest.raises(RusterError, match="--addr") as raised:
        async with proxied(upstream.url, addr=taken):
            pass
    assert raised.value.code == "socket_taken"


async def test_a_body_passes_byte_for_byte_in_both_framings(upstream: Upstream) -> None:
    body = bytes(range(256)) * 1000
    upstream.steps = lambda: [whole(200, body, "application/octet-stream")]
    async with proxied(upstream.url) as proxy:
        reply = await talk(proxy, post("/ollama/x", body, "Connection: close"))

    assert upstream.requests[0].body == body
    framed = b"".join(piece for piece in _unchunked(reply.raw))
    assert framed == body


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_large(upstream: Upstream, declared: bool) -> None:
    request = post("/ollama/x", b"x" * 2000)
    if not declared:
        line = b"POST /ollama/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
        request = line + chunk(b"x" * 1000) + chunk(b"x" * 1000) + LAST_CHUNK
    async with proxied(upstream.url, max_request_bytes=1999) as proxy:
        reply = await talk(proxy, request)
        exact = await talk(proxy, post("/ollama/x", b"x" * 1999))

    assert (reply.status, reply.error["code"]) == (413, "request_too_large")
    assert exact.status == 200
    assert len(upstream.requests) == (1 if declared else 2)
    assert len(upstream.requests[-1].body) == 1999


async def test_a_head_that_is_too_large(upstream: Upstream) -> None:
    async with proxied(upstream.url) as proxy:
        reply = await talk(proxy, get("/ollama/x", "X: " + "a" * 100_000))

    assert (reply.status, reply.error["code"]) == (431, "head_too_large")
    assert upstream.requests == []


async def test_a_request_that_never_ends(upstream: Upstream) -> None:
    line = b"POST /ollama/x HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nhalf"
    async with proxied(upstream.url, read_timeout_s=0.05) as proxy:
        reply = await talk(proxy, line)

    assert (reply.status, reply.error["code"]) == (408, "request_timeout")


async def test_a_service_that_is_away() -> None:
    async with proxied(await refused_url()) as proxy:
        ollama = await talk(proxy, get("/ollama/api/tags"))
        xai = await talk(proxy, get("/xai/v1/models"))

    assert (ollama.status, ollama.error["code"]) == (502, "upstream_unreachable")
    assert "ollama serve" in ollama.error["message"]
    assert (xai.status, xai.error["code"]) == (502, "upstream_unreachable")
    assert not any(secret in str((ollama, xai)) for secret in SECRETS)


@pytest.mark.parametrize(
    ("steps", "status", "code"),
    [
        ([Close()], 502, "upstream_unreachable"),
        ([Reset()], 502, "upstream_unreachable"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n", Close()], 502, "upstream_unreachable"),
        ([b"HTTP/1.1 200 OK\r\nX: a\r\n b\x00c\r\n\r\n", Close()], 502, "upstream_unreachable"),
        ([Hang()], 504, "upstream_timeout"),
    ],
)
async def test_a_service_that_does_not_answer(
    upstream: Upstream, steps: list[Step], status: int, code: str
) -> None:
    upstream.steps = lambda: steps
    async with proxied(upstream.url, first_byte_timeout_s=0.1) as proxy:
        reply = await talk(proxy, post("/xai/v1/chat/completions", b"{}"))

    assert (reply.status, reply.error["code"]) == (status, code)


@pytest.mark.parametrize("steps", [[Close()], [Reset()], [Hang()], [b"zz\r\n", Close()]])
async def test_an_answer_that_breaks_off_has_no_end_here_either(
    upstream: Upstream, steps: list[Step]
) -> None:
    begun: list[Step] = [head(200, "text/event-stream", None), chunk(b"data: 1\n\n"), Pause(0.02)]
    upstream.steps = lambda: begun + steps
    async with proxied(upstream.url, read_timeout_s=0.1) as proxy:
        reply = await talk(proxy, get("/xai/v1/x"))

    assert reply.status == 200
    assert reply.raw == chunk(b"data: 1\n\n")


async def test_what_a_service_refuses_passes_too(upstream: Upstream) -> None:
    upstream.steps = lambda: [whole(429, b'{"error":"slow"}', extra="Retry-After: 7")]
    async with proxied(upstream.url) as proxy:
        reply = await talk(proxy, get("/xai/v1/x"))

    assert (reply.status, reply.raw) == (429, b'{"error":"slow"}')
    assert reply.all("retry-after") == ["7"]


async def test_redirects_are_not_followed(upstream: Upstream) -> None:
    upstream.steps = lambda: [whole(308, b"", extra="Location: http://evil.example/")]
    async with proxied(upstream.url) as proxy:
        reply = await talk(proxy, get("/xai/v1/x"))

    assert reply.status == 308
    assert len(upstream.requests) == 1


async def test_a_stream_is_not_buffered(upstream: Upstream) -> None:
    """The service says its second part only after the client has read the first."""
    first_was_read = asyncio.Event()

    def steps() -> Iterable[Step]:
        yield head(200, "application/x-ndjson", None)
        yield chunk(b'{"n":1}\n')
        yield Pause(0.01) if first_was_read.is_set() else Hang()

    upstream.steps = steps
    async with proxied(upstream.url) as proxy, asyncio.timeout(5):
        reader, writer = await connect(proxy)
        writer.write(get("/ollama/api/chat"))
        await head_of(reader)
        assert await reader.readuntil(b"1}\n\r\n") == chunk(b'{"n":1}\n')
        writer.close()


async def test_a_request_is_not_buffered(upstream: Upstream) -> None:
    """The service has the request's head while the client still holds back the body."""
    async with proxied(upstream.url) as proxy, asyncio.timeout(5):
        reader, writer = await connect(proxy)
        writer.write(b"POST /ollama/x HTTP/1.1\r\n" + HOST + b"Content-Length: 6\r\n\r\nabc")
        while not upstream.open_connections:
            await asyncio.sleep(0.01)
        writer.write(b"def")
        assert (await head_of(reader)).status == 200
        writer.close()

    assert upstream.requests[0].body == b"abcdef"


@pytest.mark.parametrize("spoken", [True, False])
async def test_a_client_that_leaves_closes_the_connection_behind(
    upstream: Upstream, spoken: bool
) -> None:
    said: list[Step] = [head(200, "text/event-stream", None), chunk(b"data: 1\n\n")]
    upstream.steps = lambda: [*(said if spoken else []), Hang()]
    async with proxied(upstream.url) as proxy, asyncio.timeout(5):
        reader, writer = await connect(proxy)
        writer.write(post("/xai/v1/x", b"{}"))
        if spoken:
            await reader.readuntil(b"data: 1")
        while not upstream.requests:
            await asyncio.sleep(0.01)
        assert not upstream.disconnected.is_set()
        writer.close()
        await upstream.disconnected.wait()
        await upstream.wait_closed()


async def test_a_client_that_leaves_while_it_sends(upstream: Upstream) -> None:
    async with proxied(upstream.url) as proxy, asyncio.timeout(5):
        _, writer = await connect(proxy)
        writer.write(b"POST /ollama/x HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nhalf")
        while not upstream.open_connections:
            await asyncio.sleep(0.01)
        writer.close()
        await upstream.wait_closed()

    assert upstream.requests == []


async def test_too_many_requests_at_once(upstream: Upstream) -> None:
    upstream.steps = lambda: [Hang()]
    async with proxied(upstream.url, max_requests=1) as proxy, asyncio.timeout(5):
        _, writer = await connect(proxy)
        writer.write(get("/ollama/x"))
        while not upstream.requests:
            await asyncio.sleep(0.01)
        reply = await talk(proxy, get("/ollama/x"))
        writer.close()

    assert (reply.status, reply.error["code"]) == (503, "proxy_busy")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /ollama/x HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /ollama/x HTTP/1.1\r\n\r\n",
        b"GET /ollama/x HTTP/1.1\r\n" + HOST + b"X: a\rb\r\n\r\n",
        b"GET /ollama/x HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
        b"GET /ollama/x HTTP/1.1\r\n" + HOST + b"X Y: a\r\n\r\n",
        b"GET /ollama/x y HTTP/1.1\r\n" + HOST + b"\r\n",
        b"POST /ollama/x HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /ollama/x HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=range(9),
)
async def test_requests_that_are_no_http(upstream: Upstream, request_bytes: bytes) -> None:
    async with proxied(upstream.url) as proxy:
        reply = await talk(proxy, request_bytes)

    assert reply.status == 400
    assert upstream.requests == []


async def test_a_length_does_not_count_beside_chunks(upstream: Upstream) -> None:
    """Two lengths are how requests are smuggled: only one may leave the proxy."""
    line = b"POST /ollama/x HTTP/1.1\r\n" + HOST
    line += b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with proxied(upstream.url) as proxy:
        await talk(proxy, line + chunk(b"GET /smuggled HTTP/1.1\r\n\r\n") + LAST_CHUNK)

    sent = upstream.requests[0].headers
    assert sent["transfer-encoding"] == "chunked"
    assert "content-length" not in sent


async def test_the_log_tells_of_requests_without_their_secrets(
    upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = "X-Proxy-Auth: " + TOKEN
    async with proxied(upstream.url, token=TOKEN) as proxy:
        await talk(proxy, post("/xai/v1/x?key=canary-3", b"canary-4", shown))
        await talk(proxy, get("/xai/v1/x", "X-Proxy-Auth: canary-5"))

    text = "\n".join(f"{it.getMessage()} {it.__dict__}" for it in caplog.records)
    assert "canary" not in text
    assert TOKEN not in text


def _unchunked(data: bytes) -> Iterable[bytes]:
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return
        yield rest[:length]
        data = rest[length + 2 :]
