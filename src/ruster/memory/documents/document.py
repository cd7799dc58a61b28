"""A document as the memory takes it in: pieces that make sense alone, and where they come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from ruster.core.errors import MemoryError

__all__ = ["Chunk", "Document", "DocumentKind", "digest_of", "unreadable"]

DocumentKind = Literal["text", "markdown", "code", "html", "pdf"]
"""What a document is, as far as it is read differently."""

_FORM = b"1"
"""Raised when documents are cut into other pieces, so that all are read again."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document; ``header`` says where it stands, such as ``guide.md > Install``."""

    text: str
    header: str

    @property
    def whole(self) -> str:
        """The piece under its header: what is searched, and what vectors are made of."""
        return f"{self.header}\n{self.text}"


@dataclass(frozen=True, slots=True)
class Document:
    """What was read from ``source``, a path or an address.

    ``digest`` changes when the content does. ``origins`` say whose words these are when they are
    not the user's own (``file:/srv/shared/notes.md``); whatever shows a chunk shows them, too.
    ``cut`` tells that the document goes on beyond what was read.
    """

    source: str
    title: str
    kind: DocumentKind
    digest: str
    chunks: tuple[Chunk, ...]
    origins: tuple[str, ...] = ()
    cut: bool = False


def digest_of(data: bytes) -> str:
    """Return what changes when the content of a document does, or the way it is read."""
    return hashlib.sha256(_FORM + data).hexdigest()


def unreadable(message: str, *, code: str = "document_unreadable") -> MemoryError:
    """Make the error of a document."""
    return MemoryError(message, code=code)
