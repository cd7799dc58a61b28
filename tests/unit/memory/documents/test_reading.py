"""Documents of every kind, whole, hostile, too large and empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.core.web import WebAnswer
from ruster.memory.documents.document import Document
from ruster.memory.documents.packing import MAX_WORDS, weigh
from ruster.memory.documents.reading import DocumentReader
from ruster.memory.documents.settings import DocumentSettings
from tests.fakes.pdf_file import pdf_file

PAGE = b"""<html><head><title>The manual</title></head><body><nav>menu</nav>
<h1>The manual</h1><p>Intro <b>bold</b>.</p><h2>Run</h2><pre># shell
make</pre><script>alert(1)</script></body>"""


def headers(document: Document) -> list[str]:
    return [chunk.header for chunk in document.chunks]


async def _refused(data: bytes, name: str, **settings: float) -> MemoryError:
    reader = DocumentReader(DocumentSettings.model_validate(settings))
    with pytest.raises(MemoryError) as raised:
        await reader.read_bytes(data, name, name)
    return raised.value


async def test_a_markdown_file(tmp_path: Path) -> None:
    path = tmp_path / "guide.md"
    path.write_text("# Guide\nHello.\n## Install\nRun make.\n", "utf-8")
    document = await DocumentReader().read_file(path, ["file:elsewhere"])

    assert document.kind == "markdown"
    assert document.source == str(path)
    assert document.title == "guide.md"
    assert document.origins == ("file:elsewhere",)
    assert [(chunk.header, chunk.text) for chunk in document.chunks] == [
        ("guide.md > Guide", "Hello."),
        ("guide.md > Guide > Install", "Run make."),
    ]


async def test_the_digest_changes_with_the_content_only(tmp_path: Path) -> None:
    reader = DocumentReader()
    path = tmp_path / "a.txt"
    path.write_text("one")
    first = (await reader.read_file(path)).digest
    path.touch()
    assert await reader.digest_of_file(path) == first
    path.write_text("two")
    assert await reader.digest_of_file(path) != first


async def test_code_has_the_names_of_definitions(tmp_path: Path) -> None:
    path = tmp_path / "store.py"
    path.write_text("class Store:\n    def open(self):\n        pass\n")

    assert headers(await DocumentReader().read_file(path)) == [
        "store.py > Store",
        "store.py > Store > open",
    ]


async def test_a_web_page_is_the_words_of_others() -> None:
    answer = WebAnswer(
        "https://example.com/manual", 200, "text/html; charset=utf-8", PAGE, "", "web:example.com"
    )
    document = await DocumentReader().read_page(answer)

    assert document.kind == "html"
    assert document.title == "The manual"
    assert document.source == "https://example.com/manual"
    assert document.origins == ("web:example.com",)
    assert [(chunk.header, chunk.text) for chunk in document.chunks] == [
        ("The manual", "Intro bold."),
        ("The manual > Run", "# shell\nmake"),
    ]


async def test_a_page_that_is_not_there_is_refused() -> None:
    answer = WebAnswer("https://example.com/", 404, "text/html", PAGE, "", "web:example.com")

    with pytest.raises(MemoryError, match="status 404"):
        await DocumentReader().read_page(answer)


async def test_a_pdf_has_pages_and_headings() -> None:
    pages = [["First page, which goes", "on in an exam-", "ple."], ["Second."], ["Third."]]
    data = pdf_file(pages, title="The book", outline=[("Start", 0), ("End", 2)])
    document = await DocumentReader().read_bytes(data, "book.pdf", "book.pdf")

    assert document.kind == "pdf"
    assert document.title == "The book"
    assert not document.cut
    assert [(chunk.header, chunk.text) for chunk in document.chunks] == [
        ("The book > Start > page 1", "First page, which goes on in an example."),
        ("The book > Start > page 2", "Second."),
        ("The book > End > page 3", "Third."),
    ]


async def test_long_documents_are_cut_into_short_chunks() -> None:
    lines = [["word"] * 60 for _ in range(3)]
    for data, name in (
        (b"word " * 5000, "a.txt"),
        (b"<p>" + b"word " * 5000, "a.html"),
        (pdf_file([[" ".join(line)] for line in lines]), "a.pdf"),
    ):
        document = await DocumentReader().read_bytes(data, name, name)
        assert all(0 < weigh(chunk.text) <= MAX_WORDS for chunk in document.chunks)


async def test_pieces_beyond_the_bound_are_left_out() -> None:
    reader = DocumentReader(DocumentSettings(max_chunks=2))
    document = await reader.read_bytes(b"word " * 5000, "a.txt", "a.txt")

    assert len(document.chunks) == 2
    assert document.cut


@pytest.mark.parametrize("data", [b"", b" \n", b"<html></html>", pdf_file([[], []])])
async def test_documents_without_text_are_told(data: bytes) -> None:
    assert (await _refused(data, "a")).code == "document_empty"


async def test_documents_that_are_too_large_are_refused(tmp_path: Path) -> None:
    small = {"text_bytes": 1024, "file_bytes": 2048}
    for data, name in ((b"x" * 1025, "a.txt"), (b"<html>" + b"x" * 2048, "a.html")):
        assert (await _refused(data, name, **small)).code == "document_too_large"
    path = tmp_path / "sparse.txt"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(MemoryError) as raised:
        await DocumentReader().read_file(path)
    assert raised.value.code == "document_too_large"


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.4\n",
        b"%PDF-1.4\n" + bytes(range(256)) * 40,
        pdf_file([["text"]])[:300],
        pdf_file([["text"]]).replace(b"/Pages 2 0 R", b"/Pages 1 0 R"),
        pdf_file([["text"]]).replace(b"/Kids [6 0 R]", b"/Kids [2 0 R]"),
    ],
)
async def test_damaged_pdfs_are_one_typed_error(data: bytes) -> None:
    error = await _refused(data, "a.pdf")

    assert error.code in ("document_unreadable", "document_empty")
    assert "a.pdf" in error.message


@pytest.mark.parametrize(
    "data",
    [
        pdf_file([["x" * 90] * 30_000] * 40),
        pdf_file([["bomb"]]).replace(b"<< /Length", b"<< /Filter /FlateDecode /Length"),
        b"%PDF-1.4\n1 0 obj\n" + b"[" * 300_000,
        b"<html>" + b"<div>" * 2_000_000,
        b"<html><a " + b"x=1 " * 5_000_000,
        b"<html>" + b"<![CDATA[" * 500_000,
        b"<html><!--" + b"-" * 5_000_000,
    ],
    ids=["long", "filter", "deep", "tags", "attributes", "cdata", "comment"],
)
async def test_hostile_documents_end_within_their_bounds(data: bytes) -> None:
    settings = DocumentSettings(parse_timeout_s=1, file_bytes=1 << 28, max_chunks=500)
    code, chunks = "", 0
    try:
        chunks = len((await DocumentReader(settings).read_bytes(data, "a", "a")).chunks)
    except MemoryError as error:
        code = error.code

    assert 0 < chunks <= 500 or code in ("document_unreadable", "document_empty")


async def test_a_document_that_takes_too_long_is_given_up() -> None:
    page = b"<html>" + b"<p>x" * 1_000_000
    error = await _refused(page, "a.html", parse_timeout_s=0.2)

    assert error.code == "document_unreadable"
    assert "0.2 s" in error.message


async def test_pages_that_were_read_in_time_are_kept() -> None:
    slow = ["x" * 20] * 60_000
    data = pdf_file([["first"], *([slow] * 3)])
    document = await DocumentReader(DocumentSettings(parse_timeout_s=4)).read_bytes(
        data, "a.pdf", "a.pdf"
    )

    assert document.cut
    assert document.chunks[0].text == "first"


async def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    for path in (tmp_path / "pipe.txt", tmp_path, tmp_path / "none.txt", Path("a\0b")):
        with pytest.raises(MemoryError) as raised:
            await DocumentReader().read_file(path)
        assert raised.value.code == "document_unreadable"


async def test_odd_characters_do_no_harm() -> None:
    data = "a\u202eb \ud800 c\x1b[31m".encode(errors="surrogatepass")
    document = await DocumentReader().read_bytes(data, "x\n\0.md", "x\n\0.md")

    assert document.chunks[0].header == "x .md"
    document.chunks[0].whole.encode()
