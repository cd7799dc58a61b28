"""The documents in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.core.errors import MemoryError
from ruster.memory.documents.walking import documents_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a project."""
    for name in (
        "README.md",
        "src/a.py",
        "src/deep/b.rs",
        "photo.jpg",
        ".git/config.txt",
        ".hidden.md",
        "node_modules/x/index.js",
        "docs/z.pdf",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tmp_path / "link.md").symlink_to(tmp_path / "README.md")
    (tmp_path / "src" / "up").symlink_to(tmp_path)
    return tmp_path


def test_documents_are_found_and_other_things_left_out(folder: Path) -> None:
    found, more = documents_in(folder, 100)

    assert [str(path.relative_to(folder)) for path in found] == [
        "README.md",
        "docs/z.pdf",
        "src/a.py",
        "src/deep/b.rs",
    ]
    assert not more


def test_files_beyond_the_bound_are_told(folder: Path) -> None:
    assert len(documents_in(folder, 4)[0]) == 4
    assert not documents_in(folder, 4)[1]
    found, more = documents_in(folder, 3)
    assert len(found) == 3
    assert more


@pytest.mark.parametrize("name", ["none", "README.md", "a\0b"])
def test_what_is_no_folder_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(MemoryError) as raised:
        documents_in(folder / name, 10)
    assert raised.value.code == "document_unreadable"
