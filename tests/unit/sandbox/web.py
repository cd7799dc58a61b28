"""A web of our own: servers on loopback addresses, name servers that answer what a test says."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path

from ruster.core.errors import ToolError
from ruster.sandbox.addresses import IPAddress
from tests.fakes.http_server import FakeHttp, Recorded, Step

__all__ = ["Names", "RebindingNames", "Site", "answer", "certificate", "redirect"]


def answer(
    body: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None
) -> list[Step]:
    """Write a whole answer."""
    given = {"Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {text}\r\n" for name, text in given.items())
    return [f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body]


def redirect(place: str, status: int = 302) -> list[Step]:
    """Write an answer that points elsewhere."""
    return answer(status=status, headers={"Location": place})


class Site(FakeHttp):
    """Serves ``pages`` by path; a page is what to send, or a function of the request."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__()
        self.host, self.port, self.tls = host, port, tls
        self.pages: dict[str, Iterable[Step] | Callable[[Recorded], Iterable[Step]]] = {}

    @property
    def entry(self) -> str:
        """How an allow-list names this server."""
        return self.url.split("//")[1]

    def respond(self, request: Recorded) -> Iterable[Step]:
        page = self.pages.get(request.path, answer(b"hello from " + self.host.encode()))
        return page(request) if callable(page) else page


class Names:
    """A name server that knows ``table``, and counts what it is asked."""

    def __init__(self, table: Mapping[str, tuple[str, ...]]) -> None:
        self._table = table
        self.asked: list[str] = []

    async def resolve(self, host: str) -> tuple[IPAddress, ...]:
        self.asked.append(host)
        if host not in self._table:
            raise ToolError(f"no address is known for {host}", code="fetch_failed")
        return tuple(ip_address(text) for text in self._table[host])


class RebindingNames:
    """Answers ``first`` to the first question and ``later`` to all others."""

    def __init__(self, first: str, later: str) -> None:
        self._first, self._later = ip_address(first), ip_address(later)
        self.asked = 0

    async def resolve(self, _host: str) -> tuple[IPAddress, ...]:
        self.asked += 1
        return (self._first if self.asked == 1 else self._later,)


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for ``name``; return what a server and what a client needs of it."""
    key, chain = folder / "key.pem", folder / "chain.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(key), "-out", str(chain), "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName=DNS:{name}"),
        ],
        check=True,
        capture_output=True,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    return server, ssl.create_default_context(cafile=str(chain))
