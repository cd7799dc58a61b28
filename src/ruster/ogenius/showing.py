"""What is seen of an answer: its text on stdout, thoughts dimmed, everything else on stderr."""

from __future__ import annotations

import sys

from ruster.cli.terminal import dim, is_terminal, visible
from ruster.core.inference import Content, InferenceEvent, Notice, Progress, Thought, ThoughtPhase

__all__ = ["AnswerView", "tell_notice"]

_LABEL = "\x1b[1mAI > \x1b[0m"
_CLEAR_LINE = "\r\x1b[K"


class AnswerView:
    """One answer, streamed. ``labelled`` puts ``AI >`` before it, at a terminal.

    Elsewhere stdout holds answers only, and thoughts go to stderr.
    """

    def __init__(self, *, labelled: bool) -> None:
        self._labelled = labelled
        self._live = is_terminal()
        self._begun = False
        self._thinking = False
        self._passing = False
        self._at_line_start = True

    def show(self, event: InferenceEvent) -> None:
        """Take the next event."""
        match event:
            case Content(text):
                self._say(text)
            case Thought(ThoughtPhase.DELTA, text):
                self._muse(text)
            case Notice() as notice:
                self._clear()
                tell_notice(notice)
            case Progress(what, current, total):
                self._pass_by(f"{visible(what)} {100 * current // total if total else 0} %")
            case _:
                pass

    def close(self) -> None:
        """End the answer's line."""
        self._clear()
        self._end_thought()
        if not self._at_line_start:
            self._write("\n")

    def _say(self, text: str) -> None:
        self._begin()
        self._end_thought()
        self._write(visible(text) if self._live else text)

    def _muse(self, text: str) -> None:
        self._begin()
        self._thinking = True
        if self._live:
            self._write(dim(visible(text)))
        else:
            sys.stderr.write(visible(text))
            sys.stderr.flush()

    def _end_thought(self) -> None:
        if not self._thinking:
            return
        self._thinking = False
        if self._live:
            self._write("\n")
        else:
            print(file=sys.stderr, flush=True)

    def _begin(self) -> None:
        self._clear()
        if not self._begun:
            self._begun = True
            if self._labelled:
                self._write(_LABEL)

    def _pass_by(self, line: str) -> None:
        """Show a line that gives way to what comes next."""
        if sys.stderr.isatty():
            self._passing = True
            sys.stderr.write(_CLEAR_LINE + dim(line))
            sys.stderr.flush()

    def _clear(self) -> None:
        if self._passing:
            self._passing = False
            sys.stderr.write(_CLEAR_LINE)
            sys.stderr.flush()

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
        self._at_line_start = text.endswith("\n")


def tell_notice(notice: Notice) -> None:
    """Write a notice on lines of its own."""
    print(visible(notice.message), file=sys.stderr, flush=True)
