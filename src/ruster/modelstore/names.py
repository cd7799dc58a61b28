"""What a person may call a model, and what that asks for.

A name of the catalogue, ``ORG/REPO``, ``ORG/REPO:QUANT``, ``ORG/REPO:FILE.gguf[:QUANT]`` (both also
after ``hf.co/``), or a path that starts with ``/``, ``~``, ``./`` or ``../``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ruster.core.errors import ModelError, ProtocolError
from ruster.core.ids import check_file_path

__all__ = ["Asked", "check_file", "check_repo", "parse_asked", "parse_path", "says_which"]

_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_QUANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")
_MAX_REPO_CHARS = 96
_HOSTS = ("hf.co/", "huggingface.co/", "https://hf.co/", "https://huggingface.co/")


@dataclass(frozen=True, slots=True)
class Asked:
    """A model as it was asked for: any file of ``repo``, one of a quantization, or one by name."""

    repo: str
    filename: str | None = None
    quant: str | None = None

    def __str__(self) -> str:
        return ":".join(part for part in (self.repo, self.filename, self.quant) if part)


def parse_asked(name: str) -> Asked:
    """Take a repository's name apart; raises ModelError (``model_not_found``, ``invalid_name``)."""
    host = next((host for host in _HOSTS if name.startswith(host)), "")
    repo, *rest = name.removeprefix(host).split(":")
    if "/" not in repo:
        raise ModelError(
            f"Model {name!r} not found in registry; use a name that `models list` shows, or "
            "ORG/REPO of the model hub",
            code="model_not_found",
        )
    filename = rest.pop(0) if rest and rest[0].casefold().endswith(".gguf") else None
    quant = rest.pop(0) if rest else None
    if rest or not _is_repo(repo) or (quant is not None and not _QUANT.match(quant)):
        raise ModelError(
            f"Model {name!r} not found and invalid Repo/Repo:filename format; write ORG/REPO, "
            "ORG/REPO:QUANT or ORG/REPO:FILE.gguf",
            code="model_not_found",
        )
    return Asked(repo, check_file(filename) if filename is not None else None, quant)


def says_which(name: str) -> bool:
    """Tell whether a name means one file or quantization: a path, or with ``:`` in it."""
    host = next((host for host in _HOSTS if name.startswith(host)), "")
    return ":" in name.removeprefix(host) or parse_path(name) is not None


def parse_path(name: str) -> Path | None:
    """Return the path that ``name`` is, or None if it is another kind of name."""
    if not name.startswith(("/", "~", "./", "../")) or "\0" in name:
        return None
    try:
        return Path(name).expanduser().absolute()
    except RuntimeError:  # a home that does not exist
        return Path(name).absolute()


def check_repo(repo: str) -> str:
    """Return ``repo`` if it may name a repository; raises ModelError (``invalid_name``)."""
    if _is_repo(repo):
        return repo
    raise ModelError(f"{repo!r} is no repository; write ORG/REPO", code="invalid_name")


def check_file(filename: str) -> str:
    """Return ``filename`` if it may name a model file; raises ModelError (``invalid_name``)."""
    try:
        check_file_path(filename, "the model's file name")
    except ProtocolError as error:
        raise ModelError(error.message, code=error.code) from error
    if not filename.casefold().endswith(".gguf"):
        raise ModelError(f"{filename!r} is no GGUF file", code="invalid_name")
    return filename


def _is_repo(repo: str) -> bool:
    return (
        len(repo) <= _MAX_REPO_CHARS
        and _REPO.match(repo) is not None
        and ".." not in repo
        and "--" not in repo
    )
