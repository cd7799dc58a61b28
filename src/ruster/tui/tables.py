"""A table of which each row has a name, kept in its place when it is read anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.widgets import DataTable

__all__ = ["NamedTable"]


class NamedTable(DataTable[Text]):
    """Rows by name."""

    def __init__(self, name: str, heads: Sequence[str]) -> None:
        super().__init__(id=name, cursor_type="row", zebra_stripes=True)
        self._heads = heads

    def on_mount(self) -> None:
        """Make the columns."""
        for head in self._heads:
            self.add_column(Text(head))

    @property
    def chosen(self) -> str:
        """The name of the row under the cursor; empty when there is none."""
        if not self.row_count:
            return ""
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value or ""

    def show(self, rows: Mapping[str, Sequence[Text]]) -> None:
        """Draw the rows, the cursor on the one it was on."""
        chosen = self.chosen
        self.clear()
        for name, cells in rows.items():
            self.add_row(*cells, key=name)
        if chosen in rows:
            self.move_cursor(row=list(rows).index(chosen))
