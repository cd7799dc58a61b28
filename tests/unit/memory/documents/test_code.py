"""Code as blocks: definitions of many languages found by their first lines."""

from __future__ import annotations

import pytest

from ruster.memory.documents.code import code_blocks

PYTHON = """\
import os

LIMIT = 3

# Reads things.
class Reader:
    limit = LIMIT

    @property
    def name(self) -> str:
        if os.name:
            return "x"
        return "the type of the thing"

    async def read(self, path):
        return path

def main():
    Reader().read(".")

main()
"""
RUST = """\
use std::io;

/// Parses.
pub fn parse<'a>(text: &'a str) -> Result<(), Error> {
    if text.is_empty() {
        return Ok(());
    }
}

impl<T> Store<T> {
    pub(crate) async fn open(path: &Path) -> Self {
        loop {}
    }
}
"""
C = """\
#include <stdio.h>

static int
count;

int add(int a, int b)
{
    for (int i = 0; i < b; i++) {
        a++;
    }
    return a;
}

struct point {
    int x;
};
"""
SCRIPT = """\
export const add = (a, b) => {
  return a + b;
};
export default class Cart extends Base {
  total(items) {
    while (items) {
      items = next(items);
    }
  }
}
const x = 1;
"""
GO = """\
package main

func (r *Repo) Find(name string) error {
\tif name == "" {
\t\treturn nil
\t}
\treturn nil
}

type Repo struct {
\tpath string
}
"""


def told(text: str) -> list[tuple[str, str]]:
    """Return the path of each block with its first line."""
    return [
        (".".join(block.path), block.text.strip().partition("\n")[0]) for block in code_blocks(text)
    ]


def test_python() -> None:
    assert told(PYTHON) == [
        ("", "import os"),
        ("Reader", "# Reads things."),
        ("Reader.name", "@property"),
        ("Reader.read", "async def read(self, path):"),
        ("main", "def main():"),
        ("", "main()"),
    ]


def test_rust() -> None:
    assert told(RUST) == [
        ("", "use std::io;"),
        ("parse", "/// Parses."),
        ("Store", "impl<T> Store<T> {"),
        ("Store.open", "pub(crate) async fn open(path: &Path) -> Self {"),
    ]


def test_c() -> None:
    assert told(C) == [
        ("", "#include <stdio.h>"),
        ("add", "int add(int a, int b)"),
        ("point", "struct point {"),
    ]


def test_javascript() -> None:
    assert told(SCRIPT) == [
        ("add", "export const add = (a, b) => {"),
        ("Cart", "export default class Cart extends Base {"),
        ("Cart.total", "total(items) {"),
        ("", "const x = 1;"),
    ]


def test_go() -> None:
    assert told(GO) == [
        ("", "package main"),
        ("Find", "func (r *Repo) Find(name string) error {"),
        ("Repo", "type Repo struct {"),
    ]


@pytest.mark.parametrize("text", [PYTHON, RUST, C, SCRIPT, GO])
def test_no_line_is_lost(text: str) -> None:
    lines = [line for block in code_blocks(text) for line in block.text.split("\n")]

    assert lines == [line.rstrip() for line in text.split("\n")]


@pytest.mark.parametrize(
    "line",
    [
        "class ",
        "def f(" * 50,
        "(" * 3000,
        "a " * 2000 + "(",
        "<" * 500,
        " " * 500,
        "\t",
        "{\n",
        "x",
    ],
)
def test_large_texts_of_any_line_are_read(line: str) -> None:
    text = f"{line}\n" * (200_000 // len(line) + 1)

    assert sum(1 for _ in code_blocks(text)) < len(text)


def test_data_has_no_definitions() -> None:
    text = '{"type": "object",\n "class": {"name": "x"}}\ntype: yes\nclass,name,record\n'

    assert {path for path, _ in told(text)} == {""}
