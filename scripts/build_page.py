"""Joins the sources of the web page (``page/``) into the one file that the gateway serves.

``--check`` writes nothing and fails when the file is not up to date. Run it from the root of the
repository, as ``python -m scripts.build_page``.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "page"
PAGE = ROOT / "src" / "ruster" / "gateway" / "page" / "index.html"

STYLES = ("theme", "layout", "conversation", "panels")
SCRIPTS = (
    "dom",
    "highlight",
    "inline",
    "markdown",
    "link",
    "outbox",
    "pictures",
    "dialogs",
    "approval",
    "pieces",
    "turn",
    "conversation",
    "sessions",
    "composer",
    "why",
    "panels",
    "downloads",
    "models",
    "reading",
    "waiting",
    "keys",
    "desk",
)
"""In the order in which they are joined: what is used while loading stands first."""

_STYLE, _SCRIPT = "/*{{style}}*/", "/*{{script}}*/"


def joined(sources: Path = SOURCES) -> str:
    """Return the page; raises ValueError when a source would end its element early."""
    style = "\n" + "".join(_read(sources / "css" / f"{name}.css") for name in STYLES)
    script = "".join(_read(sources / "js" / f"{name}.js") for name in SCRIPTS)
    page = _read(sources / "page.html")
    for text, end in ((style, "</style"), (script, "</script"), (script, "<!--")):
        if end in text.lower():
            raise ValueError(f"a source holds {end!r}, at which a browser would stop reading")
    if page.count(_STYLE) != 1 or page.count(_SCRIPT) != 1:
        raise ValueError("page.html needs one place for the style and one for the script")
    return page.replace(_STYLE, style).replace(
        _SCRIPT, f'\n"use strict";\n(() => {{\n{script}}})();\n'
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` tell whether it is as it would be written."""
    page = joined()
    if "--check" in arguments:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page:
            return 0
        print(f"{PAGE.relative_to(ROOT)} is not up to date; run python -m scripts.build_page")
        return 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
