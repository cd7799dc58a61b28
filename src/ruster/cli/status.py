"""``rusterctl status``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from ruster.cli.job_words import moment
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.protocol.events import LoadedModelSummary, ProactiveSummary, StatusReport

__all__ = ["status", "status_rows"]

_MIB = 1 << 20


def status(socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Tell how the daemon is."""
    report = request(socket, StatusReport, "status", as_json)
    if report is not None:
        print_rows(("What", "Value"), status_rows(report))


def status_rows(report: StatusReport) -> list[tuple[str, str]]:
    """Word a report."""
    rights = "may do everything" if report.privileged else "may chat"
    totals = [
        ("connections", str(report.connections)),
        ("open sessions", str(report.sessions_open)),
        ("turns", f"{report.turns_total} ({report.turns_running} running, "
                  f"{report.turns_failed} failed)"),
        ("tokens", str(report.tokens_total)),
    ]  # fmt: skip
    return [
        ("version", report.version),
        ("process", str(report.pid)),
        ("up for", str(timedelta(seconds=round(report.uptime_s)))),
        ("default model", report.default_model),
        *(totals if report.privileged else ()),
        *(_by_itself(report.proactive) if report.proactive is not None else ()),
        ("memory", f"{report.rss_bytes / _MIB:.1f} MiB"),
        *((f"model {Path(model.path).name}", _model(model)) for model in report.local_models or ()),
        ("you", f"uid {report.uid}, {rights}"),
    ]


def _by_itself(summary: ProactiveSummary) -> list[tuple[str, str]]:
    """Word what is done without being asked, and what that takes."""
    due = f", next {moment(summary.due)}" if summary.due else ""
    limit = f" of {summary.tokens_per_day}" if summary.tokens_per_day else ""
    return [
        ("jobs", f"{summary.jobs}, {summary.enabled} on{due}"),
        ("tokens by itself", f"{summary.tokens_today}{limit} today, {summary.tokens_idle} idle"),
    ]


def _model(model: LoadedModelSummary) -> str:
    window = f", window {model.context_size}" if model.context_size else ""
    size = f", {model.size_bytes / _MIB:.0f} MiB" if model.size_bytes else ""
    return f"{model.state}{window}{size}"
