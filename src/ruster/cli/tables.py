"""Rows for people on a terminal, and with tabs between the columns for programs elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ruster.cli.terminal import is_terminal, visible

__all__ = ["print_rows"]


def print_rows(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows; elsewhere than on a terminal without heads, one row a line."""
    if not is_terminal():
        for row in rows:
            print("\t".join(_on_one_line(str(cell)) for cell in row))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(str(cell))) for cell in row))
    Console().print(table)


def _on_one_line(cell: str) -> str:
    return cell.replace("\t", " ").replace("\n", " ")
