"""What the store and its child process say to each other: one JSON object a line.

The child gets one job on its stdin and answers with any number of ``Report`` lines and then one
``Listing``, ``Fetched`` or ``Failure``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ruster.core.errors import ModelError

__all__ = [
    "Access",
    "Answer",
    "Failure",
    "FetchJob",
    "Fetched",
    "FetchedFile",
    "Job",
    "ListJob",
    "Listing",
    "RemoteFile",
    "Report",
    "parse_answer",
    "parse_job",
]


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Access(_Frame):
    """How the hub is reached; None leaves a value to its library, which reads the environment."""

    cache: Path
    endpoint: str | None = None
    token: str | None = Field(default=None, repr=False)
    connect_timeout_s: float
    read_timeout_s: float
    retries: int
    retry_wait_s: float


class RemoteFile(_Frame):
    """A file of a repository. ``hash`` is SHA-256 for large files, else git's SHA-1 of a blob."""

    name: str
    size_bytes: int = Field(ge=0)
    hash: str = Field(pattern=r"^([0-9a-f]{64}|[0-9a-f]{40})$")


class ListJob(_Frame):
    """List the GGUF files of a repository, or of its ``-GGUF`` sibling when it has none."""

    kind: Literal["list"] = "list"
    access: Access
    repo: str


class FetchJob(_Frame):
    """Bring these files of one commit into the hub's cache."""

    kind: Literal["fetch"] = "fetch"
    access: Access
    repo: str
    commit: str
    files: tuple[RemoteFile, ...]


class Report(_Frame):
    """Progress in bytes."""

    kind: Literal["report"] = "report"
    what: str
    current: int
    total: int


class Listing(_Frame):
    """The GGUF files of ``repo`` at ``commit``."""

    kind: Literal["listing"] = "listing"
    repo: str
    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    files: tuple[RemoteFile, ...]


class FetchedFile(_Frame):
    """A verified file; ``found`` when it had been in the cache before."""

    path: Path
    sha256: str
    size_bytes: int
    found: bool


class Fetched(_Frame):
    """All files of the job, in its order."""

    kind: Literal["fetched"] = "fetched"
    files: tuple[FetchedFile, ...]


class Failure(_Frame):
    """What went wrong; becomes a ModelError."""

    kind: Literal["failure"] = "failure"
    code: str
    message: str
    retryable: bool


Job = Annotated[ListJob | FetchJob, Field(discriminator="kind")]
Answer = Annotated[Report | Listing | Fetched | Failure, Field(discriminator="kind")]
_JOB: TypeAdapter[ListJob | FetchJob] = TypeAdapter(Job)
_ANSWER: TypeAdapter[Report | Listing | Fetched | Failure] = TypeAdapter(Answer)


def parse_job(line: bytes) -> ListJob | FetchJob:
    """Read a job; raises ValueError."""
    return _JOB.validate_json(line)


def parse_answer(line: bytes) -> Report | Listing | Fetched | Failure:
    """Read an answer; raises ModelError (``download_failed``)."""
    try:
        return _ANSWER.validate_json(line)
    except ValidationError as error:
        raise ModelError(
            f"the download's process said something odd: {line[:100]!r}", code="download_failed"
        ) from error
