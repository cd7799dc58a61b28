"""Reading an address that somebody else chose: strictly, and to what a resolver would reach.

A host may be spelt in many ways (percent signs, wide or circled letters, numbers in other bases).
All are brought to one form here, so that nothing later has to guess.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import unquote, unquote_to_bytes

from ruster.core.errors import ToolError
from ruster.sandbox.addresses import IPAddress, ipv4_of

__all__ = ["MAX_URL_CHARS", "WebAddress", "host_of", "read_url", "refused"]

MAX_URL_CHARS = 2048
_SHAPE = re.compile(r"(https?)://([^/?#]*)([^#]*)(?:#.*)?", re.IGNORECASE)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_PORTS = {"http": 80, "https": 443}
_FORBIDDEN_KINDS = {"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A URL in one form: ``host`` is a lower-case ASCII name, or the text of ``literal``.

    ``target`` is path and query as they were given, without the fragment.
    """

    scheme: str
    host: str
    port: int
    target: str
    literal: IPAddress | None

    @property
    def netloc(self) -> str:
        """Host and port as they stand in a URL and in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole URL."""
        return f"{self.scheme}://{self.netloc}{self.target}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What decides whether two addresses are one and the same party."""
        return self.scheme, self.host, self.port


def refused(why: str) -> ToolError:
    """Make the error for an address that is not asked."""
    return ToolError(f"the address was refused: {why}", code="url_refused")


def read_url(url: str) -> WebAddress:
    """Read a URL; raises ToolError (``url_refused``) for all that is not plain http or https."""
    if len(url) > MAX_URL_CHARS:
        raise refused(f"it is longer than {MAX_URL_CHARS} characters")
    if "\\" in url or any(unicodedata.category(char) in _FORBIDDEN_KINDS for char in url):
        raise refused("it holds spaces, control characters or backslashes")
    shape = _SHAPE.fullmatch(url)
    if shape is None:
        raise refused("it must begin with http:// or https:// and a host")
    scheme, authority, target = shape[1].lower(), shape[2], shape[3]
    if "@" in authority or "@" in unquote(authority):
        raise refused("it must not carry a user name or password")
    host, port = _split(authority, scheme)
    name, literal = host_of(host)
    return WebAddress(scheme, name, port, _rooted(target), literal)


def host_of(host: str) -> tuple[str, IPAddress | None]:
    """Bring a host to one form; the second value is set when it is an address and no name."""
    if host.startswith("["):
        return _ipv6(host)
    name = _ascii(_decoded(host)).lower()
    name = name.removesuffix(".")
    try:
        address = ipv4_of(name) if name else None
    except ValueError as error:
        raise refused(f"its host is {error}") from None
    if address is not None:
        return str(address), address
    if len(name) > 253 or _NAME.fullmatch(name) is None:
        raise refused("its host is no name and no address")
    return name, None


def _split(authority: str, scheme: str) -> tuple[str, int]:
    shape = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]+)(?::([0-9]{1,5}))?", authority)
    if shape is None:
        raise refused("its host or port cannot be read")
    port = int(shape[2]) if shape[2] else _PORTS[scheme]
    if not 0 < port < 65536:
        raise refused("its port is out of range")
    return shape[1], port


def _ipv6(host: str) -> tuple[str, IPAddress]:
    try:
        address = IPv6Address(host[1:-1])
    except AddressValueError:
        raise refused("what stands in brackets is no IPv6 address") from None
    if address.scope_id is not None:
        raise refused("an address with a zone belongs to this machine's own networks")
    return str(address), address


def _decoded(host: str) -> str:
    """Take percent signs out once; what still holds one was hidden twice."""
    try:
        text = unquote_to_bytes(host).decode("utf-8")
    except UnicodeDecodeError:
        raise refused("its host is not UTF-8") from None
    if any(char in "%/\\@:?#[]" or unicodedata.category(char) in _FORBIDDEN_KINDS for char in text):
        raise refused("its host hides characters that hosts do not have")
    return text


def _ascii(host: str) -> str:
    """Write a host in ASCII by IDNA 2008 after the mapping of UTS 46."""
    if host.isascii() and "xn--" not in host.lower():
        return host
    import idna  # its tables are for the few names that are not ASCII

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise refused("its host is no valid international name") from None


def _rooted(target: str) -> str:
    return target if target.startswith("/") else f"/{target}"
