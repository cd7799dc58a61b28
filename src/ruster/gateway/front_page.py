"""What is there without a token: the page, its files, the one-time link, and a sign of life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ruster.gateway.access.head import Head
from ruster.gateway.access.links import Links
from ruster.gateway.access.proof import COOKIE_LASTS_S, Cookie
from ruster.gateway.access.tokens import TokenBook
from ruster.gateway.page_files import PageFile, page_policy
from ruster.gateway.refusal import Refusal

__all__ = ["FrontPage"]

_COOKIE_LABEL = "browser"
_MAX_LINK_CHARS = 200
_HEALTH = "/health"


@dataclass(frozen=True, slots=True)
class FrontPage:
    """``files`` are by path; empty for no page. ``socket_port`` is that of ``ws_addr``.

    ``is_bare`` says that it is not there at all, as where there are only WebSockets.
    """

    files: Mapping[str, PageFile]
    links: Links
    tokens: TokenBook
    cookie: Cookie
    socket_port: int | None
    is_bare: bool = False

    def is_public(self, head: Head) -> bool:
        """Whether a request needs no token."""
        return (
            not (self.is_bare or head.upgrade)
            and head.method in ("GET", "HEAD")
            and (head.path in ("/", _HEALTH) or head.path in self.files)
        )

    def routes(self) -> list[Route]:
        """Return the routes."""
        files = [path for path in self.files if path != "/"]
        return [
            Route("/", self._root, methods=["GET"]),
            Route(_HEALTH, _health, methods=["GET"]),
            *(Route(path, self._file, methods=["GET"]) for path in files),
        ]

    async def _root(self, request: Request) -> Response:
        links = parse_qs(request.url.query, max_num_fields=8).get("link", [])
        if links:
            return await self._open_link(request, links)
        return await self._file(request)

    async def _open_link(self, request: Request, links: list[str]) -> Response:
        """Let the browser in that opens a link for the first time."""
        if "prefetch" in request.headers.get("sec-purpose", "") or request.method != "GET":
            raise Refusal(403, "link_refused", "a link must be opened by a person")
        secret = links[0] if len(links) == 1 else ""
        uid = self.links.take(secret) if 0 < len(secret) <= _MAX_LINK_CHARS else None
        if uid is None:
            sentence = "This link was used already, or is too old. Get a new one: rusterctl ui\n"
            return Response(sentence, 410, media_type="text/plain")
        _, text = await self.tokens.add(uid, _COOKIE_LABEL, COOKIE_LASTS_S)
        answer = RedirectResponse("/", 303)
        answer.headers["set-cookie"] = self.cookie.setting(text)
        return answer

    async def _file(self, request: Request) -> Response:
        file = self.files.get(request.url.path)
        if file is None:
            raise Refusal(404, "no_page", "there is no page here: page is off in [gateway]")
        headers = {"etag": file.etag, "cache-control": "no-cache"}
        if file.content_type.startswith("text/html"):
            headers["content-security-policy"] = page_policy(
                file,
                request.headers.get("host", ""),
                secure=self.cookie.secure,
                socket_port=self.socket_port,
            )
        if _matches(request.headers.get("if-none-match", ""), file.etag):
            return Response(status_code=304, headers=headers)
        return Response(file.data, headers={**headers, "content-type": file.content_type})


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _matches(wanted: str, etag: str) -> bool:
    tags = (tag.strip().removeprefix("W/") for tag in wanted.split(","))
    return wanted.strip() == "*" or etag in tags
