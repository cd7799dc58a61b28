"""Markdown as blocks."""

from __future__ import annotations

import pytest

from ruster.memory.documents.markdown import markdown_blocks
from ruster.memory.documents.packing import Block

GUIDE = """\
Before any
heading.

# Guide #

Intro.

Install
-------
Run `make`:

```sh
# no heading
make install

```
- one
- two
  more

### Deep
text
## Other
***
1. first

~~~
open to the end
## still code
"""


def test_headings_paragraphs_lists_and_code() -> None:
    assert list(markdown_blocks(GUIDE)) == [
        Block("Before any heading."),
        Block("Intro.", ("Guide",)),
        Block("Run `make`:", ("Guide", "Install")),
        Block("# no heading\nmake install\n", ("Guide", "Install"), by_lines=True),
        Block("- one\n- two\n  more", ("Guide", "Install"), by_lines=True),
        Block("text", ("Guide", "Install", "Deep")),
        Block("***\n1. first", ("Guide", "Other"), by_lines=True),
        Block("open to the end\n## still code\n", ("Guide", "Other"), by_lines=True),
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "#", "# ", "---", "```", "\0", "=\n=", "#" * 100])
def test_odd_texts_are_read_somehow(text: str) -> None:
    assert all(block.text for block in markdown_blocks(text))


@pytest.mark.parametrize("line", ["# ", "> ", "```\n", "- " * 20, "[" * 50, "*" * 200, "=\n"])
def test_large_texts_of_any_line_are_read(line: str) -> None:
    text = line * (1_000_000 // len(line))

    assert sum(len(block.text) for block in markdown_blocks(text)) <= len(text)


def test_headings_without_text_are_texts() -> None:
    text = "# Plan\n## Buy milk\n## Call Ann\n### Today\n# Done"

    assert list(markdown_blocks(text)) == [
        Block("Buy milk", ("Plan",)),
        Block("Today", ("Plan", "Call Ann")),
        Block("Done"),
    ]


def test_a_paragraph_that_looks_like_a_heading_is_none() -> None:
    text = "# " + "word " * 100

    assert list(markdown_blocks(text)) == [Block(text.strip())]


def test_lines_of_other_systems_are_lines() -> None:
    assert list(markdown_blocks("# A\r\ntext\r\n")) == [Block("text", ("A",))]
