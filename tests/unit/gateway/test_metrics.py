"""Figures as Prometheus reads them."""

from __future__ import annotations

import math

from ruster.gateway.api.ops import metrics_text


def test_figures_are_written_in_order_with_their_kind() -> None:
    counts = {"ruster_turns_total": 3, "ruster_load": 0.5, "ruster_big": 2.0**40}
    assert metrics_text(counts) == (
        "# TYPE ruster_big gauge\nruster_big 1099511627776\n"
        "# TYPE ruster_load gauge\nruster_load 0.5\n"
        "# TYPE ruster_turns_total counter\nruster_turns_total 3\n"
    )


def test_numbers_that_are_none() -> None:
    text = metrics_text({"a": math.nan, "b": math.inf, "c": -math.inf})
    assert [line.split()[1] for line in text.splitlines() if line[0] != "#"] == [
        "NaN",
        "+Inf",
        "-Inf",
    ]
