"""The figures as a table for people and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figure import Figure

__all__ = ["surroundings", "table", "write_json"]

_HEAD = ("figure", "value", "target", "", "control", "ratio", "note")


def surroundings() -> dict[str, Any]:
    """Say what the figures depend on: the time, the software, the cores and how busy they are."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def table(figures: Sequence[Figure]) -> str:
    """Lay the figures out in columns."""
    rows = [_HEAD, *(_row(figure) for figure in figures)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD) - 1)]
    return "\n".join(
        "  ".join(
            [*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]
        ).rstrip()
        for row in rows
    )


def write_json(
    path: Path, figures: Sequence[Figure], before: dict[str, Any], *, quick: bool
) -> None:
    """Write the figures and what they were taken in, before and after."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "quick": quick,
        "before": before,
        "after": surroundings(),
        "figures": [asdict(f) | {"met": f.met, "ratio": f.ratio} for f in figures],
    }
    path.write_text(json.dumps(body, indent=2) + "\n")


def _row(figure: Figure) -> tuple[str, ...]:
    sign = ">=" if figure.at_least else "<="
    verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
    return (
        figure.name,
        "-" if figure.value is None else f"{_number(figure.value)} {figure.unit}",
        "" if figure.target is None else f"{sign} {_number(figure.target)}",
        verdict,
        "" if figure.control is None else _number(figure.control),
        "" if figure.ratio is None else f"{figure.ratio:.2f}x",
        figure.note,
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
