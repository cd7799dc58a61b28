"""The child process of one job: ``python -m ruster.modelstore.worker``, a job on stdin.

It ends when its stdin does, so it cannot outlive the store, and it may be killed at any time.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from ruster.core.clock import SystemClock
from ruster.core.errors import ModelError
from ruster.modelstore.frames import (
    Failure,
    Fetched,
    FetchJob,
    Listing,
    ListJob,
    Report,
    parse_job,
)
from ruster.modelstore.quants import variants

__all__ = ["main"]

_REPORT_EVERY_S = 0.1
_STEPS = 100


class Output:
    """The answers' way out; progress that comes too fast is thinned."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._clock = SystemClock()
        self._next = 0.0
        self._told = 0

    def send(self, answer: Report | Listing | Fetched | Failure) -> None:
        """Write one answer."""
        data = answer.model_dump_json().encode() + b"\n"
        while data:
            data = data[os.write(self._fd, data) :]

    def report(self, what: str, current: int, total: int) -> None:
        """Tell progress: each hundredth and the end at once, smaller steps ten times a second."""
        now = self._clock.monotonic()
        grown = abs(current - self._told) * _STEPS >= total
        if grown or now >= self._next or current == total:
            self._next = now + _REPORT_EVERY_S
            self._told = current
            self.send(Report(what=what, current=current, total=total))


def main() -> None:
    """Do the job on stdin and say how it went."""
    output = Output(os.dup(sys.stdout.fileno()))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library's print is no answer
    job = parse_job(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    try:
        output.send(_run(job, output))
    except ModelError as error:
        output.send(Failure(code=error.code, message=error.message, retryable=error.retryable))


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _run(job: ListJob | FetchJob, output: Output) -> Listing | Fetched:
    try:
        from ruster.modelstore.hub import Hub
        from ruster.modelstore.transfer import Transfer
    except ImportError as error:
        raise ModelError(
            "models cannot be downloaded without the hub's library; install it with "
            f"`pip install 'ruster[hub]'` ({error})",
            code="hub_missing",
        ) from error
    hub = Hub(job.access)
    if isinstance(job, FetchJob):
        return Fetched(files=Transfer(hub, job, output.report).run())
    return _list(hub.list_files, job.repo)


def _list(list_files: Callable[[str], Listing], repo: str) -> Listing:
    """List a repository's models, or those of its sibling that holds them as GGUF."""
    failure: ModelError | None = None
    try:
        if variants((listing := list_files(repo)).files):
            return listing
    except ModelError as error:
        if error.code != "model_not_found":
            raise
        failure = error
    sibling = f"{repo}-GGUF"
    try:
        if not repo.casefold().endswith("-gguf") and variants(
            (listing := list_files(sibling)).files
        ):
            return listing
    except ModelError as error:
        if error.code != "model_not_found":
            raise
    raise failure or ModelError(
        f"{repo} has no GGUF files, and there are none in {sibling}; look on the hub for a "
        "repository whose name ends in -GGUF",
        code="model_not_found",
    )


if __name__ == "__main__":
    main()
