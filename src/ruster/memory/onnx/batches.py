"""Which rows are computed together: rows of like length, so that little is padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["batches"]


def batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Yield the places of all rows, shortest first, in groups of at most ``most`` padded tokens.

    A row that alone has more is a group of its own.
    """
    group: list[int] = []
    for at in sorted(range(len(lengths)), key=lengths.__getitem__):
        if group and (len(group) + 1) * lengths[at] > most:
            yield group
            group = []
        group.append(at)
    if group:
        yield group
