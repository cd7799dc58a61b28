"""Documents taken into a memory, and taken in again: only what has changed is read.

A document's words may be anybody's. Unless they are said to be the user's own, each piece names its
file or web server as its origin.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ruster.core.errors import MemoryError
from ruster.core.memory import Layer, Record
from ruster.core.web import WebAnswer
from ruster.memory.documents.document import Document, digest_of
from ruster.memory.documents.reading import DocumentReader
from ruster.memory.documents.settings import DocumentSettings
from ruster.memory.documents.walking import documents_in
from ruster.memory.store import MemoryStore

__all__ = ["Intake", "Labels", "Taken", "Tell"]

Tell = Callable[[str, int, int], Awaitable[None]]
"""Is told what is read now, how many files are done, and how many there are."""

_MAX_TOLD = 100
_ORIGIN_CHARS = 256
_NO_TEXT = frozenset({"document_empty", "document_unknown"})


@dataclass(frozen=True, slots=True)
class Labels:
    """What all pieces of a document have."""

    layer: Layer = Layer.ASSETS
    tags: Sequence[str] = ()
    project: str = ""
    session: str = ""
    pinned: bool = False
    trusted: bool = False


@dataclass(slots=True)
class Taken:
    """What became of documents; ``pieces`` are those of what was added and changed.

    ``failed`` has the reasons of the first hundred ``failures``. ``more``: not all was taken in.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    pieces: int = 0
    failures: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    more: bool = False

    def fail(self, source: str, why: str) -> None:
        """Note that a document could not be read."""
        self.failures += 1
        if len(self.failed) < _MAX_TOLD:
            self.failed[source] = why


class Intake:
    """Takes documents in. Methods raise MemoryError as ``DocumentReader`` does, StorageError."""

    def __init__(self, settings: DocumentSettings | None = None) -> None:
        self._settings = settings or DocumentSettings()
        self._reader = DocumentReader(self._settings)

    async def path(self, store: MemoryStore, path: Path, labels: Labels, tell: Tell) -> Taken:
        """Take in a file, or all documents below a folder; forget those whose files are gone."""
        if not await asyncio.to_thread(path.is_dir):
            taken = Taken()
            known = await store.documents.known(str(path))
            await self._file(store, path, labels, known.get(str(path)), taken)
        else:
            taken = await self._folder(store, path, labels, tell)
        if taken.changed or taken.removed:
            await store.wipe()
        return taken

    async def text(self, store: MemoryStore, name: str, text: str, labels: Labels) -> Taken:
        """Take in a document that is no file, in place of one of the same name."""
        origins = () if labels.trusted else (f"document:{name}"[:_ORIGIN_CHARS],)
        data = text.encode(errors="replace")
        document = await self._reader.read_bytes(data, name, name, origins=origins)
        return await self._whole(store, name, document, labels)

    async def page(self, store: MemoryStore, url: str, answer: WebAnswer, labels: Labels) -> Taken:
        """Take in what a server says at ``url``, in place of what it said before.

        It has changed if what is read of it has: what pages hold for programs changes all the time.
        """
        document = await self._reader.read_page(answer)
        text = "\0".join(chunk.whole for chunk in document.chunks)
        origins = () if labels.trusted else document.origins
        document = replace(
            document, digest=digest_of(text.encode(errors="replace")), origins=origins
        )
        return await self._whole(store, url, document, labels)

    async def _whole(
        self, store: MemoryStore, source: str, document: Document, labels: Labels
    ) -> Taken:
        """Keep a document that was read, unless it is known as it is."""
        taken = Taken()
        known = await store.documents.known(source)
        if known.get(source) == _digest(document.digest, labels):
            taken.unchanged = 1
            return taken
        await _keep(store, source, document, labels, taken)
        if taken.changed:
            await store.wipe()
        return taken

    async def _folder(self, store: MemoryStore, folder: Path, labels: Labels, tell: Tell) -> Taken:
        files, more = await asyncio.to_thread(documents_in, folder, self._settings.max_files)
        taken = Taken(more=more)
        known = await store.documents.known(str(folder))
        for done, file in enumerate(files):
            await tell(file.name, done, len(files))
            try:
                await self._file(store, file, labels, known.get(str(file)), taken)
            except MemoryError as error:
                taken.fail(str(file), error.message)
                if error.code in _NO_TEXT and str(file) in known:  # it had some
                    await store.documents.replace(str(file), "", ())
                    taken.removed += 1
        for source in await asyncio.to_thread(_gone, known.keys() - set(map(str, files))):
            await store.documents.replace(source, "", ())
            taken.removed += 1
        return taken

    async def _file(
        self, store: MemoryStore, file: Path, labels: Labels, known: str | None, taken: Taken
    ) -> None:
        digest = await self._reader.digest_of_file(file)
        if known == _digest(digest, labels):
            taken.unchanged += 1
            return
        origins = () if labels.trusted else (f"file:{file}"[:_ORIGIN_CHARS],)
        document = await self._reader.read_file(file, origins)
        await _keep(store, str(file), document, labels, taken)


async def _keep(
    store: MemoryStore, source: str, document: Document, labels: Labels, taken: Taken
) -> None:
    pieces = [
        Record(
            chunk.whole,
            layer=labels.layer,
            tags=tuple(labels.tags),
            project=labels.project,
            session=labels.session,
            pinned=labels.pinned,
            origins=document.origins,
        )
        for chunk in document.chunks
    ]
    if await store.documents.replace(source, _digest(document.digest, labels), pieces):
        taken.changed += 1
    else:
        taken.added += 1
    taken.pieces += len(pieces)
    taken.more |= document.cut


def _digest(content: str, labels: Labels) -> str:
    """Return what changes when a document's content does, or what its pieces are to have."""
    plain = json.dumps(asdict(labels) | {"tags": list(labels.tags)})
    return f"{content}-{hashlib.sha256(plain.encode()).hexdigest()[:16]}"


def _gone(sources: set[str]) -> list[str]:
    """Return those that are on the disk no more (blocks)."""
    return sorted(source for source in sources if not os.path.lexists(source))
