"""Tools that ask web servers: ``http_get``, ``http_post``, ``web_fetch``."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from pydantic import Field

from ruster.core.errors import ToolError
from ruster.core.ports import WebFetcher
from ruster.core.tools import Cost, Effect, Outcome, Risk, TurnScope
from ruster.core.web import WebAnswer
from ruster.sandbox.child import run_child
from ruster.tools.typed import Arguments, TypedTool

__all__ = ["HttpGet", "HttpPost", "WebFetch"]

_READABLE = "ruster.sandbox.programs.readable"
_PARSE_S = 10.0
_OK = range(200, 300)


class _UrlArguments(Arguments):
    url: str = Field(max_length=4096)


class _PostArguments(_UrlArguments):
    body: str = Field(max_length=1 << 20)


_ArgumentsT = TypeVar("_ArgumentsT", bound=_UrlArguments)


class _WebTool(TypedTool[_ArgumentsT]):
    effects = frozenset({Effect.NETWORK})
    cost = Cost.MODERATE
    risk = Risk.MEDIUM
    main: ClassVar[str | None] = "url"

    def __init__(self, web: WebFetcher) -> None:
        self._web = web

    def target(self, arguments: _ArgumentsT, scope: TurnScope) -> str | None:
        """Return the address, since scheme and port belong to what a rule allows."""
        return arguments.url


class HttpGet(_WebTool[_UrlArguments]):
    """Send a GET request and return the raw answer."""

    name = "http_get"
    takes = _UrlArguments

    async def call(self, arguments: _UrlArguments, scope: TurnScope) -> Outcome:
        return _raw(await self._web.fetch(arguments.url))


class HttpPost(_WebTool[_PostArguments]):
    """Send a POST request and return the raw answer."""

    name = "http_post"
    takes = _PostArguments
    effects = frozenset({Effect.NETWORK, Effect.SPENDS})
    risk = Risk.HIGH
    main = None

    async def call(self, arguments: _PostArguments, scope: TurnScope) -> Outcome:
        return _raw(
            await self._web.fetch(arguments.url, method="POST", body=arguments.body.encode())
        )


class WebFetch(_WebTool[_UrlArguments]):
    """Read a web page as text."""

    name = "web_fetch"
    takes = _UrlArguments

    async def call(self, arguments: _UrlArguments, scope: TurnScope) -> Outcome:
        answer = await self._web.fetch(arguments.url)
        text = answer.text
        if "html" in answer.content_type.lower():
            ended = await run_child(_READABLE, {"html": text}, _PARSE_S)
            if ended.timed_out or ended.failure:
                raise ToolError("the page could not be read as HTML; http_get shows it raw")
            text = ended.text
        failed = answer.status not in _OK
        head = answer.url + (f" (status {answer.status})" if failed else "")
        return Outcome(f"{head}\n\n{text}", failed=failed, origin=answer.origin)


def _raw(answer: WebAnswer) -> Outcome:
    head = f"status {answer.status}, {answer.content_type}, {answer.url}"
    failed = answer.status not in _OK
    return Outcome(f"{head}\n\n{answer.text}", failed=failed, origin=answer.origin)
