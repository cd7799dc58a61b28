"""Who may use the proxy: holders of its token, and no web page. No I/O.

On loopback a page in the user's browser is the danger: it can send requests to this machine, and by
DNS rebinding even under its own name. So the name asked for must be a local one, and whatever a
browser marks as a page's doing is refused.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass

from ruster.gateway.headers import Headers, value_of, values_of
from ruster.gateway.refusal import Refusal

__all__ = ["Guard", "is_loopback"]

_BEARER = b"bearer "
_OWN_SITE = (b"none", b"same-origin")


@dataclass(frozen=True, slots=True)
class Guard:
    """Checks requests. ``token`` None lets everybody in; ``local`` says that it listens on
    loopback only."""

    token: str | None
    local: bool

    def check(self, headers: Headers) -> None:
        """Raise ``Refusal`` with 401 or 403 for a request that may not pass."""
        pairs = list(headers)
        if values_of(pairs, b"origin") or not _own_site(pairs):
            raise Refusal(403, "origin_refused", "web pages may not use the proxy")
        if self.local and not _local_name(value_of(pairs, b"host")):
            raise Refusal(
                403,
                "host_refused",
                "the proxy is asked under a name that is not local: use http://localhost or "
                "http://127.0.0.1",
            )
        if self.token is not None and not _shown(pairs, self.token.encode()):
            raise Refusal(
                401,
                "unauthorized",
                "the proxy's token is missing or wrong: send it as X-Proxy-Auth, or as "
                "Authorization: Bearer",
            )


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine itself, reached by nobody else."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        name = host.lower().rstrip(".")
        return name == "localhost" or name.endswith(".localhost")


def _own_site(headers: Headers) -> bool:
    return all(value in _OWN_SITE for value in values_of(headers, b"sec-fetch-site"))


def _local_name(host: bytes | None) -> bool:
    text = (host or b"").decode("latin-1")
    if text.startswith("["):
        return is_loopback(text.partition("]")[0])
    return is_loopback(text.partition(":")[0])


def _shown(headers: Headers, token: bytes) -> bool:
    bearers = values_of(headers, b"authorization")
    shown = values_of(headers, b"x-proxy-auth")
    shown += [it[len(_BEARER) :].strip() for it in bearers if it.lower().startswith(_BEARER)]
    return any(hmac.compare_digest(value, token) for value in shown)
