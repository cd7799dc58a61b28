"""What is valid, against the validator of the standard: the corpus, generated skills, and every
difference that is meant.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skills_ref.validator import validate

from ruster.core.skills import Severity
from ruster.skills.reading import read_skill

CORPUS = Path(__file__).resolve().parents[2] / "skills"
FOLDERS = sorted(it for it in CORPUS.glob("*/*") if it.is_dir())

GOOD = "name: ab\ndescription: Does it.\n"
DIFFERENCES = {
    # Ours takes what the standard allows, or says nothing of, and the validator refuses.
    "a field beyond the standard": ("ab", f"---\n{GOOD}version: 2\n---\n", True),
    "flow style": ("ab", f"---\n{GOOD}metadata: {{a: b}}\n---\n", True),
    "a byte order mark": ("ab", f"\ufeff---\n{GOOD}---\n", True),
    "hyphens in a value": ("ab", "---\ndescription: a --- b\nname: ab\n---\n", True),
    "an end of line beyond the limit": (
        "ab",
        "---\nname: ab\ndescription: |\n  " + "d" * 1024 + "\n---\n",
        True,
    ),
    # Ours refuses, or ignores and tells, what the validator does not look at.
    "letters beyond a to z": ("é", "---\nname: é\ndescription: Does it.\n---\n", False),
    "wide letters": ("ab", "---\nname: \uff41\uff42\ndescription: Does it.\n---\n", False),
    "a licence that is a list": ("ab", f"---\n{GOOD}license:\n  - MIT\n---\n", False),
    "metadata that is no map": ("ab", f"---\n{GOOD}metadata: none\n---\n", False),
    "allowed tools that are a map": ("ab", f"---\n{GOOD}allowed-tools:\n  a: b\n---\n", False),
    "control characters": ("ab", '---\nname: ab\ndescription: "a\\u0007b"\n---\n', False),
    "a first line that goes on": ("ab", f"--- # head\n{GOOD}---\n", False),
    "a last line that goes on": ("ab", f"---\n{GOOD}---x\n", False),
}
"""A folder's name, its file, and whether it is valid to us; the validator says the contrary."""


def ours(folder: Path) -> bool:
    return all(it.severity is Severity.WARNING for it in read_skill(folder).problems)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda it: f"{it.parent.name}-{it.name[:20]}")
def test_the_reference_validator_says_the_same(folder: Path) -> None:
    meant = folder.name == "bad-tools"  # see DIFFERENCES
    assert ours(folder) == (not validate(folder) and not meant)
    assert ours(folder) == (folder.parent.name == "valid")


@pytest.mark.parametrize(("name", "text", "valid"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_difference_that_is_meant(name: str, text: str, valid: bool, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "SKILL.md").write_text(text, "utf-8")
    assert ours(tmp_path / name) is valid
    assert (not validate(tmp_path / name)) is not valid


# What is written is all that the standard speaks of, good and bad, but for the differences.

_NAMES = st.one_of(
    st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,3}){0,2}", fullmatch=True),
    st.text("ab9-", min_size=1, max_size=6),
    st.text("ab9-A_ .", min_size=1, max_size=6).filter(lambda it: it.strip(" .") != ""),
    st.integers(62, 67).map(lambda size: "n" * size),
    st.sampled_from(["true", "null", "12", "1e3", "0x1f", "2020-01-01", "on"]),
)
_WORDS = st.text("abcXYZ 09.,;()é字'\"\\/?+=~", max_size=20)
_TEXTS = st.one_of(_WORDS, st.sampled_from([1023, 1024, 1025]).map(lambda size: "d" * size))
_NEEDS = st.one_of(_WORDS, st.sampled_from([499, 500, 501]).map(lambda size: "c" * size))
_MAPS = st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), _WORDS, min_size=1)
_LISTS = st.lists(_WORDS, min_size=1, max_size=3)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@st.composite
def _scalars(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """Write a text without quotes where that can be done, or with some."""
    text = draw(texts)
    plain = text.strip() == text != "" and text[0] not in "'\"?-,=~" and not text.endswith(".")
    styles = [_quoted(text), "'" + text.replace("'", "''") + "'"]
    return draw(st.sampled_from([*styles, text] if plain else styles))


def _maps(maps: st.SearchStrategy[dict[str, str]]) -> st.SearchStrategy[str]:
    return maps.map(lambda it: "".join(f"\n  {key}: {_quoted(text)}" for key, text in it.items()))


def _lists(lists: st.SearchStrategy[list[str]]) -> st.SearchStrategy[str]:
    return lists.map(lambda it: "".join(f"\n  - {_quoted(text)}" for text in it))


_ODD = st.one_of(_maps(_MAPS), _lists(_LISTS), st.sampled_from(["", "&a b", "*a", "!!str a"]))
_OPTIONAL = {
    "license": _scalars(_WORDS),
    "compatibility": st.one_of(_scalars(_NEEDS), _scalars(_NEEDS), _ODD),
    "metadata": _maps(_MAPS),
    "allowed-tools": st.one_of(_scalars(_WORDS), _lists(_LISTS)),
}


@st.composite
def _skills(draw: st.DrawFn) -> tuple[str, str]:
    """Make a skill with at most a few faults: its folder's name and its file."""
    faults = draw(st.sets(st.sampled_from(["name", "other", "odd", "text", "gone", "twice"])))
    faults = faults if len(faults) < 3 else set()
    folder = draw(_NAMES)
    name = draw(_NAMES) if "other" in faults else folder
    fields = [
        ("name", draw(_ODD) if "name" in faults else draw(_scalars(st.just(name)))),
        ("description", draw(_ODD) if "odd" in faults else draw(_scalars(st.just("Does it.")))),
    ]
    if "text" in faults:
        fields[1] = ("description", draw(_scalars(_TEXTS)))
    further = draw(st.sets(st.sampled_from(sorted(_OPTIONAL))))
    fields += [(key, draw(_OPTIONAL[key])) for key in sorted(further)]
    if "gone" in faults:
        fields.pop(draw(st.integers(0, len(fields) - 1)))
    if "twice" in faults:
        fields.append(draw(st.sampled_from(fields)))
    head = "".join(f"{key}: {value}\n" for key, value in draw(st.permutations(fields)))
    return folder, f"---\n{head}---\n{draw(_WORDS)}\n"


@settings(max_examples=300, deadline=None)
@given(_skills())
def test_generated_skills_are_judged_alike(skill: tuple[str, str]) -> None:
    name, text = skill
    with TemporaryDirectory() as root:
        folder = Path(root) / name
        folder.mkdir()
        (folder / "SKILL.md").write_text(text, "utf-8")
        faults = validate(folder)
        assert ours(folder) == (not faults), (text, faults, read_skill(folder).problems)


def test_generated_skills_are_of_both_kinds() -> None:
    """Hold that the property above is not about broken skills alone."""
    seen: set[bool] = set()

    @settings(max_examples=100, deadline=None, database=None, derandomize=True)
    @given(_skills())
    def judge(skill: tuple[str, str]) -> None:
        with TemporaryDirectory() as root:
            folder = Path(root) / skill[0]
            folder.mkdir()
            (folder / "SKILL.md").write_text(skill[1], "utf-8")
            seen.add(ours(folder))

    judge()
    assert seen == {True, False}
