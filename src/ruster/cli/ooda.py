"""``rusterctl ooda``: one cycle of observing, orienting, deciding and acting."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ruster.cli.job_words import moment
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.request import request
from ruster.cli.terminal import clean_argument, printable
from ruster.protocol.events import OodaReport, OodaSummary

__all__ = ["cycle_row", "observed", "ooda"]

_SEVERITIES = ("info", "warning", "error", "critical")
_Act = Annotated[
    str, typer.Option("--act", "--action", help="What is to be done; job:NAME runs that job.")
]
_Observe = Annotated[
    list[str] | None,
    typer.Option("--observe", "-o", help="source:key=value, and :warning or :error behind it."),
]
_Observations = Annotated[
    str | None, typer.Option("--observations", help="The same as a JSON list.")
]
_Goal = Annotated[str | None, typer.Option("--goal", help="The goal that is achieved by it.")]
_Session = Annotated[
    str | None, typer.Option("--session", "-s", help="The session whose clients are asked.")
]
_Model = Annotated[
    bool, typer.Option("--model", help="Have the model say what the observations mean.")
]


def ooda(  # noqa: PLR0913 - each is an option
    act: _Act,
    observe: _Observe = None,
    observations: _Observations = None,
    goal: _Goal = None,
    session: _Session = None,
    model: _Model = False,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go through one cycle; what is risky waits for an approval.

    rusterctl ooda --act "restart nginx with job:nginx" --observe cron:nginx=down:error
    """
    fields: dict[str, Any] = {
        "act": clean_argument(act),
        "observations": [*_listed(observations), *map(observed, observe or ())],
        "goal_id": goal,
        "session_id": session,
        "model": model,
    }
    report = request(socket, OodaReport, "ooda", as_json, **fields)
    if report is not None:
        _print(report)


def observed(text: str) -> dict[str, str]:
    """Read ``source:key=value[:severity]``; raises BadParameter."""
    head, equals, value = clean_argument(text).partition("=")
    source, colon, key = head.partition(":")
    if not (equals and colon and source and key):
        raise typer.BadParameter(
            f"{text!r} is not written as source:key=value, such as cron:disk=91%:warning"
        )
    rest, _, last = value.rpartition(":")
    if last.strip().lower() in _SEVERITIES and rest:
        return {"source": source, "key": key, "value": rest, "severity": last.strip().lower()}
    return {"source": source, "key": key, "value": value}


def cycle_row(cycle: OodaSummary) -> tuple[str, ...]:
    """Return a cycle as a row."""
    status = cycle.approval_status
    return moment(cycle.timestamp), cycle.action, cycle.risk, status, cycle.outcome


def _listed(text: str | None) -> Sequence[Any]:
    if text is None:
        return []
    try:
        found = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"--observations is no JSON: {error}") from None
    if not isinstance(found, list):
        raise typer.BadParameter("--observations is a JSON list of objects")
    return found


def _print(report: OodaReport) -> None:
    print(printable(f"{report.orientation}: {report.decision}"))
    print(printable(f"{report.action}: risk {report.risk}, approval {report.approval_status}"))
    if report.outcome:
        print(printable(report.outcome))
    if report.approval_status == "pending":
        token = report.approval_token
        print(f"approve it with: rusterctl pulse approve {token}")
