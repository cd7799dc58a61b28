"""How ``rusterctl status`` words a report."""

from __future__ import annotations

from ruster.cli.status import status_rows
from ruster.protocol.events import ProactiveSummary, StatusReport


def report(proactive: ProactiveSummary | None) -> StatusReport:
    return StatusReport(
        version="1",
        pid=2,
        uptime_s=3.0,
        default_model="m/x",
        rss_bytes=1 << 20,
        uid=1000,
        privileged=True,
        proactive=proactive,
    )


def test_what_is_done_by_itself_and_what_that_takes() -> None:
    summary = ProactiveSummary(
        jobs=7, enabled=5, tokens_idle=0, tokens_today=120, tokens_per_day=500
    )
    rows = dict(status_rows(report(summary)))
    assert rows["jobs"] == "7, 5 on"
    assert rows["tokens by itself"] == "120 of 500 today, 0 idle"
    due = summary.model_copy(update={"due": "2027-01-02T03:04:05+00:00"})
    assert "next 2027-01-0" in dict(status_rows(report(due)))["jobs"]


def test_a_daemon_that_cannot_tell_has_no_such_rows() -> None:
    assert "jobs" not in dict(status_rows(report(None)))
