"""Turns a web page into the text that a reader sees.

Parsers of HTML can be made to take very long; so this process is made to be killed.
"""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser

__all__ = ["main", "readable"]

_HIDDEN = {"script", "style", "noscript", "template", "svg", "nav", "footer", "form", "head"}
_BLOCKS = {
    *("p", "div", "section", "article", "main", "header", "aside", "ul", "ol", "dl", "dt", "dd"),
    *("table", "tr", "blockquote", "figure", "figcaption", "pre", "br", "hr", "li"),
    *("h1", "h2", "h3", "h4", "h5", "h6"),
}
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}


class _Page(HTMLParser):
    def __init__(self, *, fenced: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self._fenced = fenced
        self._parts: list[str] = []
        self._hidden: list[str] = []
        self._in_title = False
        self._in_pre = 0

    @property
    def text(self) -> str:
        """What a reader sees, one block a line."""
        lines = (line.rstrip() for line in "".join(self._parts).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._in_title = True
        elif tag == "body":  # a head that was never closed
            self._hidden.clear()
        elif tag in _HIDDEN:
            self._hidden.append(tag)
        elif tag in _BLOCKS:
            self._break(_HEADINGS.get(tag, "- " if tag == "li" else ""))
        elif tag in ("td", "th"):
            self._parts.append(" | ")
        if tag == "pre":
            self._in_pre += 1
            self._fence()

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag in self._hidden:
            while self._hidden.pop() != tag:
                pass
        elif tag in _BLOCKS:
            self._break("")
        if tag == "pre" and self._in_pre:
            self._in_pre -= 1
            self._fence()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._hidden:
            text = data if self._in_pre else re.sub(r"\s+", " ", data)
            starts = not self._parts or self._parts[-1].endswith("\n")
            self._parts.append(text if self._in_pre or not starts else text.lstrip())

    def _break(self, mark: str) -> None:
        if self._parts and not self._parts[-1].endswith("\n"):
            self._parts.append("\n")
        if mark.startswith("#") and self._parts:
            self._parts.append("\n")
        if mark:
            self._parts.append(mark)

    def _fence(self) -> None:
        if self._fenced:
            self._break("```")
            self._parts.append("\n")


def readable(html: str, *, fenced: bool = False) -> str:
    """Return a page's title and text: headings and lists as in Markdown.

    With ``fenced`` code is told from text as there, too, and the first line is the title in any
    case.
    """
    page = _Page(fenced=fenced)
    page.feed(html)
    page.close()
    title = " ".join(page.title.split())
    whole = f"{title}\n\n{page.text}"
    return whole if fenced else whole.strip()


def main() -> None:
    """Print the text of the page that is given as ``html``, and ``fenced`` if that is so."""
    request = json.load(sys.stdin)
    text = readable(request["html"], fenced=request.get("fenced", False))
    sys.stdout.buffer.write(text.encode(errors="replace"))


if __name__ == "__main__":
    main()
