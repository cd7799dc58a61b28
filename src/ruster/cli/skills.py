"""``rusterctl skills``: what there is, what a session has, what a message would bring in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ruster.cli.options import DEFAULT_SESSION, JsonOption, SessionOption, SocketOption
from ruster.cli.request import ensure_session, request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import printable
from ruster.protocol.events import (
    SkillAdded,
    SkillBanned,
    SkillDryRunReport,
    SkillListing,
    SkillRemoved,
    SkillReport,
    SkillResults,
    SkillSummary,
    SkillUnbanned,
    SkillValidation,
)

__all__ = ["add", "ban", "dry_run", "list_skills", "remove", "search", "show", "unban", "validate"]

_PAGE = 200
_Name = Annotated[str, typer.Argument(help="The skill's name.")]
_Words = Annotated[list[str], typer.Argument(help="Words to look for.")]
_Message = Annotated[list[str], typer.Argument(help="What would be said.")]
_What = Annotated[
    str | None, typer.Argument(help="A skill's name, or the path of its folder or file.")
]
_MaybeSession = Annotated[
    str | None, typer.Option("--session", "-s", help="Tell what this session has.")
]


def list_skills(
    session: _MaybeSession = None, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """List the installed skills; with a session, those it has are marked."""
    offset, total = 0, 1
    rows: list[tuple[str, str, str]] = []
    while offset < total:
        fields = {"session_id": session, "offset": offset, "limit": _PAGE}
        given = {name: value for name, value in fields.items() if value is not None}
        listed = request(socket, SkillListing, "skill_list", as_json, **given)
        if listed is None:
            return
        rows += [_row(skill) for skill in listed.skills]
        offset, total = offset + _PAGE, listed.total
    print_rows(("Skill", "", "What it does"), rows)


def search(words: _Words, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Find skills by words of their names and descriptions."""
    found = request(socket, SkillResults, "skill_search", as_json, query=" ".join(words))
    if found is not None:
        print_rows(("Skill", "", "What it does"), [_row(skill) for skill in found.results])


def show(name: _Name, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Print all of one skill."""
    report = request(socket, SkillReport, "skill_show", as_json, skill=name)
    if report is None:
        return
    facts = {
        "Skill": report.skill.name,
        "What it does": report.skill.description,
        "Kind": report.skill.kind,
        "Licence": report.license,
        "Needs": report.compatibility,
        "Tools": ", ".join(str(tool.get("name")) for tool in report.tools),
        "Allowed tools": ", ".join(report.allowed_tools),
        "Banned": "yes" if report.skill.banned else None,
        "File": report.path,
    }
    for what, value in facts.items():
        if value:
            print(f"{what}: {printable(value)}")
    print(f"\n{printable(report.instructions)}")


def add(
    name: _Name,
    session: SessionOption = DEFAULT_SESSION,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a skill take part in every turn of a session."""
    done = request(socket, SkillAdded, "skill_add", as_json, session_id=session, skill=name)
    if done is not None:
        print(f"{printable(done.session_id)} has {printable(done.skill)}")


def remove(
    name: _Name,
    session: SessionOption = DEFAULT_SESSION,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a skill out of a session."""
    done = request(socket, SkillRemoved, "skill_remove", as_json, session_id=session, skill=name)
    if done is not None:
        print(f"{printable(done.session_id)} does not have {printable(done.skill)} any more")


def ban(name: _Name, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Never use a skill, in no session."""
    done = request(socket, SkillBanned, "skill_ban", as_json, skill=name)
    if done is not None:
        print(f"banned {printable(done.skill)}")


def unban(name: _Name, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Let a skill be used again."""
    done = request(socket, SkillUnbanned, "skill_unban", as_json, skill=name)
    if done is not None:
        print(f"{printable(done.skill)} may be used again")


def validate(what: _What = None, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Check a skill, or tell what is wrong with all of them; status 1 if a rule is broken."""
    if what is not None and ("/" in what or Path(what).exists()):
        what = str(Path(what).expanduser().absolute())
    given = {} if what is None else {"skill": what}
    report = request(socket, SkillValidation, "skill_validate", as_json, **given)
    if report is None:
        return
    for problem in report.problems:
        where = problem.source if problem.line is None else f"{problem.source}:{problem.line}"
        print(f"{printable(where)}: {problem.severity}: {printable(problem.reason)}")
    if not report.valid:
        raise typer.Exit(1)
    if not report.problems:
        print("valid" if what is not None else "all skills are valid")


def dry_run(
    message: _Message,
    session: SessionOption = DEFAULT_SESSION,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which skills a message would bring in, and why."""
    ensure_session(session, socket)
    report = request(
        socket,
        SkillDryRunReport,
        "skill_dry_run",
        as_json,
        session_id=session,
        message=" ".join(message),
    )
    if report is None:
        return
    rows = [(one.skill, one.by, one.why) for one in report.chosen]
    rows += [(name, "left out", why) for name, why in report.left_out.items()]
    chosen = {one.skill for one in report.chosen}
    rows += [
        (one.name, "shortlist", f"score {one.score}")
        for one in report.shortlist
        if one.name not in chosen
    ]
    if rows:
        print_rows(("Skill", "", "Why"), rows)
    else:
        print("no skill fits; no model was asked" if report.asked is None else "no skill fits")
    if report.failure is not None:
        print(f"{printable(report.asked or '')} could not choose: {printable(report.failure)}")


def _row(skill: SkillSummary) -> tuple[str, str, str]:
    marks = ["banned"] if skill.banned else []
    return skill.name, " ".join([*marks, *(["active"] if skill.active else [])]), skill.description
