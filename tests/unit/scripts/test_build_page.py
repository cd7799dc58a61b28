"""The web page is what its sources make."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from scripts.build_page import PAGE, SCRIPTS, SOURCES, STYLES, joined, main


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == joined(), "run python -m scripts.build_page"
    assert main(["--check"]) == 0


def test_every_source_is_in_the_page() -> None:
    assert {path.stem for path in (SOURCES / "js").iterdir()} == set(SCRIPTS)
    assert {path.stem for path in (SOURCES / "css").iterdir()} == set(STYLES)


def test_the_page_asks_nobody_else_and_parses_no_text_as_markup() -> None:
    page = joined()
    assert re.findall(r"\b(?:src|href)=\"(?!data:)", page) == []
    assert set(re.findall(r"https?://[\w.]+", page)) == {"http://www.w3.org"}  # a namespace
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", page) == []
    )
    assert re.findall(r"new Function|@import|url\(|<[^>]+ (?:on\w+|style)=", page) == []
    assert page.count("<script>") == page.count("<style>") == 1


@pytest.mark.parametrize("text", ["// </script>", "// </SCRIPT>", "// <!-- x"])
def test_a_source_that_would_end_its_element_is_refused(tmp_path: Path, text: str) -> None:
    shutil.copytree(SOURCES, tmp_path / "page")
    (tmp_path / "page" / "js" / "dom.js").write_text(text)
    with pytest.raises(ValueError, match="would stop reading"):
        joined(tmp_path / "page")
