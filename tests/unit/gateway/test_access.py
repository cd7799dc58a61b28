"""Tokens, links, cookies, the page's policy and the crowd, each by itself."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from ruster.core.errors import RusterError, StorageError
from ruster.gateway.access.head import Head
from ruster.gateway.access.hosts import Hosts
from ruster.gateway.access.links import LINK_LASTS_S, Links
from ruster.gateway.access.proof import Cookie, shown_token
from ruster.gateway.access.tokens import MAX_TOKENS, TokenBook
from ruster.gateway.front.crowd import Crowd
from ruster.gateway.page_files import PageFile, page_policy, read_page
from ruster.gateway.refusal import Refusal
from ruster.gateway.settings import GatewaySettings
from ruster.gateway.ws.outbox import SocketOutbox
from ruster.storage.disk import Disk
from ruster.testing import ManualClock


def book(folder: Path, clock: ManualClock | None = None, disk: Disk | None = None) -> TokenBook:
    tokens = TokenBook(folder / "tokens.json", disk or Disk(), clock or ManualClock())
    tokens.open()
    return tokens


def head(*headers: tuple[str, str], method: str = "GET", secure: bool = False) -> Head:
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    return Head(method, "/x", b"", pairs, secure, upgrade=False)


async def test_tokens_are_found_by_their_text_alone(folder: Path) -> None:
    tokens = book(folder)
    one, text = await tokens.add(1, "one")
    two, other = await tokens.add(2, "two")
    assert len(base64.urlsafe_b64decode(text.removeprefix("rgw_") + "=")) == 32
    assert (tokens.find(text), tokens.find(other)) == (one, two)
    for wrong in ("", "x", text[:-1], text + "x", one.sha256, one.id, "\ud800", "x" * 10**6):
        assert tokens.find(wrong) is None
    again = book(folder)
    assert again.find(text) == one
    await again.revoke(one.id)
    assert book(folder).find(text) is None
    assert again.find(other) == two


async def test_tokens_are_bounded_in_number(folder: Path) -> None:
    tokens = book(folder)
    made = [(await tokens.add(1, "x"))[0] for _ in range(MAX_TOKENS)]
    with pytest.raises(RusterError) as caught:
        await tokens.add(1, "one more")
    assert caught.value.code == "token_limit"
    await tokens.revoke(made[3].id)
    await tokens.add(1, "in its place")  # what is revoked is forgotten when room is needed
    assert made[3].id not in {it.id for it in tokens.all()}
    with pytest.raises(RusterError):
        await tokens.add(1, "one more")


async def test_a_full_disk_makes_no_token_and_keeps_no_access(folder: Path) -> None:
    class FullDisk(Disk):
        full = False

        def sync(self, fd: int) -> None:
            if self.full:
                raise StorageError("full", code="disk_full")
            super().sync(fd)

    disk = FullDisk()
    tokens = book(folder, disk=disk)
    token, text = await tokens.add(1, "x")
    disk.full = True
    with pytest.raises(StorageError):
        await tokens.add(1, "y")
    assert len(tokens.all()) == 1
    ended: list[int] = []
    tokens.watch(token.id, lambda: ended.append(1))
    with pytest.raises(StorageError):
        await tokens.revoke(token.id)
    assert tokens.find(text) is None
    assert ended == [1]


def test_a_link_to_another_file_is_not_followed(folder: Path) -> None:
    (folder / "real.json").write_text('{"tokens":[]}')
    (folder / "tokens.json").symlink_to(folder / "real.json")
    with pytest.raises(StorageError) as caught:
        book(folder)
    assert caught.value.code == "tokens_unusable"


async def test_watching_ends_with_its_forgetting(folder: Path) -> None:
    tokens = book(folder)
    token, _ = await tokens.add(1, "x")
    ended: list[str] = []
    forget_a = tokens.watch(token.id, lambda: ended.append("a"))
    tokens.watch(token.id, lambda: ended.append("b"))
    assert tokens.open_count(token.id) == 2
    forget_a()
    forget_a()
    await tokens.revoke(token.id)
    await tokens.revoke(token.id)
    assert ended == ["b"]


def test_links_open_once_in_their_time() -> None:
    clock = ManualClock()
    links = Links(clock)
    first, _ = links.make(1)
    second, expires = links.make(2)
    assert (links.take(first), links.take(first)) == (1, None)
    assert expires == clock.now() + LINK_LASTS_S
    clock.advance(LINK_LASTS_S)
    assert links.take(second) is None
    many = [links.make(number)[0] for number in range(40)]
    assert links.take(many[0]) is None  # only so many wait
    assert links.take(many[-1]) == 39


@pytest.mark.parametrize("secure", [True, False])
def test_the_cookie(secure: bool) -> None:
    cookie = Cookie(8080, secure)
    setting = cookie.setting("abc")
    assert ("; Secure" in setting) == secure
    assert setting.startswith("__Host-ruster-8080=abc; Path=/;") == secure
    shown = shown_token(head(("cookie", f"a=b; {cookie.name}=abc;c")), cookie)
    assert (shown.text, shown.by_browser) == ("abc", True)
    for lines in (
        [("cookie", f"{cookie.name}=abc; {cookie.name}=abd")],
        [("cookie", f"{cookie.name}=abc"), ("cookie", f"{cookie.name}=abc")],
        [("cookie", f"x{cookie.name}=abc")],
        [("cookie", "")],
        [("cookie", f"{cookie.name}=abc"), ("authorization", "Basic abc")],
    ):
        with pytest.raises(Refusal):
            shown_token(head(*lines), cookie)


def test_beyond_this_machine_addresses_are_ours_and_names_are_not() -> None:
    hosts = Hosts(allowed=("a.example",), local=False, ports=(8080,))
    for good in ("192.168.0.7:8080", "[fe80::1]:8080", "a.example", "localhost"):
        hosts.check_host(head(("host", good)))
    for bad in ("b.example", "a.example.b", "[x]", "1.2.3.4.5", "a.example b"):
        with pytest.raises(Refusal):
            hosts.check_host(head(("host", bad)))
    with pytest.raises(Refusal):  # over TLS a page without it is not ours
        hosts.check_origin(head(("host", "a.example"), ("origin", "http://a.example"), secure=True))
    hosts.check_origin(head(("host", "a.example"), ("origin", "https://a.example"), secure=True))
    hosts.check_origin(head(("host", "a.example"), ("origin", "https://a.example")))


def test_settings_beyond_this_machine_want_tls() -> None:
    for field in ("addr", "ws_addr"):
        given = {"enabled": True, field: "0.0.0.0:8080"}
        with pytest.raises(ValidationError, match="tls_cert"):
            GatewaySettings.model_validate(given)
        GatewaySettings.model_validate(given | {"enabled": False})
        GatewaySettings.model_validate(given | {"allow_insecure_remote": True})
        GatewaySettings.model_validate(given | {"tls_cert": "c.pem", "tls_key": "k.pem"})
    with pytest.raises(ValidationError, match="together"):
        GatewaySettings.model_validate({"tls_cert": "c.pem"})


def test_the_policy_names_what_stands_in_the_page() -> None:
    script, style = "let a = 1;\n", "b { color: red }"
    page = f"<style>{style}</style><script type='module'>{script}</script>".encode()
    import ruster.gateway.page_files as module

    hashes = module._inline_hashes(page)
    file = PageFile(page, "text/html", '"x"', hashes)
    policy = page_policy(file, "localhost:8080", secure=False, socket_port=8081)
    for text in (script, style):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "connect-src 'self' ws://localhost:8080 ws://localhost:8081;" in policy
    assert "unsafe-inline" not in policy
    hostile = page_policy(file, "a; script-src *", secure=True, socket_port=1)
    assert "script-src *" not in hostile
    over_tls = page_policy(file, "[::1]:8080", secure=True, socket_port=1)
    assert "connect-src 'self' wss://[::1]:8080 wss://[::1]:1;" in over_tls


def test_the_page_is_in_the_package() -> None:
    files = read_page()
    assert files["/"].content_type.startswith("text/html")
    assert not [path for path in files if path.endswith(".py")]


class Waiting:
    """A connection that can be cut."""

    def __init__(self, crowd: Crowd, address: str) -> None:
        self.crowd, self.address, self.gone = crowd, address, False

    def cut(self) -> None:
        self.gone = True
        self.crowd.leave(self, self.address)


def test_who_waits_longest_makes_room() -> None:
    crowd = Crowd(3, 2)
    guests = [Waiting(crowd, "a") for _ in range(3)]
    assert [crowd.admit(guest, "a") for guest in guests] == [True, True, True]
    assert [guest.gone for guest in guests] == [True, False, False]
    crowd.works(guests[1])
    crowd.works(guests[2])
    late = Waiting(crowd, "a")
    assert not crowd.admit(late, "a")  # all others are at work
    late.cut()
    other = Waiting(crowd, "b")
    assert crowd.admit(other, "b")
    assert crowd.count == 3
    crowd.waits(guests[1], "a")
    assert crowd.admit(Waiting(crowd, "c"), "c")
    assert [it.gone for it in (*guests, other)] == [True, False, False, True]


async def test_the_outbox_is_bounded_and_has_a_last_word() -> None:
    sent: list[str] = []
    full: list[int] = []
    outbox = SocketOutbox(100, lambda: full.append(1))

    async def send(text: str) -> None:
        sent.append(text)

    outbox.put(b"a\n")
    outbox.put(b"x" * 60)
    assert not full
    waiting = asyncio.ensure_future(outbox.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.put(b"y" * 60)
    assert full == [1]
    outbox.end(b"last\n")
    outbox.put(b"late\n")
    await outbox.pump(send)
    await waiting
    assert sent == ["last"]
    assert outbox.waiting_bytes == 0


def test_errors_are_one_object() -> None:
    body = json.loads(Refusal(421, "host_refused", "no").body())
    assert body == {"error": {"message": "no", "code": "host_refused"}}
