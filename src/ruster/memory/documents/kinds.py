"""What a document is, by its name, by what a server calls it, and by its first bytes."""

from __future__ import annotations

import codecs
from pathlib import PurePosixPath

from ruster.memory.documents.document import DocumentKind, unreadable

__all__ = ["is_pdf", "kind_by_name", "kind_of", "text_of"]

_SUFFIXES: dict[DocumentKind, str] = {
    "markdown": "md markdown mdown mkd qmd",
    "html": "html htm xhtml",
    "pdf": "pdf",
    "text": "txt text rst adoc org tex log srt vtt eml",
    "code": (
        "py pyi js mjs cjs ts tsx jsx rs go c h cc cpp cxx hpp hh java kt kts swift scala rb php "
        "cs fs lua pl pm r jl sh bash zsh fish ps1 sql ex exs erl hs ml mli clj lisp el vim zig "
        "nim d dart proto graphql tf nix cmake mk css scss json jsonl yaml yml toml ini cfg conf "
        "xml csv tsv"
    ),
}
_BY_SUFFIX = {f".{it}": kind for kind, names in _SUFFIXES.items() for it in names.split()}
_BY_NAME: dict[str, DocumentKind] = {
    "readme": "text", "license": "text", "makefile": "code", "dockerfile": "code",
}  # fmt: skip
_BY_TYPE: tuple[tuple[str, DocumentKind], ...] = (
    ("application/pdf", "pdf"),
    ("text/html", "html"),
    ("application/xhtml", "html"),
    ("text/markdown", "markdown"),
    ("text/plain", "text"),
    ("application/json", "code"),
    ("text/", "code"),
)
_PDF = b"%PDF-"
_HTML = (b"<!doctype html", b"<html")
_PDF_WITHIN = 1024
_LOOKED_AT = 4096
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def kind_by_name(name: str) -> DocumentKind | None:
    """Return the kind of files of this name; None where only a look inside could tell."""
    path = PurePosixPath(name.lower())
    return _BY_SUFFIX.get(path.suffix) or _BY_NAME.get(path.name)


def is_pdf(data: bytes) -> bool:
    """Whether a document begins as PDFs do, which may have something before it."""
    return _PDF in data[:_PDF_WITHIN]


def kind_of(data: bytes, name: str, content_type: str = "") -> DocumentKind:
    """Return the kind of a document; raises MemoryError (``document_unknown``) if it is no text."""
    head = data[:_LOOKED_AT]
    if is_pdf(data):
        return "pdf"
    if b"\0" in head and not head.startswith(tuple(bom for bom, _ in _BOMS)):
        raise unreadable(
            f"{name} is no text; Markdown, text, code, HTML and PDF can be read",
            code="document_unknown",
        )
    told = (kind for prefix, kind in _BY_TYPE if content_type.lower().startswith(prefix))
    found = kind_by_name(name) or next(told, None)
    if found is not None and found != "pdf":
        return found
    return "html" if head.lstrip().lower().startswith(_HTML) else "text"


def text_of(data: bytes) -> str:
    """Decode a text: by its mark, as UTF-8, or else as the old encoding of the western world."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
