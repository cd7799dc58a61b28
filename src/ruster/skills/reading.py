"""One skill from its files: a folder with SKILL.md, a descriptor, or a script alone.

A script alone is ``NAME.script.py``, or a folder with ``skill.py`` and no SKILL.md. Its head and
body stand in the comment it begins with::

    # ---
    # name: dice
    # description: Rolls dice. Use it when somebody wants a random number.
    # ---
    # Call it with the number of sides.
    def main(args):
        ...
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from ruster.core.errors import SkillError
from ruster.core.skills import Problem, Severity, Skill, SkillKind
from ruster.skills.fields import Fields
from ruster.skills.files import MAX_FILE_BYTES, BadFile, contained_file, read_text
from ruster.skills.frontmatter import BadHead, Head, read_yaml, split_document

__all__ = [
    "DESCRIPTOR_SUFFIX",
    "SCRIPT_FILE",
    "SCRIPT_SUFFIX",
    "SKILL_FILE",
    "Reading",
    "read_skill",
    "skill_file",
]

SKILL_FILE = "SKILL.md"
SCRIPT_FILE = "skill.py"
SCRIPT_SUFFIX = ".script.py"
DESCRIPTOR_SUFFIX = ".toml"
MAX_SCRIPT_BYTES = 128 * 1024
_MAX_BODY_LINES = 500
_MAX_BODY_TOKENS = 5000
_BYTES_PER_TOKEN = 4
_TOML_KEY = re.compile(r"\s*(?:\[+\s*)?([A-Za-z_-]+)\s*(?:=|\]|\.)")


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a skill: the skill unless a rule is broken, its body, what is wrong."""

    skill: Skill | None
    body: str = ""
    problems: tuple[Problem, ...] = ()


def skill_file(path: Path) -> Path | None:
    """Return the file that makes ``path`` a skill (blocks), or None if it is none."""
    if path.is_dir():
        for name in (SKILL_FILE, SKILL_FILE.lower(), SCRIPT_FILE):
            if (path / name).exists() or (path / name).is_symlink():
                return path / name
        return None
    if path.name in (SKILL_FILE, SCRIPT_FILE) or path.name.endswith(
        (SCRIPT_SUFFIX, DESCRIPTOR_SUFFIX)
    ):
        return path
    return None


def read_skill(path: Path) -> Reading:
    """Read the skill at ``path``, a folder or a file (blocks); what is wrong becomes problems."""
    file = skill_file(path)
    if file is None:
        reason = f"there is no {SKILL_FILE}, no {SCRIPT_FILE} and no descriptor"
        return Reading(None, problems=(Problem(str(path), None, reason),))
    single = file.name not in (SKILL_FILE, SKILL_FILE.lower(), SCRIPT_FILE)
    try:
        if not single and not file.resolve(strict=True).is_relative_to(file.parent.resolve()):
            raise BadFile("leads out of the skill's folder")
        limit = MAX_SCRIPT_BYTES if file.name.endswith(".py") else MAX_FILE_BYTES
        head, body = _parts(file, read_text(file, limit))
    except BadHead as error:
        return Reading(None, problems=(Problem(str(file), error.line, error.reason),))
    except (BadFile, OSError, RuntimeError) as error:
        return Reading(None, problems=(Problem(str(file), None, str(error)),))
    return _checked(file, head, body, single=single)


def _parts(file: Path, text: str) -> tuple[Head, str]:
    if file.name.endswith(DESCRIPTOR_SUFFIX):
        return _read_toml(text)
    if file.name.endswith(".py"):
        text = _leading_comment(text)
    head, body, first_line = split_document(text)
    return read_yaml(head, first_line), body


def _checked(file: Path, head: Head, body: str, *, single: bool) -> Reading:
    fields = Fields(head, str(file))
    expected = _stem(file) if single else file.parent.absolute().name
    folder = None if single else file.parent.resolve()
    script = _script(file, folder, fields)
    skill = Skill(
        name=fields.name(expected),
        description=fields.description(),
        kind=SkillKind.INSTRUCTIONS if script is None else SkillKind.SCRIPT,
        file=file,
        folder=folder,
        script=script,
        license=fields.license(),
        compatibility=fields.compatibility(),
        metadata=fields.metadata(),
        allowed_tools=fields.allowed_tools(),
        tools=fields.tools(),
    )
    _check_body(body, fields, str(file))
    return Reading(skill if fields.sound else None, body, tuple(fields.problems))


def _script(file: Path, folder: Path | None, fields: Fields) -> Path | None:
    """Find the skill's script: the file itself, the one that is named, or ``skill.py``."""
    named = fields.script()
    if file.name.endswith(".py"):
        return file.resolve()
    if folder is None or not (named or (folder / SCRIPT_FILE).exists()):
        if named:
            fields.problems.append(Problem(str(file), None, "script needs a folder around it"))
        return None
    try:
        path = contained_file(folder, named or SCRIPT_FILE)
        read_text(path, MAX_SCRIPT_BYTES)
    except (SkillError, BadFile) as error:
        fields.problems.append(Problem(str(file), None, f"script: {error}"))
        return None
    return path


def _check_body(body: str, fields: Fields, source: str) -> None:
    if not body and not fields.script():
        reason = "the body is empty: the skill says nothing to the model"
        fields.problems.append(Problem(source, None, reason, Severity.WARNING))
    lines, tokens = body.count("\n") + 1, len(body.encode()) // _BYTES_PER_TOKEN
    if lines > _MAX_BODY_LINES or tokens > _MAX_BODY_TOKENS:
        reason = (
            f"the body has {lines} lines and about {tokens} tokens; keep it below "
            f"{_MAX_BODY_LINES} and {_MAX_BODY_TOKENS}, and move the rest to references/"
        )
        fields.problems.append(Problem(source, None, reason, Severity.WARNING))


def _stem(file: Path) -> str:
    for suffix in (SCRIPT_SUFFIX, DESCRIPTOR_SUFFIX):
        if file.name.endswith(suffix):
            return file.name.removesuffix(suffix)
    return file.stem


def _leading_comment(text: str) -> str:
    """Return the comment a script begins with, as a document of the same lines."""
    lines = []
    for line in text.removeprefix("\ufeff").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    return "\n".join(lines)


def _read_toml(text: str) -> tuple[Head, str]:
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else None
        raise BadHead(f"no valid TOML: {error}", line) from None
    lines: dict[str, int] = {}
    for number, line_text in enumerate(text.splitlines(), 1):
        if (match := _TOML_KEY.match(line_text)) is not None:
            lines.setdefault(match[1], number)
    values = {key.replace("allowed_tools", "allowed-tools"): it for key, it in values.items()}
    body = values.get("instructions", "")
    if not isinstance(body, str):
        raise BadHead("instructions must be one text", lines.get("instructions"))
    texts = {key: value for key, value in values.items() if isinstance(value, str)}
    return Head(values, texts, lines), body.strip()
