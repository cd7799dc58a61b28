"""What stands in PDFs and web pages, read in a process that can be killed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ruster.core.errors import ToolError
from ruster.memory.documents.document import unreadable
from ruster.memory.documents.markdown import markdown_blocks
from ruster.memory.documents.packing import Block
from ruster.memory.documents.prose import page_blocks
from ruster.sandbox.child import Ended, run_child

__all__ = ["Extracted", "html_of", "pdf_of"]

_PDF = "ruster.memory.documents.programs.pdf_pages"
_HTML = "ruster.sandbox.programs.readable"


@dataclass(frozen=True, slots=True)
class Extracted:
    """The title, if there is one, and the blocks; ``cut`` says that there was more."""

    title: str
    blocks: tuple[Block, ...]
    cut: bool = False


async def pdf_of(data: bytes, name: str, timeout_s: float) -> Extracted:
    """Read a PDF; raises MemoryError (``document_unreadable``). What was read in time is kept."""
    ended = await _run(name, _PDF, {}, timeout_s, data)
    title = ""
    blocks: list[Block] = []
    for line in ended.text.split("\n")[:-1]:
        said = json.loads(line)
        if "page" not in said:
            title = said["title"]
            continue
        blocks += page_blocks(said["text"], (*said["headings"], f"page {said['page']}"))
    whole = ended.text.endswith("\n") and not ended.failure
    if not title and not blocks and not whole:
        raise unreadable(f"{name} cannot be read: {_why(ended, timeout_s)}")
    return Extracted(title, tuple(blocks), cut=ended.timed_out or not whole)


async def html_of(page: str, name: str, timeout_s: float) -> Extracted:
    """Read a web page; raises MemoryError (``document_unreadable``)."""
    ended = await _run(name, _HTML, {"html": page, "fenced": True}, timeout_s)
    if ended.timed_out or ended.failure:
        raise unreadable(f"{name} cannot be read: {_why(ended, timeout_s)}")
    title, _, text = ended.text.partition("\n")
    return Extracted(title, tuple(markdown_blocks(text)))


async def _run(
    name: str, program: str, request: dict[str, object], timeout_s: float, data: bytes | None = None
) -> Ended:
    libraries = () if data is None else ("pypdf",)
    try:
        return await run_child(
            program, request, timeout_s, attachment=data or b"", libraries=libraries
        )
    except ToolError as error:
        raise unreadable(f"{name} cannot be read: {error.message}") from error


def _why(ended: Ended, timeout_s: float) -> str:
    return f"it takes more than {timeout_s:g} s" if ended.timed_out else ended.failure
