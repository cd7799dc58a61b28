"""The token that a request shows: as a bearer, or as the cookie a one-time link has set. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from ruster.gateway.access.head import Head
from ruster.gateway.refusal import Refusal

__all__ = [
    "COOKIE_LASTS_S",
    "Cookie",
    "Shown",
    "check_own_page",
    "shown_token",
    "unauthorized",
]

COOKIE_LASTS_S = 30 * 24 * 3600
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Cookie:
    """The cookie: named by its port, since browsers do not tell ports apart."""

    port: int
    secure: bool

    @property
    def name(self) -> str:
        """Under TLS with the prefix that no other site or plain HTTP can set."""
        return f"{'__Host-' if self.secure else ''}ruster-{self.port}"

    def setting(self, text: str) -> str:
        """Write the header that sets it."""
        secure = "; Secure" if self.secure else ""
        return (
            f"{self.name}={text}; Path=/; Max-Age={COOKIE_LASTS_S}; HttpOnly; "
            f"SameSite=Strict{secure}"
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """The text of a token, and whether a browser added it by itself."""

    text: str
    by_browser: bool


def shown_token(head: Head, cookie: Cookie) -> Shown:
    """Return what a request shows; raises ``Refusal`` with 401 for nothing, or too much."""
    bearers = head.all(b"authorization")
    if bearers:
        if len(bearers) == 1 and bearers[0].lower().startswith(_BEARER):
            return Shown(bearers[0][len(_BEARER) :].strip(), by_browser=False)
        raise unauthorized()
    pairs = (pair.strip() for line in head.all(b"cookie") for pair in line.split(";"))
    found = [pair.partition("=")[2] for pair in pairs if pair.partition("=")[0] == cookie.name]
    if len(found) != 1:
        raise unauthorized()
    return Shown(found[0], by_browser=True)


def check_own_page(head: Head) -> None:
    """Raise ``Refusal`` with 403 when a cookie alone speaks for a request that may change things:
    a browser must have said that the page is ours."""
    if head.changes and not head.all(b"origin") and head.all(b"sec-fetch-site") != ["same-origin"]:
        raise Refusal(
            403, "origin_refused", "with a cookie, what changes things must come from the page"
        )


def unauthorized() -> Refusal:
    """Return the refusal of whoever shows no usable token."""
    return Refusal(
        401,
        "unauthorized",
        "a token is needed: send it as Authorization: Bearer, or open the page with rusterctl ui",
    )
