"""One fixture file: a title, a section ``Prompt``, maybe ``System``, and a list ``Expect``.

An expectation is one of::

    - contains: Paris
    - contains any: Paris | paris
    - lacks: London
    - matches: ^The capital
    - thinks: river
    - calls: time_now
    - ends: stop
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Fixture", "FixtureError", "Said", "read_fixture"]

_SECTION = re.compile(r"^## +(\w+) *$", re.MULTILINE)
_EXPECTATION = re.compile(r"^- ([a-z ]+): (.+)$")


class FixtureError(Exception):
    """A fixture file, or its place, makes no sense."""


@dataclass
class Said:
    """What a model answered."""

    text: str = ""
    thought: str = ""
    calls: list[str] = field(default_factory=list)
    reason: str = ""


_CHECKS: dict[str, Callable[[Said, str], bool]] = {
    "contains": lambda said, wanted: wanted in said.text,
    "contains any": lambda said, wanted: any(
        word.strip() in said.text for word in wanted.split("|")
    ),
    "lacks": lambda said, wanted: wanted not in said.text,
    "matches": lambda said, wanted: re.search(wanted, said.text) is not None,
    "thinks": lambda said, wanted: wanted in said.thought,
    "calls": lambda said, wanted: wanted in said.calls,
    "ends": lambda said, wanted: said.reason == wanted,
}


@dataclass(frozen=True)
class Fixture:
    """A question to one model: ``org/repo`` in ``quant``."""

    org: str
    repo: str
    quant: str
    prompt: str
    system: str
    expectations: tuple[tuple[str, str], ...]

    @property
    def model(self) -> str:
        """The model as the store knows it."""
        return f"{self.org}/{self.repo}:{self.quant}"

    def unmet(self, said: Said) -> Iterator[str]:
        """Name the expectations that an answer does not meet."""
        for kind, wanted in self.expectations:
            if not _CHECKS[kind](said, wanted):
                yield f"{kind}: {wanted}"


def read_fixture(path: Path, root: Path) -> Fixture:
    """Read a file below ``root``; raises FixtureError."""
    places = path.relative_to(root).parts
    if len(places) != 4:
        raise FixtureError(f"{path}: a fixture lies at ORG/REPO/QUANT/TEST.md below {root}")
    sections = _sections(path)
    prompt = sections.pop("Prompt", "")
    if not prompt:
        raise FixtureError(f"{path}: there is no section '## Prompt' with a text")
    system = sections.pop("System", "")
    expectations = tuple(_expectations(path, sections.pop("Expect", "")))
    if sections:
        raise FixtureError(f"{path}: unknown sections {sorted(sections)}")
    if not expectations:
        raise FixtureError(f"{path}: it expects nothing, so it cannot fail")
    return Fixture(*places[:3], prompt, system, expectations)


def _sections(path: Path) -> dict[str, str]:
    _, *parts = _SECTION.split(path.read_text("utf-8"))
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _expectations(path: Path, text: str) -> Iterator[tuple[str, str]]:
    for line in filter(None, text.splitlines()):
        match = _EXPECTATION.match(line)
        if match is None or match[1] not in _CHECKS:
            raise FixtureError(f"{path}: {line!r} is no expectation; known: {sorted(_CHECKS)}")
        yield match[1], match[2].strip()
