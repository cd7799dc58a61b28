"""What a document is."""

from __future__ import annotations

import pytest

from ruster.core.errors import MemoryError
from ruster.memory.documents.kinds import kind_by_name, kind_of, text_of


@pytest.mark.parametrize(
    ("data", "name", "content_type", "kind"),
    [
        (b"# a", "a.md", "", "markdown"),
        (b"# a", "README", "text/markdown; charset=utf-8", "text"),
        (b"x", "a.PY", "", "code"),
        (b"x", "notes", "", "text"),
        (b"x", "notes", "text/markdown", "markdown"),
        (b"<p>", "a.html", "", "html"),
        (b" <!DOCTYPE HTML><p>", "page", "", "html"),
        (b"<p>", "page", "text/html; charset=utf-8", "html"),
        (b"%PDF-1.7\n\0", "a.txt", "", "pdf"),
        (b"\n%PDF-1.7\n\0", "a", "text/html", "pdf"),
        (b"no pdf at all", "a.pdf", "application/pdf", "text"),
        ("é".encode("utf-16"), "a.txt", "", "text"),
        (b"{}", "data", "application/json", "code"),
        (b"x", "page.php", "text/html", "code"),
    ],
)
def test_by_first_bytes_name_and_type(data: bytes, name: str, content_type: str, kind: str) -> None:
    assert kind_of(data, name, content_type) == kind


@pytest.mark.parametrize("data", [b"\x7fELF\0\0", b"PK\x03\x04\0", b"text\0text"])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(MemoryError, match=r"a\.txt is no text") as raised:
        kind_of(data, "a.txt")
    assert raised.value.code == "document_unknown"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é".encode(), "é"),
        (b"\xef\xbb\xbf\xc3\xa9", "é"),
        ("é".encode("utf-16"), "é"),
        (b"\xfe\xff\0\xe9", "é"),
        (b"caf\xe9 \x80", "café €"),
        (b"\xff\xfe\xe9", "\ufffd"),
    ],
)
def test_texts_of_any_encoding_are_read(data: bytes, text: str) -> None:
    assert text_of(data) == text


def test_names_of_no_documents() -> None:
    assert kind_by_name("photo.jpg") is None
    assert kind_by_name("LICENSE") == "text"
