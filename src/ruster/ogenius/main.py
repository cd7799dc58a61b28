"""``ogenius``: the entry point and its table of commands.

Nothing heavy is imported here: ``ogenius --help`` is a matter of milliseconds.
"""

from __future__ import annotations

import io
import signal
import sys
from typing import Annotated

import typer

from ruster.cli.lazy import Entry, build_group
from ruster.version import __version__

__all__ = ["COMMANDS", "PROGRAM", "app", "main"]

PROGRAM = "ogenius"
_HELP = """Run models on this machine: talk to one, serve them, fetch them. No daemon is needed.

Exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 Ctrl-C, 141 the reader of the output
went away."""

_MODELS = {
    "list": Entry("List the models of this machine.", "ruster.ogenius.models:list_models"),
    "show": Entry("Tell what is known of a model.", "ruster.ogenius.models:show"),
    "verify": Entry(
        "Check a model's files against their checksum.", "ruster.ogenius.models:verify"
    ),
    "remove": Entry("Take a model off this machine.", "ruster.ogenius.models:remove"),
}
COMMANDS = {
    "download": Entry("Bring models to this machine.", "ruster.ogenius.download:download"),
    "chat": Entry("Talk to a model.", "ruster.ogenius.chat:chat"),
    "serve": Entry("Serve models over HTTP and WebSockets.", "ruster.ogenius.serve:serve"),
    "embed": Entry("Turn texts into vectors.", "ruster.ogenius.embed:embed"),
    "models": Entry("List, show, check and remove models.", entries=_MODELS),
}
"""Every command, in the order of the help."""


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print and leave."),
    ] = False,
) -> None:
    return


def app() -> typer.Typer:
    """Build the command line."""
    return build_group(_HELP, COMMANDS, program=PROGRAM, callback=_options, add_completion=True)


def main() -> None:
    """Run ``ogenius`` and leave with its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until a command runs, Ctrl-C just ends us
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what the locale cannot write becomes "?"
    try:
        app()(sys.argv[1:], prog_name=PROGRAM)
    except Exception as error:  # noqa: BLE001 - the boundary: no traceback reaches a user
        print(f"{PROGRAM}: cannot start: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
