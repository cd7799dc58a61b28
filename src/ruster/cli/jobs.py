"""``rusterctl job`` and ``rusterctl remind``: what is done later, or again and again."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ruster.cli.guard import FAILED
from ruster.cli.job_words import (
    action_of,
    job_row,
    moment,
    receipt_row,
    reminder_of,
    rhythm,
    watch_of,
)
from ruster.cli.location import socket_path
from ruster.cli.options import DEFAULT_SESSION, JsonOption, SessionOption, SocketOption
from ruster.cli.question import safe
from ruster.cli.request import ensure_session, request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import printable, write_line
from ruster.client.sync import SyncClient
from ruster.core.errors import ProtocolError
from ruster.protocol import events

__all__ = [
    "add",
    "add_http_healthcheck",
    "disable",
    "enable",
    "history",
    "list_jobs",
    "remind",
    "remove",
    "run",
    "show",
    "tick",
]

_When = Annotated[
    str, typer.Argument(help='Such as "in 20 minutes", "every weekday at 8:30", or a cron line.')
]
_Words = Annotated[
    list[str],
    typer.Argument(help='A time and a text, or one sentence: "in 20 minutes to take out …".'),
]
_Job = Annotated[str, typer.Argument(help="The job's name.")]
_Id = Annotated[str | None, typer.Option("--id", help="Its name; one is made up without.")]
_Say = Annotated[str | None, typer.Option("--say", help="Say this in the session.")]
_Prompt = Annotated[str | None, typer.Option("--prompt", help="Have this answered there.")]
_Tool = Annotated[str | None, typer.Option("--tool", help="Call this tool there.")]
_Args = Annotated[str | None, typer.Option("--args", help="The tool's arguments, as JSON.")]
_Log = Annotated[str | None, typer.Option("--log", help="Write this into the log.")]
_Watch = Annotated[
    str | None,
    typer.Option(
        "--watch",
        help="Look each time, act only when it becomes true: file_exists=PATH, file_missing=, "
        "file_changed=, file_older=, disk_below=, http_not=URL.",
    ),
]
_Amount = Annotated[
    int, typer.Option("--amount", help="Of the watch: seconds of age, bytes free, or the status.")
]
_Title = Annotated[str | None, typer.Option("--title", help="What it is called for people.")]
_Misfire = Annotated[str, typer.Option("--misfire", help="What was missed: once, skip, or report.")]
_Overlap = Annotated[str, typer.Option("--overlap", help="Due while it runs: skip or queue.")]
_Tell = Annotated[str, typer.Option("--tell", help="What you are told: failures, always, never.")]
_Jitter = Annotated[float, typer.Option("--jitter-s", help="Late by up to so many seconds.")]
_MaxTokens = Annotated[int, typer.Option("--max-tokens", help="What one run may take.")]
_Timeout = Annotated[float, typer.Option("--timeout-s", help="How long one run may take.")]
_Goal = Annotated[str | None, typer.Option("--goal", help="The goal it belongs to.")]
_MaybeSession = Annotated[
    str | None, typer.Option("--session", "-s", help="Only those of this session.")
]
_All = Annotated[bool, typer.Option("--all", help="Those of all users.")]
_Limit = Annotated[int, typer.Option("--limit", "-n", help="How many at most.")]
_Interval = Annotated[int, typer.Option("--interval-secs", help="How often, in seconds.")]
_Url = Annotated[str, typer.Option("--url", help="What to ask.")]
_Status = Annotated[int, typer.Option("--expected-status", help="What it should answer.")]
_TimeoutSecs = Annotated[float, typer.Option("--timeout-secs", help="How long to wait for it.")]
_Enabled = Annotated[bool, typer.Option("--enabled/--disabled", help="Whether it is on.")]
_NamedId = Annotated[str, typer.Option("--id", help="The job's name.")]


def add(  # noqa: PLR0913 - each is an option
    when: _When,
    say: _Say = None,
    prompt: _Prompt = None,
    tool: _Tool = None,
    args: _Args = None,
    log: _Log = None,
    job_id: _Id = None,
    session: SessionOption = DEFAULT_SESSION,
    title: _Title = None,
    watch: _Watch = None,
    amount: _Amount = 0,
    misfire: _Misfire = "once",
    overlap: _Overlap = "skip",
    tell: _Tell = "failures",
    jitter_s: _Jitter = 0,
    max_tokens: _MaxTokens = 0,
    timeout_s: _Timeout = 0,
    goal: _Goal = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have something done later, or again and again.

    rusterctl job add "every weekday at 8:30" --prompt "What is new in my mail?"
    """
    do = action_of(say=say, prompt=prompt, log=log, tool=tool, args=args)
    fields: dict[str, Any] = {
        "when": when,
        "do": do,
        "job_id": job_id,
        "title": title or "",
        "watch": watch_of(watch, amount),
        "misfire": misfire,
        "overlap": overlap,
        "tell": tell,
        "jitter_s": jitter_s,
        "max_tokens": max_tokens,
        "timeout_s": timeout_s,
        "goal": goal or "",
    }
    _add(session, fields, socket, as_json)


def remind(
    words: _Words,
    session: SessionOption = DEFAULT_SESSION,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have something said to you later.

    rusterctl remind "in 20 minutes" "take out the cake"

    rusterctl remind me tomorrow at 9 to call Ann
    """
    _add(session, reminder_of(words), socket, as_json)


def add_http_healthcheck(  # noqa: PLR0913 - each is an option
    job_id: _NamedId,
    interval_secs: _Interval,
    url: _Url,
    expected_status: _Status = 200,
    timeout_secs: _TimeoutSecs = 20,
    enabled: _Enabled = True,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask an address again and again; you are told when it answers something else."""
    check = {"url": url, "expected_status": expected_status, "timeout_secs": timeout_secs}
    fields = {
        "job_id": job_id,
        "when": f"every {interval_secs} seconds",
        "do": {"http_health_check": check},
    }
    if enabled:
        added = request(socket, events.JobReport, "job_add", as_json, **fields)
    else:
        request(socket, events.JobReport, "job_add", False, **fields)
        added = request(socket, events.JobReport, "job_disable", as_json, job_id=job_id)
    _tell_job(added)


def list_jobs(
    session: _MaybeSession = None,
    everybody: _All = False,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """List your jobs, the next ones first."""
    fields = {"session_id": session, "all": everybody}
    listed = request(socket, events.JobListing, "job_list", as_json, **fields)
    if listed is not None:
        heads = ("Job", "", "When", "Next", "What", "Last")
        print_rows(heads, [job_row(it) for it in listed.jobs])


def show(job: _Job, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Print all of one job."""
    report = request(socket, events.JobReport, "job_show", as_json, job_id=job)
    if report is not None:
        _print_job(report.job)


def run(job: _Job, socket: SocketOption = None, as_json: JsonOption = False) -> int:
    """Run a job now and wait for it; status 1 if it fails."""
    with SyncClient(socket_path(socket)) as client:
        parsed = client.call("job_run", job_id=job)
    if not isinstance(parsed.event, events.JobRan):
        raise ProtocolError(f"the daemon answered {parsed.event.event!r}; is it another version?")
    receipt = parsed.event.receipt
    if as_json:
        write_line(parsed.line)
    else:
        message = f": {receipt.message}" if receipt.message else ""
        print(printable(f"{job} {receipt.outcome}{message}"))
    return FAILED if receipt.outcome == "failed" else 0


def enable(job: _Job, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Switch a job on, from its next time on."""
    _tell_job(request(socket, events.JobReport, "job_enable", as_json, job_id=job))


def disable(job: _Job, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Switch a job off; it is kept."""
    _tell_job(request(socket, events.JobReport, "job_disable", as_json, job_id=job))


def remove(job: _Job, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Remove a job with its receipts."""
    if request(socket, events.JobRemoved, "job_remove", as_json, job_id=job) is not None:
        print(printable(f"removed {job}"))


def history(
    job: _Job, limit: _Limit = 20, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Tell what became of a job's last runs, the newest first."""
    fields = {"job_id": job, "limit": limit}
    page = request(socket, events.JobHistoryPage, "job_history", as_json, **fields)
    if page is not None:
        heads = ("Due", "Outcome", "Set off by", "Tokens", "What it brought")
        print_rows(heads, [receipt_row(it) for it in page.receipts])


def tick(socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Do all that is due now, and wait for it."""
    report = request(socket, events.TickReport, "job_tick", False)
    if report is None:
        return
    results = [
        {"job_id": it.job_id, "status": it.status, "message": it.message} for it in report.results
    ]
    if as_json:
        print(json.dumps({"executed_jobs": report.executed_jobs, "results": results}))
    elif results:
        print_rows(("Job", "Status", "What it brought"), [tuple(it.values()) for it in results])
    else:
        print("nothing is due")


def _add(session: str, fields: dict[str, Any], socket: str | None, as_json: bool) -> None:
    ensure_session(session, socket)
    _tell_job(request(socket, events.JobReport, "job_add", as_json, session_id=session, **fields))


def _tell_job(report: events.JobReport | None) -> None:
    """Say in one line how a job stands."""
    if report is not None:
        job = report.job
        due = f", next {moment(job.due)}" if job.due and job.enabled else ""
        off = "" if job.enabled else " (off)"
        print(printable(f"{job.job_id}: {rhythm(job)}{due}{off}"))


def _print_job(job: events.JobSummary) -> None:
    facts = {
        "Job": job.job_id,
        "Title": job.title,
        "When": rhythm(job),
        "Next": moment(job.due) if job.enabled else "never: it is off",
        "Does": json.dumps(job.do, ensure_ascii=False),
        "Watches": json.dumps(job.watch, ensure_ascii=False) if job.watch else None,
        "Session": job.session_id,
        "Goal": job.goal,
        "Made by": job.made_by,
        "Words of": ", ".join(job.origins or ()),
        "If missed": job.misfire,
        "If it still runs": job.overlap,
        "Told": job.tell,
        "Late by up to": f"{job.jitter_s:g} s" if job.jitter_s else None,
        "Tokens a run": str(job.max_tokens) if job.max_tokens else None,
        "Time a run": f"{job.timeout_s:g} s" if job.timeout_s else None,
        "Runs": f"{job.runs}, {job.failures} failures since the last success",
        "Last": None if job.last is None else " ".join(receipt_row(job.last)[:2]),
        "It brought": None if job.last is None else job.last.message,
    }
    for what, value in facts.items():
        if value:
            print(f"{what}: {safe(value)}")
