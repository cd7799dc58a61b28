"""Reading documents: bytes of any origin become a title and chunks, within bounds.

What strangers wrote decides nothing here: sizes are bounded before anything is read, PDFs and web
pages are read in processes that can be killed, and everything else line by line.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable
from itertools import islice
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from ruster.core.errors import MemoryError
from ruster.core.web import WebAnswer
from ruster.memory.documents.code import code_blocks
from ruster.memory.documents.document import (
    Chunk,
    Document,
    DocumentKind,
    digest_of,
    unreadable,
)
from ruster.memory.documents.extraction import Extracted, html_of, pdf_of
from ruster.memory.documents.kinds import is_pdf, kind_of, text_of
from ruster.memory.documents.markdown import markdown_blocks
from ruster.memory.documents.packing import pack
from ruster.memory.documents.prose import text_blocks
from ruster.memory.documents.settings import DocumentSettings

__all__ = ["DocumentReader"]

_LOOKED_AT = 4096
_OK = range(200, 300)
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_BLOCKS = {"markdown": markdown_blocks, "code": code_blocks, "text": text_blocks}


class DocumentReader:
    """Reads files, pages and what comes from anywhere else.

    All methods raise MemoryError: ``document_unreadable``, ``document_too_large``,
    ``document_unknown`` for what is no text, ``document_empty`` for what has none.
    """

    def __init__(self, settings: DocumentSettings | None = None) -> None:
        self._settings = settings or DocumentSettings()

    async def read_file(self, path: Path, origins: Iterable[str] = ()) -> Document:
        """Read a file; its headers begin with its name."""
        data = await asyncio.to_thread(self._bytes_of, path)
        return await self.read_bytes(data, str(path), path.name, origins=origins)

    async def digest_of_file(self, path: Path) -> str:
        """Return the digest that ``read_file`` would give, without reading further."""
        return await asyncio.to_thread(lambda: digest_of(self._bytes_of(path)))

    async def read_page(self, answer: WebAnswer) -> Document:
        """Read what a web server said; it is the words of others."""
        if answer.status not in _OK:
            raise unreadable(f"{answer.url} answers with status {answer.status}")
        path = PurePosixPath(urlsplit(answer.url).path)
        # What is sent as HTML is HTML, also as "index.php".
        name = path.stem if "html" in answer.content_type.lower() else path.name
        return await self.read_bytes(
            _decoded(answer),
            answer.url,
            name or answer.url,
            answer.content_type,
            origins=(answer.origin,),
        )

    async def read_bytes(
        self,
        data: bytes,
        source: str,
        name: str,
        content_type: str = "",
        origins: Iterable[str] = (),
    ) -> Document:
        """Read bytes of a document called ``name`` that came from ``source``."""
        kind = kind_of(data, name, content_type)
        most = self._settings.file_bytes if kind in ("pdf", "html") else self._settings.text_bytes
        if len(data) > most:
            raise _too_large(name, most)
        found = await self._extract(data, name, kind)
        title = found.title or name
        chunks = await asyncio.to_thread(self._chunks, found, title)
        digest = await asyncio.to_thread(digest_of, data)
        if not chunks:
            raise unreadable(f"{name} has no text (is it made of pictures?)", code="document_empty")
        return Document(
            source=source,
            title=title,
            kind=kind,
            digest=digest,
            chunks=tuple(chunks[: self._settings.max_chunks]),
            origins=tuple(origins),
            cut=found.cut or len(chunks) > self._settings.max_chunks,
        )

    async def _extract(self, data: bytes, name: str, kind: DocumentKind) -> Extracted:
        timeout_s = self._settings.parse_timeout_s
        if kind == "pdf":
            return await pdf_of(data, name, timeout_s)
        text = (await asyncio.to_thread(text_of, data)).replace("\0", " ")
        if kind == "html":
            return await html_of(text, name, timeout_s)
        blocks = await asyncio.to_thread(lambda: tuple(_BLOCKS[kind](text)))
        return Extracted("", blocks)

    def _chunks(self, found: Extracted, title: str) -> list[Chunk]:
        """Pack the blocks, one chunk more than are kept."""
        return list(islice(pack(found.blocks, title), self._settings.max_chunks + 1))

    def _bytes_of(self, path: Path) -> bytes:
        most = max(self._settings.file_bytes, self._settings.text_bytes)
        try:
            fd = os.open(path, _FLAGS)
            with os.fdopen(fd, "rb") as file:
                about = os.fstat(fd)
                if not stat.S_ISREG(about.st_mode):
                    raise unreadable(f"{path} is no file")
                if about.st_size > most:
                    raise _too_large(path.name, most)
                return file.read(most)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise unreadable(f"{path} cannot be read: {reason}") from error


def _decoded(answer: WebAnswer) -> bytes:
    """Return what was said in UTF-8 if the server names another charset, else as it came."""
    told = "charset=" in answer.content_type.lower() and answer.text
    is_text = b"\0" not in answer.body[:_LOOKED_AT] and not is_pdf(answer.body)
    return answer.text.encode(errors="replace") if told and is_text else answer.body


def _too_large(name: str, most: int) -> MemoryError:
    return unreadable(
        f"{name} is larger than {most >> 20} MiB; take in a part of it", code="document_too_large"
    )
