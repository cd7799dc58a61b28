"""Reads a PDF page by page. PDFs can be made to take forever, so this process is made to be killed.

It answers with a line of JSON for the document, ``{"title": …}``, and one for every page,
``{"page": 1, "headings": […], "text": …}``; what was said before it is killed counts.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

from pypdf import PdfReader

__all__ = ["main"]

_MAX_HEADINGS = 2000
_MAX_DEPTH = 6


def main() -> None:
    """Read the PDF that follows the request; what cannot be opened ends with a sentence."""
    sys.stdin.buffer.readline()
    logging.disable()
    try:
        reader = PdfReader(io.BytesIO(sys.stdin.buffer.read()), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            sys.exit("it is protected by a password")
        count = len(reader.pages)
    except Exception as error:  # noqa: BLE001 - a damaged file can fail in any way
        sys.exit(f"it is damaged ({type(error).__name__})")
    _say({"title": _title(reader)})
    headings = dict(_headings(reader))
    path: list[str] = []
    for at in range(count):
        path = headings.get(at, path)
        _say({"page": at + 1, "headings": path, "text": _text(reader, at)})


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _title(reader: PdfReader) -> str:
    try:
        return str((reader.metadata and reader.metadata.title) or "")
    except Exception:  # noqa: BLE001 - a damaged file can fail in any way
        return ""


def _text(reader: PdfReader, page: int) -> str:
    """Return the text of a page; a damaged one has none."""
    try:
        return reader.pages[page].extract_text()
    except Exception:  # noqa: BLE001 - a damaged file can fail in any way
        return ""


def _headings(reader: PdfReader) -> list[tuple[int, list[str]]]:
    """Return, from the outline, the headings of pages that bring a new one."""
    found: list[tuple[int, list[str]]] = []
    try:
        for title, page, depth in _entries(reader, reader.outline, ()):
            found.append((page, [*depth, title]))
            if len(found) == _MAX_HEADINGS:
                break
    except Exception:  # noqa: BLE001 - a damaged file can fail in any way
        return found
    return found


def _entries(
    reader: PdfReader, entries: list[Any], above: tuple[str, ...]
) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    title = ""
    for entry in entries:
        if isinstance(entry, list):
            if len(above) < _MAX_DEPTH:
                yield from _entries(reader, entry, (*above, title) if title else above)
            continue
        title = str(entry.title)
        page = reader.get_destination_page_number(entry)
        if page is not None:
            yield title, page, above


if __name__ == "__main__":
    main()
