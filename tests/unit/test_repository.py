"""The repository keeps its own rules: pins, scripts, generated pages, links, public names."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from scripts.field_docs import field_docs

from ruster.config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("Makefile", ".ci/run", ".githooks/pre-push", "packaging/arch/test.sh")
FORBIDDEN = {"requests", "aiohttp", "urllib3", "sqlite3"}
NOT_OURS = {".git", ".venv", "target", "dist", "build"}


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@cache
def ours(pattern: str) -> tuple[Path, ...]:
    """Return our files of a name pattern, below folders that are ours."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob(pattern))
    return tuple(sorted(path for path in found if not NOT_OURS & set(path.parts)))


def scripts() -> list[Path]:
    return [*(ROOT / name for name in SCRIPTS), *sorted((ROOT / "scripts").glob("*.sh"))]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {normal(name): version for name, version in pairs}


def requirements() -> list[str]:
    extras = project()["project"]["optional-dependencies"]
    own = project()["project"]["dependencies"]
    return [
        normal(re.split(r"[<>=\[; ]", text)[0])
        for text in (*own, *(text for extra in extras.values() for text in extra))
        if not text.startswith("ruster[")
    ]


def test_every_dependency_is_pinned() -> None:
    assert set(requirements()) <= pins().keys()


def test_pins_hold_names_and_versions_only() -> None:
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9][\w.-]*==[\w.+!-]+", line), line
        assert "://" not in line


def test_the_gitignore_says_why_the_pins_are_tracked() -> None:
    note = (ROOT / ".gitignore").read_text("utf-8")
    assert "NOTE: constraints.txt (the pinned versions) is tracked for development" in note
    assert "before publishing" in note


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.name)
def test_scripts_do_not_rely_on_the_systems_temporary_folder(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"(?<![\w.])/(var/)?tmp\b", text)
    assert not re.search(r"\bmktemp\b", text)


@pytest.mark.parametrize("path", [p for p in scripts() if p.suffix == ".sh"], ids=lambda p: p.name)
def test_scripts_set_their_temporary_folder(path: Path) -> None:
    assert "TMPDIR=" in path.read_text("utf-8")


@pytest.mark.parametrize("path", scripts()[1:], ids=lambda path: path.name)
def test_scripts_are_executable(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert path.read_text("utf-8").startswith("#!")


@pytest.mark.parametrize("path", scripts()[1:], ids=lambda path: path.name)
def test_scripts_pass_shellcheck(path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", ours("src/**/*.py"), ids=str)
def test_nothing_forbidden_is_imported(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert not imported & FORBIDDEN


def modules() -> list[Path]:
    """Return our modules; the scripts of skills are in a language of their own."""
    return [
        path
        for path in ours("src/**/*.py")
        if path.stem != "__main__" and "starter" not in path.parts
    ]


@pytest.mark.parametrize("path", modules(), ids=str)
def test_public_names_exist_and_are_sorted(path: Path) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    if not any(
        isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        for node in tree.body
    ):
        assert path.name == "__init__.py", f"{path} has no __all__"
        return
    parts = path.relative_to("src").with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("ruster"):
            raise
        pytest.skip(f"{error.name} is not installed")
    names = list(module.__all__)
    assert [name for name in names if not hasattr(module, name)] == []
    assert names == sorted(names, key=lambda it: (not it.isupper(), not it[0].isupper(), it))
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", ours("*.md"), ids=str)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / path).read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith("#"):
            continue
        assert (ROOT / path.parent / target.partition("#")[0]).exists(), target


def test_generated_pages_are_up_to_date() -> None:
    from scripts.generate_docs import PAGES, fill

    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        assert fill(text) == text, f"{page} is old; run `make docs`"


def test_a_change_of_a_model_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from scripts.generate_docs import fill

    from ruster.protocol.codes import ERROR_CODES

    monkeypatch.setitem(ERROR_CODES, "brand_new", "Something new.")
    text = (ROOT / "docs/protocol.md").read_text("utf-8")
    assert "brand_new" in fill(text)
    assert fill(text) != text


def sections(model: type[BaseModel]) -> list[type[BaseModel]]:
    kinds = (field.annotation for field in model.model_fields.values())
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


@pytest.mark.parametrize("model", [Settings, *sections(Settings)], ids=lambda it: it.__name__)
def test_every_setting_says_what_it_does(model: type[BaseModel]) -> None:
    nested = {n for n, f in model.model_fields.items() if f.annotation in sections(model)}
    assert set(model.model_fields) - nested <= set(field_docs(model))


def test_a_field_without_a_docstring_is_found() -> None:
    class Sample(BaseModel):
        told: int = 1
        """What it is."""
        untold: int = 2

    assert field_docs(Sample) == {"told": "What it is."}


def test_each_command_of_make_stands_once_and_is_declared() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^([a-z-]+):", text, re.MULTILINE)
    declared = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert declared is not None
    assert sorted(targets) == sorted(declared[1].split())
