"""What is typed of a job, as the fields of ``job_add``; and jobs as rows for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import typer

from ruster.cli.terminal import clean_argument
from ruster.protocol.events import JobSummary, ReceiptSummary

__all__ = ["action_of", "job_row", "moment", "receipt_row", "reminder_of", "rhythm", "watch_of"]

_SHORT = 60


def action_of(
    *, say: str | None, prompt: str | None, log: str | None, tool: str | None, args: str | None
) -> dict[str, Any]:
    """Return what a job does; raises BadParameter unless exactly one thing was typed."""
    given = {"say": say, "prompt": prompt, "emit_log": log}
    found: dict[str, Any] = {
        name: {"message": clean_argument(text)} for name, text in given.items() if text is not None
    }
    if tool is not None:
        found["tool"] = {"tool": tool, "arguments": _arguments(args)}
    elif args is not None:
        raise typer.BadParameter("--args belongs to --tool")
    if len(found) != 1:
        raise typer.BadParameter("give one of --say, --prompt, --tool and --log")
    return found


def watch_of(watch: str | None, amount: int) -> dict[str, Any] | None:
    """Return what a job looks at, typed as ``KIND=PATH``; raises BadParameter."""
    if watch is None:
        return None
    kind, _, path = watch.partition("=")
    if not kind or not path:
        raise typer.BadParameter("--watch is written as KIND=PATH, such as file_exists=/tmp/done")
    return {"kind": kind, "path": clean_argument(path), **({"amount": amount} if amount else {})}


def reminder_of(words: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a reminder: a time and a text apart, or one sentence."""
    cleaned = [clean_argument(word) for word in words]
    if len(cleaned) == 2 and cleaned[0].lower() != "me":
        return {"when": cleaned[0], "do": {"say": {"message": cleaned[1]}}}
    text = " ".join(cleaned)
    start = text.lower()
    if start.startswith("me "):
        text = f"remind {text}"
    elif "remind me" not in start[:20] and not start.startswith(("erinner", "bitte")):
        text = f"remind me {text}"
    return {"reminder": text}


def job_row(job: JobSummary) -> tuple[str, ...]:
    """Return a job as a row: name, whether it is on, when, the next time, what, how it went."""
    state = "running" if job.running else "on" if job.enabled else "off"
    last = "" if job.last is None else job.last.outcome
    if job.failures > 1:
        last = f"{last} ({job.failures} times)"
    due = moment(job.due) if job.enabled else ""
    return job.job_id, state, rhythm(job), due, _what(job.do), last


def rhythm(job: JobSummary) -> str:
    """Return when a job is due, without the next time, which is told beside."""
    return job.when.partition(" (next ")[0]


def receipt_row(receipt: ReceiptSummary) -> tuple[str, ...]:
    """Return what became of a due as a row."""
    tokens = str(receipt.tokens) if receipt.tokens else ""
    return moment(receipt.due), receipt.outcome, receipt.by, tokens, receipt.message


def moment(text: str | None) -> str:
    """Return a time of the wire as a person of this machine reads it."""
    if text is None:
        return ""
    try:
        return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return text


def _arguments(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise typer.BadParameter(f"--args is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise typer.BadParameter('--args is a JSON object, such as {"path": "notes.md"}')
    return found


def _what(do: Mapping[str, Any]) -> str:
    """Word an action: its kind, and the first thing that is said of it."""
    for kind, members in do.items():
        values = [it for it in members.values() if isinstance(it, str)]
        text = " ".join(" ".join(values[:1]).split())
        return f"{kind}: {text[:_SHORT]}{'…' if len(text) > _SHORT else ''}"
    return ""
