"""The child process of one job, as the store sees it."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Sequence

from ruster.core.errors import ModelError
from ruster.core.inference import Progress
from ruster.core.tasks import spawn
from ruster.modelstore.frames import (
    Failure,
    Fetched,
    FetchJob,
    Listing,
    ListJob,
    Report,
    parse_answer,
)

__all__ = ["COMMAND", "Tell", "fetch", "list_files"]

COMMAND = (sys.executable, "-P", "-m", "ruster.modelstore.worker")
"""How a job's process is started."""

Tell = Callable[[Progress], None]
"""Where progress goes."""

_MAX_LINE_BYTES = 16 * 1024 * 1024
_KEPT_LOG_LINES = 5
_log = logging.getLogger("ruster.modelstore")


async def list_files(job: ListJob, command: Sequence[str] = COMMAND) -> Listing:
    """Run a ``ListJob``; raises ModelError."""
    answer = await _run(job, lambda _: None, command)
    if not isinstance(answer, Listing):
        raise _odd(answer)
    return answer


async def fetch(job: FetchJob, tell: Tell, command: Sequence[str] = COMMAND) -> Fetched:
    """Run a ``FetchJob``; raises ModelError. Cancelling kills the process; what came is kept."""
    answer = await _run(job, tell, command)
    if not isinstance(answer, Fetched):
        raise _odd(answer)
    return answer


async def _run(
    job: ListJob | FetchJob, tell: Tell, command: Sequence[str]
) -> Listing | Fetched | None:
    process = await _start(command)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    last_words: deque[str] = deque(maxlen=_KEPT_LOG_LINES)
    stderr = spawn(_read_log(process.stderr, last_words), name="model download: log")
    try:
        process.stdin.write(job.model_dump_json().encode() + b"\n")
        return await _answer(process.stdout, tell)
    finally:
        # Its work is done, or nobody wants it any more: it has nothing to lose.
        if process.returncode is None:
            process.kill()
        process.stdin.close()
        await process.stdout.read()
        await stderr
        await process.wait()
        if last_words:
            _log.debug("the download's process said: %s", " / ".join(last_words))


async def _start(command: Sequence[str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            limit=_MAX_LINE_BYTES,
            start_new_session=True,
        )
    except OSError as error:
        raise ModelError(
            f"the download's process cannot be started: {error}", code="download_failed"
        ) from error


async def _answer(stdout: asyncio.StreamReader, tell: Tell) -> Listing | Fetched | None:
    while line := await _read_line(stdout):
        match parse_answer(line):
            case Report(what=what, current=current, total=total):
                tell(Progress(what, current, total))
            case Failure(code=code, message=message, retryable=retryable):
                raise ModelError(message, code=code, retryable=retryable)
            case answer:
                return answer
    return None


async def _read_line(stdout: asyncio.StreamReader) -> bytes:
    try:
        return await stdout.readline()
    except ValueError as error:  # a line over the limit
        raise ModelError(
            "the download's process sent a line without end", code="download_failed"
        ) from error


async def _read_log(stderr: asyncio.StreamReader, last_words: deque[str]) -> None:
    while data := await stderr.read(8192):
        last_words.extend(data.decode("utf-8", "replace").splitlines())


def _odd(answer: Listing | Fetched | None) -> ModelError:
    what = "ended in the middle" if answer is None else "answered something else"
    return ModelError(
        f"the download's process {what}; ask again to go on with the download",
        code="download_failed",
        retryable=True,
    )
