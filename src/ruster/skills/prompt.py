"""The bodies of the chosen skills as one part of the system prompt, bounded in bytes."""

from __future__ import annotations

from collections.abc import Sequence

from ruster.core.skills import Skill

__all__ = ["render"]

_TITLE = "# Enabled Skills:"
_CUT = "\n[The rest of this skill did not fit; its file has it.]"


def render(skills: Sequence[tuple[Skill, str]], limit: int) -> str:
    """Write skills with their bodies, the first ones first, in at most ``limit`` bytes.

    A body that does not fit is cut at the end of a line and says so; a skill of which nothing fits
    is left out. Without skills there is no text at all.
    """
    parts: list[str] = []
    room = limit - len(_TITLE)
    for skill, body in skills:
        head = f"\n\n## {skill.name}\n{_about(skill)}\n"
        room -= len(head.encode())
        if room < len(_CUT):
            break
        text = _fit(body, room)
        room -= len(text.encode())
        parts.append(head + text)
    return _TITLE + "".join(parts) if parts else ""


def _about(skill: Skill) -> str:
    """Say what the body does not: what the skill is for, and where its files are."""
    lines = [skill.description]
    if skill.folder is not None:
        lines.append(f"Its files are in {skill.folder}; paths in the text are relative to it.")
    if skill.script is not None:
        lines.append(f"It is a script skill: run it by its name, {skill.name}.")
    return "\n".join(lines) + "\n"


def _fit(body: str, room: int) -> str:
    data = body.encode()
    if len(data) <= room:
        return body
    cut = data[: room - len(_CUT)].decode(errors="ignore")
    line_end = cut.rfind("\n")
    return (cut[:line_end] if line_end > 0 else cut) + _CUT
