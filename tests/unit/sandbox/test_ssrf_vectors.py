"""Addresses that must not be asked, in every spelling known, and some that must stay usable."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from ruster.core.errors import ToolError
from ruster.sandbox.address_check import AddressCheck
from ruster.sandbox.addresses import why_not_public
from ruster.sandbox.urls import read_url
from ruster.sandbox.web_settings import WebSettings
from tests.unit.sandbox.web import Names

_HERE = Path(__file__).parent
LITERALS = (_HERE / "refused_hosts.txt").read_text("utf-8").split()
"""Hosts; every one is refused."""

WHOLE = [
    "", " ", "http", "http:", "http:/", "http://", "http:///", "http:///etc/passwd", "//8.8.8.8/",
    "8.8.8.8", "file:///etc/passwd", "ftp://8.8.8.8/", "gopher://8.8.8.8:70/_x", "dict://8.8.8.8/",
    "ldap://8.8.8.8/", "data:text/plain,x", "javascript:alert(1)", "jar:http://8.8.8.8!/",
    "ws://8.8.8.8/", "unix:///tmp/x.sock", "http+unix://%2Ftmp%2Fx/", "view-source:http://8.8.8.8",
    "http://user@8.8.8.8/", "http://user:pass@8.8.8.8/", "http://@8.8.8.8/", "http://:@8.8.8.8/",
    "http://8.8.8.8@127.0.0.1/", "http://8.8.8.8%40127.0.0.1/", "http://a%3Ab%408.8.8.8/",
    "http://8.8.8.8\\@127.0.0.1/", "http:\\\\127.0.0.1\\", "http://8.8.8.8\\.evil/",
    "http://8.8.8.8 /", "http://8.8.8.8/a b", "http://8.8.8.8/\t", "http://8.8.8.8/\r\nHost: x",
    "http://8.8.8.8\n/", "\nhttp://8.8.8.8/", "http://8.8.8.8/\x00", "http://8.8.8.8\x00.example/",
    "http://8.8.8.8/\x7f", "http://8.8.8.8/\u2028", "http://8.8.8.8/\u00a0", "http://8.8.8.8/\x85",
    "http://8.8.8.8/\u202e", "http://exa\u00admple.com/", "http://a\u200bb.com/",
    "http://8.8.8.8%00/", "http://8.8.8.8%0d%0a/", "http://8.8.8.8%20/", "http://8.8.8.8%2f.x/",
    "http://8.8.8.8%23.x/", "http://8.8.8.8%3f.x/", "http://8.8.8.8%5c.x/", "http://8.8.8.8%253a/",
    "http://%2531%2532%2537.0.0.1/", "http://%ff%fe/", "http://%/", "http://%zz/",
    "http://8.8.8.8:0/", "http://8.8.8.8:/", "http://8.8.8.8:65536/", "http://8.8.8.8:99999/",
    "http://8.8.8.8:8a/", "http://8.8.8.8:-1/", "http://8.8.8.8:+80/", "http://8.8.8.8: 80/",
    "http://8.8.8.8:٨٠/", "http://8.8.8.8:000080/", "http://8.8.8.8:22/", "http://8.8.8.8:25/",
    "http://8.8.8.8:6379/", "http://8.8.8.8:11211/", "http://8.8.8.8:3306/", "http://8.8.8.8:2375/",
    "http://8.8.8.8:10250/", "https://8.8.8.8:53/", "http://8.8.8.8:1/", "http://[::1]x/",
    "http://x[::1]/", "http://[2606:4700::1]]/", "http://[2606:4700::1]:/", "http://./",
    "http://../", "http://-a.com/", "http://a-.com/", "http://a..com/", "http://.a.com/",
    "http://xn--a/", "http://xn--/", "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 127 + "com/",
    "http://exa$mple.com/", "http://exa!mple.com/", "http://a,b/", "http://a;b/", "http://a|b/",
    "http://<a>/", "http://a'b/", "http://*/", "http://☃/", "http://8.8.8.8/" + "a" * 2048,
]  # fmt: skip
"""URLs; every one is refused."""

ADDRESSES_OF_NAMES = [
    ("127.0.0.1",), ("10.0.0.1",), ("169.254.169.254",), ("::1",), ("fd00::1",), ("fe80::1",),
    ("::ffff:10.0.0.1",), ("64:ff9b::a00:1",), ("93.184.216.34", "127.0.0.1"),
    ("93.184.216.34", "2606:4700::1", "fe80::1"), ("2606:4700::1", "192.168.0.1"), ("0.0.0.0",), (),
]  # fmt: skip

PUBLIC = (_HERE / "public_urls.txt").read_text("utf-8").split()


def test_there_are_enough_vectors() -> None:
    assert len(set(LITERALS)) + len(set(WHOLE)) + len(set(ADDRESSES_OF_NAMES)) >= 250


@pytest.mark.parametrize("host", LITERALS)
async def test_a_host_that_is_not_public_is_refused(host: str) -> None:
    names = Names({})
    for scheme in ("http", "https"):
        await _is_refused(f"{scheme}://{host}/latest/meta-data/", names)
    assert names.asked == []


@pytest.mark.parametrize("url", WHOLE)
async def test_a_url_that_is_not_plain_http_is_refused(url: str) -> None:
    names = Names({})
    await _is_refused(url, names)
    assert names.asked == []


@pytest.mark.parametrize("addresses", ADDRESSES_OF_NAMES)
async def test_a_name_with_any_inner_address_is_refused(addresses: tuple[str, ...]) -> None:
    names = Names({"rebind.example": addresses})
    await _is_refused("http://rebind.example/", names)
    assert names.asked == ["rebind.example"]


@pytest.mark.parametrize("url", PUBLIC)
async def test_what_is_public_is_not_refused(url: str) -> None:
    names = _Everything()
    found = await AddressCheck(WebSettings(), names).addresses(read_url(url))
    assert [why_not_public(address) for address in found] == [None]


def test_python_alone_would_let_some_of_these_through() -> None:
    """The reason for tables of our own."""
    assert ip_address("64:ff9b::7f00:1").is_global
    assert ip_address("168.63.129.16").is_global
    assert ip_address("2606:4700::5efe:7f00:1").is_global
    assert ip_address("fec0::1").is_global or ip_address("ff0e::1").is_global


async def _is_refused(url: str, names: Names) -> None:
    check = AddressCheck(WebSettings(), names)
    with pytest.raises(ToolError) as caught:
        await check.addresses(read_url(url))
    assert caught.value.code == "url_refused"


class _Everything(Names):
    def __init__(self) -> None:
        super().__init__(dict.fromkeys(_NAMES, ("93.184.216.34",)))


_NAMES = (
    "example.com", "10.example.com", "127.0.0.1.example.com", "xn--bcher-kva.example",
    "under_score.example", "a-b.example",
)  # fmt: skip
