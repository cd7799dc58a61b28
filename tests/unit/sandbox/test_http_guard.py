"""The guarded client against real servers on this machine, which the allow-list names."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from ruster.core.errors import ToolError
from ruster.sandbox.addresses import IPAddress
from ruster.sandbox.http_guard import GuardedWeb
from ruster.sandbox.http_transport import PinnedTransport
from ruster.sandbox.resolver import Resolver, SystemResolver
from ruster.sandbox.web_settings import WebSettings
from tests.fakes.http_server import Close, Hang, Pause, Step, refused_url
from tests.unit.sandbox.web import Names, RebindingNames, Site, answer, certificate, redirect

MIB = 1024 * 1024


def guarded(*sites: Site, names: Resolver | None = None, timeout_s: float = 10) -> GuardedWeb:
    settings = WebSettings(allow=tuple(site.entry for site in sites), timeout_s=timeout_s)
    return GuardedWeb(settings, resolver=names or Names({}))


async def code_of(web: GuardedWeb, url: str, **more: Any) -> str:
    with pytest.raises(ToolError) as caught:
        await web.fetch(url, **more)
    return caught.value.code


async def test_an_answer_has_all_its_parts() -> None:
    async with Site() as site:
        site.pages["/a?b=%20c"] = answer(
            "grüß".encode("latin-1"), 404, {"Content-Type": "text/html; charset=ISO-8859-1"}
        )
        got = await guarded(site).fetch(f"{site.url}/a?b=%20c#part")
    assert (got.status, got.text, got.body) == (404, "grüß", "grüß".encode("latin-1"))
    assert got.content_type == "text/html; charset=ISO-8859-1"
    assert got.url == f"{site.url}/a?b=%20c"
    assert got.origin == "web:127.0.0.1"


async def test_a_post_sends_its_body_and_headers() -> None:
    async with Site() as site:
        web = guarded(site)
        await web.fetch(f"{site.url}/x", method="post", body=b"1=2", headers={"X-Key": "k"})
    (request,) = site.requests
    assert (request.method, request.body, request.headers["x-key"]) == ("POST", b"1=2", "k")
    assert request.headers["host"] == site.entry
    assert request.headers["user-agent"].startswith("ruster/")


async def test_without_the_allow_list_nobody_is_asked() -> None:
    async with Site() as site:
        assert await code_of(guarded(), site.url) == "url_refused"
        assert site.requests == []
        assert (await guarded(site).fetch(site.url)).status == 200


async def test_the_allow_list_is_for_one_port_and_matches_every_spelling() -> None:
    async with Site() as site, Site() as other:
        web, port = guarded(site), site.entry.split(":")[1]
        for host in ("127.1", "2130706433", "0x7f.1", "①②⑦.⓪.⓪.①", "127.0.0.1."):
            assert (await web.fetch(f"http://{host}:{port}/")).status == 200
        assert await code_of(web, other.url) == "url_refused"
        assert other.requests == []


async def test_an_allowed_name_stands_for_its_addresses() -> None:
    async with Site() as site:
        port = site.entry.split(":")[1]
        names = Names({"service.lan": ("127.0.0.1",), "other.example": ("127.0.0.1",)})
        web = GuardedWeb(WebSettings(allow=(f"service.lan:{port}",)), resolver=names)
        assert (await web.fetch(f"http://service.lan:{port}/")).origin == "web:service.lan"
        assert (await web.fetch(site.url)).status == 200
        assert [request.headers["host"] for request in site.requests] == [
            f"service.lan:{port}",
            site.entry,
        ]
        assert await code_of(GuardedWeb(WebSettings(), resolver=names), site.url) == "url_refused"


class Unpinned(httpx.AsyncHTTPTransport):
    """Looks the name up again when it connects, as clients without a guard do."""

    def __init__(self, names: RebindingNames) -> None:
        super().__init__(trust_env=False)
        self._names = names

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        (address,) = await self._names.resolve(request.url.host)
        request.url = request.url.copy_with(host=str(address))
        return await super().handle_async_request(request)


@pytest.mark.skipif(sys.platform != "linux", reason="has one loopback address only")
@pytest.mark.parametrize("pinned", [True, False])
async def test_a_name_that_changes_its_address_gains_nothing(pinned: bool) -> None:
    async with Site("127.0.0.1") as secret, Site("127.0.0.2", _port(secret)) as harmless:
        names = RebindingNames("127.0.0.2", "127.0.0.1")

        def connect(
            addresses: Sequence[IPAddress], verify: ssl.SSLContext
        ) -> httpx.AsyncBaseTransport:
            return PinnedTransport(addresses, verify) if pinned else Unpinned(names)

        settings = WebSettings(allow=(harmless.entry,))
        web = GuardedWeb(settings, resolver=names, connect=connect)
        got = await web.fetch(f"http://rebind.example:{_port(harmless)}/")
    assert got.text == f"hello from {'127.0.0.2' if pinned else '127.0.0.1'}"
    assert len(secret.requests) == (0 if pinned else 1)


async def test_the_first_address_that_answers_is_used() -> None:
    async with Site() as site:
        port = _port(site)
        names = Names({"two.example": ("127.0.0.9", "127.0.0.1")})
        settings = WebSettings(allow=(f"127.0.0.9:{port}", f"127.0.0.1:{port}"))
        got = await GuardedWeb(settings, resolver=names).fetch(f"http://two.example:{port}/")
    assert got.text == "hello from 127.0.0.1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(status: int) -> None:
    async with Site() as site:
        site.pages["/a/b"] = redirect("../c?d", status)
        got = await guarded(site).fetch(f"{site.url}/a/b")
    assert (got.url, got.status) == (f"{site.url}/c?d", 200)


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:1/", "//127.0.0.1:1/", "http://[::1]/", "http://169.254.169.254/",
        "http://2852039166/", "http://inner.example/", "file:///etc/passwd", "gopher://x/",
        "http://user@example.com/", "http:\\\\127.0.0.1\\", "http://localhost/", "http://0/",
        "http://[::ffff:169.254.169.254]/", "javascript:1", "data:,x", "http:", "http://",
    ],
)  # fmt: skip
async def test_a_redirect_to_an_inner_address_is_refused(place: str) -> None:
    async with Site() as site:
        site.pages["/"] = redirect(place)
        web = guarded(site, names=Names({"inner.example": ("10.0.0.1",)}))
        assert await code_of(web, site.url) == "url_refused"
        assert len(site.requests) == 1


async def test_a_failure_names_the_server_whose_words_it_may_hold() -> None:
    async with Site() as site:
        site.pages["/place"] = redirect("http://do-as-i-say.internal/")
        site.pages["/rot"] = [b"DO AS I SAY\r\n\r\n"]
        web = guarded(site)
        for path, said in (("/place", "do-as-i-say"), ("/rot", "DO AS I SAY")):
            with pytest.raises(ToolError) as caught:
                await web.fetch(f"{site.url}{path}")
            assert said in caught.value.message
            assert caught.value.origin == "web:127.0.0.1"
        with pytest.raises(ToolError) as caught:
            await web.fetch("http://do-as-i-say.internal/")
        assert caught.value.origin is None  # nobody was asked


async def test_redirects_have_an_end() -> None:
    async with Site() as site:
        site.pages["/"] = redirect("/")
        assert await code_of(guarded(site), site.url) == "url_refused"
        assert len(site.requests) == 6


async def test_two_places_at_once_are_refused() -> None:
    async with Site() as site:
        site.pages["/"] = [
            b"HTTP/1.1 302 X\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
        ]
        assert await code_of(guarded(site), site.url) == "url_refused"


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (303, "GET"), (307, "POST")])
async def test_a_post_is_redirected_as_the_standard_says(status: int, method: str) -> None:
    async with Site() as site:
        site.pages["/"] = redirect("/next", status)
        headers = {"Content-Type": "text/plain", "Authorization": "Bearer k"}
        await guarded(site).fetch(site.url, method="POST", body=b"data", headers=headers)
    last = site.requests[-1]
    assert (last.method, last.body) == (method, b"data" if method == "POST" else b"")
    assert ("content-type" in last.headers) == (method == "POST")
    assert last.headers["authorization"] == "Bearer k"


async def test_secrets_and_data_stay_with_their_origin() -> None:
    async with Site() as first, Site() as second:
        first.pages["/get"] = redirect(f"{second.url}/")
        first.pages["/post"] = redirect(f"{second.url}/", 307)
        web = guarded(first, second)
        secrets = {"Authorization": "Bearer k", "Cookie": "a=b", "X-Api-Key": "k", "Accept": "x/y"}
        await web.fetch(f"{first.url}/get", headers=secrets)
        assert await code_of(web, f"{first.url}/post", method="POST", body=b"d") == "url_refused"
    assert {"authorization", "cookie", "x-api-key"} <= first.requests[0].headers.keys()
    (request,) = second.requests
    assert not {"authorization", "cookie", "x-api-key"} & request.headers.keys()
    assert request.headers["accept"] == "x/y"


async def test_cookies_are_not_kept() -> None:
    async with Site() as site:
        site.pages["/"] = answer(
            status=302, headers={"Location": "/next", "Set-Cookie": "id=1; Path=/"}
        )
        web = guarded(site)
        await web.fetch(site.url)
        await web.fetch(site.url)
    assert all("cookie" not in request.headers for request in site.requests)


async def test_the_environments_proxy_and_passwords_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login me password canary\n", "utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with Site() as proxy, Site() as site:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        await guarded(site).fetch(site.url)
        async with httpx.AsyncClient() as plain:
            await plain.get("http://unguarded.example/")
    assert "authorization" not in site.requests[0].headers
    assert len(proxy.requests) == 1, "the control: a plain client goes through the proxy"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "x"}, {"Content-Length": "1"}, {"Transfer-Encoding": "chunked"}, {"Upgrade": "x"},
        {"Proxy-Authorization": "x"}, {"X-Forwarded-For": "127.0.0.1"}, {"A": "b\r\nC: d"},
        {"A\r\nB": "c"}, {"A": "ü"}, {"A": "x" * 70_000},
    ],
)  # fmt: skip
async def test_headers_that_callers_may_not_set_are_refused(headers: dict[str, str]) -> None:
    async with Site() as site:
        with pytest.raises(ToolError) as caught:
            await guarded(site).fetch(site.url, headers=headers)
        assert caught.value.code == "url_refused"
        assert site.requests == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "CONNECT", "TRACE", "G ET", ""])
async def test_other_methods_are_refused(method: str) -> None:
    async with Site() as site:
        with pytest.raises(ToolError) as caught:
            await guarded(site).fetch(site.url, method=method)
        assert caught.value.code == "url_refused"


def _bomb(encoding: str, size: int) -> bytes:
    if encoding == "gzip":
        return gzip.compress(bytes(size))
    packer = zlib.compressobj(9, zlib.DEFLATED, 15 if encoding == "deflate" else -15)
    return packer.compress(bytes(size)) + packer.flush()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw"])
async def test_compressed_answers_are_read_up_to_the_limit(encoding: str) -> None:
    name = {"raw": "deflate"}.get(encoding, encoding)
    async with Site() as site:
        for path, size in (("/fits", MIB), ("/bomb", MIB + 1), ("/huge", 300 * MIB)):
            site.pages[path] = answer(_bomb(encoding, size), headers={"Content-Encoding": name})
        web = guarded(site)
        assert (await web.fetch(f"{site.url}/fits")).body == bytes(MIB)
        assert await code_of(web, f"{site.url}/bomb") == "fetch_too_large"
        assert await code_of(web, f"{site.url}/huge") == "fetch_too_large"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw"])
async def test_a_bomb_never_unpacks_in_memory(encoding: str) -> None:
    bomb = _bomb(encoding, 60 * MIB)
    name = {"raw": "deflate"}.get(encoding, encoding)
    async with Site() as site:
        site.pages["/"] = answer(bomb, headers={"Content-Encoding": name})
        web = guarded(site)
        tracemalloc.start()
        try:
            assert await code_of(web, site.url) == "fetch_too_large"
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak_bytes < 8 * MIB


async def test_encodings_in_layers_and_unknown_ones_are_not_read() -> None:
    twice = gzip.compress(gzip.compress(bytes(100 * MIB)))
    async with Site() as site:
        for path, name in (("/a", "gzip, gzip"), ("/b", "br"), ("/c", "zstd")):
            site.pages[path] = answer(twice, headers={"Content-Encoding": name})
        site.pages["/d"] = answer(b"no gzip", headers={"Content-Encoding": "gzip"})
        site.pages["/e"] = answer(
            gzip.compress(b"x" * 99)[:-9], headers={"Content-Encoding": "gzip"}
        )
        for path in "abcde":
            assert await code_of(guarded(site), f"{site.url}/{path}") == "fetch_failed"


def _endless(part: bytes) -> Iterable[Step]:
    while True:
        yield part


async def test_answers_without_end_are_cut() -> None:
    async with Site() as site:
        site.pages["/long"] = answer(bytes(MIB + 1))
        site.pages["/declared"] = [b"HTTP/1.1 200 X\r\nContent-Length: 99999999999\r\n\r\n", Hang()]
        site.pages["/chunks"] = lambda _: _chain(
            b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"8000\r\n" + bytes(0x8000) + b"\r\n",
        )
        site.pages["/close"] = lambda _: _chain(b"HTTP/1.1 200 X\r\n\r\n", bytes(0x8000))
        site.pages["/headers"] = lambda _: _chain(
            b"HTTP/1.1 200 X\r\n", b"A: " + b"b" * 999 + b"\r\n"
        )
        site.pages["/line"] = lambda _: _chain(b"HTTP/1.1 200 X\r\nA: ", b"b" * 999)
        site.pages["/many"] = answer(headers={f"A{i}": "b" * 100 for i in range(700)})
        web = guarded(site)
        for path in ("long", "declared", "chunks", "close", "many"):
            assert await code_of(web, f"{site.url}/{path}") == "fetch_too_large", path
        for path in ("headers", "line"):
            assert await code_of(web, f"{site.url}/{path}") == "fetch_failed", path


def _chain(first: bytes, rest: bytes) -> Iterable[Step]:
    yield first
    yield from _endless(rest)


def _slowly(parts: Iterable[bytes]) -> Iterable[Step]:
    for part in parts:
        yield part
        yield Pause(0.02)


async def test_slow_servers_are_left() -> None:
    async with Site() as site:
        site.pages["/silent"] = [Hang()]
        site.pages["/head"] = lambda _: _slowly(_endless_bytes(b"H"))
        site.pages["/body"] = lambda _: _slowly(
            (b"HTTP/1.1 200 X\r\nContent-Length: 9999\r\n\r\n", *[b"x"] * 9999)
        )
        site.pages["/informed"] = lambda _: _slowly(_endless_bytes(b"HTTP/1.1 103 X\r\n\r\n"))
        site.pages["/hops"] = lambda _: [Pause(0.2), *redirect("/hops")]
        web = guarded(site, timeout_s=0.5)
        for path in ("silent", "head", "body", "informed", "hops"):
            assert await code_of(web, f"{site.url}/{path}") == "fetch_timeout", path
        await site.wait_closed()


def _endless_bytes(part: bytes) -> Iterable[bytes]:
    yield b"HTTP/1.1 "[: 9 if part == b"H" else 0]
    if part == b"H":
        yield b"200 X\r\nA: "
    while True:
        yield part


async def test_broken_servers_fail() -> None:
    async with Site() as site:
        site.pages["/cut"] = [b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nx", Close()]
        site.pages["/garbage"] = [b"\0\1\2 what?\r\n\r\n", Close()]
        site.pages["/gone"] = [Close()]
        site.pages["/chunk"] = [
            b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Close()
        ]  # fmt: skip
        for path in ("cut", "garbage", "gone", "chunk"):
            assert await code_of(guarded(site), f"{site.url}/{path}") == "fetch_failed", path
    nobody = await refused_url()
    web = GuardedWeb(WebSettings(allow=(nobody.split("//")[1],)))
    assert await code_of(web, nobody) == "fetch_failed"


async def test_tls_checks_the_name_of_the_url_at_the_pinned_address(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "good.example")
    async with Site(tls=server) as site:
        port = _port(site)
        names = Names({"good.example": ("127.0.0.1",), "bad.example": ("127.0.0.1",)})
        settings = WebSettings(allow=(site.entry,))
        web = GuardedWeb(settings, resolver=names, verify=client)
        got = await web.fetch(f"https://good.example:{port}/")
        assert (got.status, got.origin) == (200, "web:good.example")
        assert site.requests[0].headers["host"] == f"good.example:{port}"
        assert await code_of(web, f"https://bad.example:{port}/") == "fetch_failed"
        stranger = GuardedWeb(settings, resolver=names)
        assert await code_of(stranger, f"https://good.example:{port}/") == "fetch_failed"
        assert len(site.requests) == 1


async def test_international_names_and_paths_are_sent_in_ascii(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "xn--strae-oqa.example")
    async with Site(tls=server) as site:
        names = Names({"xn--strae-oqa.example": ("127.0.0.1",)})
        web = GuardedWeb(WebSettings(allow=(site.entry,)), resolver=names, verify=client)
        got = await web.fetch(f"https://straße.example:{_port(site)}/ü?ö")
    assert got.origin == "web:xn--strae-oqa.example"
    (request,) = site.requests
    assert request.headers["host"] == f"xn--strae-oqa.example:{_port(site)}"
    assert request.path == "/%C3%BC?%C3%B6"


async def test_https_is_not_given_up(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "good.example")
    async with Site(tls=server) as safe, Site() as unsafe:
        safe.pages["/"] = redirect(unsafe.url)
        unsafe.pages["/up"] = redirect(f"https://good.example:{_port(safe)}/ok")
        settings = WebSettings(allow=(safe.entry, unsafe.entry))
        names = Names({"good.example": ("127.0.0.1",)})
        web = GuardedWeb(settings, resolver=names, verify=client)
        assert await code_of(web, f"https://good.example:{_port(safe)}/") == "url_refused"
        assert unsafe.requests == []
        assert (await web.fetch(f"{unsafe.url}/up")).status == 200


@pytest.mark.parametrize(
    ("charset", "text"),
    [("utf-8", "é"), ("zlib", "\ufffd\ufffd"), ("unicode_escape", "é"), ("rot13", "é"), ("x", "é")],
)
async def test_only_charsets_are_used_as_such(charset: str, text: str) -> None:
    body = zlib.compress(b"")[:0] + (b"\xff\xfe" if charset == "zlib" else "é".encode())
    async with Site() as site:
        site.pages["/"] = answer(body, headers={"Content-Type": f"text/plain; charset={charset}"})
        assert (await guarded(site).fetch(site.url)).text == text


async def test_the_system_knows_localhost() -> None:
    found = await SystemResolver(5).resolve("localhost")
    assert {str(address) for address in found} & {"127.0.0.1", "::1"}
    with pytest.raises(ToolError):
        await SystemResolver(5).resolve("no-such-name.invalid")


async def test_a_dead_name_server_takes_neither_time_nor_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released, started = threading.Event(), []

    def hang(host: str, *_: object, **__: object) -> list[object]:
        started.append(host)
        released.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    resolver = SystemResolver(0.2)
    try:
        lookups = (resolver.resolve(f"{number}.example") for number in range(40))
        ends = await asyncio.gather(*lookups, return_exceptions=True)
    finally:
        released.set()
    codes = [end.code for end in ends if isinstance(end, ToolError)]
    assert (codes.count("fetch_timeout"), codes.count("fetch_failed")) == (16, 24)
    assert len(started) == 16
    while (await asyncio.gather(resolver.resolve("x"), return_exceptions=True))[0] != ():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "entry", ["host", "host:", ":80", "host:0", "a b:80", "host:99999", "::1:x"]
)
def test_entries_of_the_allow_list_are_checked(entry: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|refused"):
        WebSettings(allow=(entry,))


def _port(site: Site) -> int:
    return int(site.entry.rpartition(":")[2])
