"""Code as blocks: each definition with what stands around it, found by its first line.

One set of rules for many languages: a definition begins with a keyword or looks like a function
with a brace, and what is inside is further to the right. A wrong guess costs a header, no text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruster.memory.documents.packing import Block

__all__ = ["code_blocks"]

_LINE_CHARS = 300
_KEYWORD = re.compile(
    r"(?:(?:export|default|public|private|protected|static|async|final|abstract|pub(?:\(\w+\))?|"
    r"unsafe|extern|inline|virtual|override|open|data|sealed|internal|suspend|partial|declare)\s+)*"
    r"(?:def|class|fn|func|function|struct|enum|impl|trait|interface|module|namespace|object|record|"
    r"union|sub|proc|procedure|type|mod|protocol|extension|contract)\b[\s*]*"
    r"(?:\([^()]*\)\s*)?(?:<[^<>]*>\s*)?(?P<name>[A-Za-z_$][\w$]*)"
)
_ASSIGNED = re.compile(
    r"(?:export\s+)?(?:const|let|var)\s+(?P<name>[\w$]+)\s*=\s*(?:async\s*)?"
    r"(?:function\b|\([^()]*\)\s*=>|[\w$]+\s*=>)"
)
_BEFORE_PAREN = re.compile(r"[\w$:<>,*&~\[\] \t]+$")
_MARKS = frozenset("(){}<>=:;")
_CONTROL = (
    "if for while switch catch return else do try with when match case new throw until foreach "
    "synchronized using lock elif except unless loop select"
)
_NO_FUNCTION = frozenset(_CONTROL.split())
_LEADING = ("#", "//", "/*", "*", "@", "--", ";;")
_CLOSING = ("}", ")", "]", "end", "{")


def code_blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a program, each with the definitions it stands in."""
    lines = text.split("\n")
    open_: list[tuple[int, str]] = []
    held: list[str] = []
    for at, line in enumerate(lines):
        bare = line.strip()
        name = _defined(bare[:_LINE_CHARS], lines[at + 1] if at + 1 < len(lines) else "")
        indent = _indent(line)
        if name is None and bare and not _continues(bare) and _leaves(open_, indent):
            yield from _block(held, open_)
            held = []
            open_ = [it for it in open_ if it[0] < indent]
        if name is not None:
            lead = _lead(held)
            yield from _block(held[: len(held) - lead], open_)
            held = held[len(held) - lead :]
            open_ = [*(it for it in open_ if it[0] < indent), (indent, name)]
        held.append(line.rstrip())
    yield from _block(held, open_)


def _block(lines: list[str], open_: list[tuple[int, str]]) -> Iterator[Block]:
    if any(line.strip() for line in lines):
        yield Block("\n".join(lines), tuple(name for _, name in open_), by_lines=True)


def _defined(bare: str, following: str) -> str | None:
    """Return the name that a line defines, if it defines one."""
    found = _KEYWORD.match(bare) or _ASSIGNED.match(bare)
    if found and (_MARKS & set(bare) or bare.endswith(found["name"])):  # no sentence is like that
        return found["name"]
    before, paren, _ = bare.partition("(")
    opens = bare.endswith("{") or (bare.endswith(")") and following.strip() == "{")
    if not paren or not opens or not _BEFORE_PAREN.match(before):
        return None
    words = before.split()
    if not words or _NO_FUNCTION & {words[0], words[-1]}:
        return None
    return words[-1].lstrip("*&")


def _leaves(open_: list[tuple[int, str]], indent: int) -> bool:
    return bool(open_) and indent <= open_[-1][0]


def _continues(bare: str) -> bool:
    """Tell lines that do not end a definition, although they are as far to the left as it is."""
    is_label = bare.endswith(":") and bare[:-1].isidentifier()
    return is_label or bare.startswith((*_CLOSING, *_LEADING))


def _lead(lines: list[str]) -> int:
    """Count the comments and decorators at the end: they belong to what follows."""
    count = 0
    for line in reversed(lines):
        if not line.strip().startswith(_LEADING):
            break
        count += 1
    return count


def _indent(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
