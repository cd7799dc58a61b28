"""Bringing the tables of a file to the present version. A later version is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ruster.storage.sqlite.subject import Subject

if TYPE_CHECKING:
    from ruster.storage.sqlite.native import Connection

__all__ = ["check_version", "migrate"]


def migrate(connection: Connection, steps: Sequence[str], subject: Subject) -> None:
    """Run the ``steps`` (SQL) that a file lacks, each whole or not at all.

    Raises the subject's error (``…_too_new``).
    """
    while (version := int(connection.pragma("user_version"))) < len(steps):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.pragma("user_version") == version:  # another process may have been here
                connection.execute(steps[version])
                connection.pragma("user_version", version + 1)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    check_version(version, len(steps), subject)


def check_version(version: int, known: int, subject: Subject) -> None:
    """Raise the subject's error (``…_too_new``) for a file of a version that is not known."""
    if version > known:
        raise subject.error(
            f"the {subject.name} was written by a later ruster (version {version}); update this "
            "one",
            code=f"{subject.name}_too_new",
        )
