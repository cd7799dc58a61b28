"""Under which name the gateway may be asked, and on whose behalf. No I/O.

A page of another site can send requests here; by DNS rebinding even under a name of its own. So the
name asked for must be one of ours, and a page that sends anything must be ours.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from ruster.gateway.access.head import Head
from ruster.gateway.guard import is_loopback
from ruster.gateway.refusal import Refusal

__all__ = ["Hosts"]

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?\Z")
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Hosts:
    """Names and ports that are ours. ``local`` says that we listen on loopback only: then no other
    address than this machine's own can be meant. ``ports`` are those of all our addresses."""

    allowed: Collection[str]
    local: bool
    ports: Collection[int]

    def check_host(self, head: Head) -> None:
        """Raise ``Refusal`` with 421 for a name that is not ours."""
        name, _ = split_host(head.one(b"host"))
        if name is None or not self._ours(name):
            raise Refusal(
                421,
                "host_refused",
                "it is asked under a name that is not its own: use http://127.0.0.1, or add the "
                "name to allowed_hosts in [gateway]",
            )

    def check_origin(self, head: Head) -> None:
        """Raise ``Refusal`` with 403 for what another site's page asks."""
        origins = head.all(b"origin")
        own = all(self._own_origin(head, origin) for origin in origins) and len(origins) < 2
        sites = head.all(b"sec-fetch-site")
        fine = ("none", "same-origin", "same-site") if origins else ("none", "same-origin")
        if own and (all(site in fine for site in sites) or _opens_page(head)):
            return
        raise Refusal(403, "origin_refused", "pages of other sites may not use the gateway")

    def _ours(self, name: str) -> bool:
        if is_loopback(name):
            return True
        if name.rstrip(".") in (it.lower() for it in self.allowed):
            return True
        return not self.local and _is_address(name)  # no name: nobody can have rebound it

    def _own_origin(self, head: Head, origin: str) -> bool:
        """Whether an origin is the very name that is asked, on any of our ports."""
        try:
            asked = urlsplit(origin)
            port = asked.port or _PORTS.get(asked.scheme)
        except ValueError:
            return False
        if asked.scheme not in ("http", "https") or (head.secure and asked.scheme != "https"):
            return False
        if asked.path or asked.query or asked.fragment or "@" in asked.netloc:
            return False
        name, own_port = split_host(head.one(b"host"))
        if asked.hostname is None or name is None or asked.hostname != name.strip("[]"):
            return False
        return port == (own_port or _PORTS[asked.scheme]) or port in self.ports


def split_host(text: str | None) -> tuple[str | None, int | None]:
    """Split the ``Host`` header into its name, in lower case, and its port."""
    match = _HOST.match(text or "")
    if match is None:
        return None, None
    port = match["port"]
    return match["name"].lower(), None if port is None else int(port)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _opens_page(head: Head) -> bool:
    """Whether a person comes to the bare page by a link somewhere else."""
    navigates = head.all(b"sec-fetch-mode") == ["navigate"]
    whole = head.all(b"sec-fetch-dest") == ["document"]
    return navigates and whole and head.method == "GET" and head.path == "/" and not head.query
