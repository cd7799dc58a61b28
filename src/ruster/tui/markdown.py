"""Answers as Markdown: nothing in them reaches the terminal but text, and no text is hidden.

Raw HTML is text, where a link leads is written out, and what is too intricate stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from textual.widgets import Markdown

from ruster.cli.terminal import visible

__all__ = ["Answer", "parser"]

_MAX_TOKENS = 6000
"""Each becomes a widget or more; what has more of them is shown as it was written."""
_PAUSE_S = 0.05
MAX_CHARS = 40_000
"""How much one widget holds: all of it is joined anew with every piece that comes."""


class _Parser(MarkdownIt):
    """Makes harmless what it has read: entities can stand for any character."""

    def parse(self, src: str, env: MutableMapping[str, Any] | None = None) -> list[Token]:
        tokens = super().parse(src, env)
        if sum(1 + len(token.children or ()) for token in tokens) > _MAX_TOKENS:
            return [Token("fence", "code", 0, content=visible(src), map=[0, src.count("\n") + 1])]
        for token in tokens:
            _clean(token)
            if token.children:
                token.children = list(_with_addresses(token.children))
        return tokens


def parser() -> MarkdownIt:
    """Make the parser of answers."""
    return _Parser("commonmark", {"html": False}).enable(["table", "strikethrough"])


class Answer(Markdown):
    """Text that may still grow; ``add`` it as it comes."""

    def __init__(self, text: str = "") -> None:
        super().__init__(visible(text), parser_factory=parser, open_links=False)
        self.length = len(text)
        self._unshown: list[str] = []
        self._waiting = False

    @property
    def full(self) -> bool:
        """Whether what follows belongs into another one."""
        return self.length > MAX_CHARS

    def add(self, text: str) -> None:
        """Take the next piece; pieces that come close together are shown at once."""
        self.length += len(text)
        self._unshown.append(visible(text))
        if not self._waiting:
            self._waiting = True
            self.set_timer(_PAUSE_S, self.settle)

    async def settle(self) -> None:
        """Show all that has been taken."""
        self._waiting = False
        text = "".join(self._unshown)
        self._unshown.clear()
        if text and self.is_attached:
            await self.append(text)


def _clean(token: Token) -> None:
    token.content = visible(token.content)
    token.info = visible(token.info)
    for child in token.children or ():
        _clean(child)


def _with_addresses(children: Iterable[Token]) -> Iterable[Token]:
    """Write behind a link where it leads; it cannot be followed."""
    href, said = "", ""
    for child in children:
        if child.type == "link_open":
            href, said = visible(str(child.attrs.get("href", ""))), ""
            child.attrs = {}
        elif child.type == "image":
            yield Token("text", "", 0, content=f"[picture: {child.content}]")
            child = Token("text", "", 0, content=f" ({visible(str(child.attrs.get('src', '')))})")
        said += child.content
        yield child
        if child.type == "link_close" and href not in (said, f"mailto:{said}"):
            yield Token("text", "", 0, content=f" ({href})")
