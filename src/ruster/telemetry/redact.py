"""Keeps secrets out of the log: known values and everything that looks like one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

__all__ = ["MASK", "Redactor", "looks_secret"]

MASK = "[redacted]"
_MIN_LENGTH = 6

_SHAPES = re.compile(
    r"""
    (?P<keep>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}
    | \b(?:sk|pk|rk|xai|gsk|hf|ghp|gho|ghs|ghu|glpat|xox[abprs])[-_][A-Za-z0-9_-]{10,}
    | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \bAIza[A-Za-z0-9_-]{30,}
    | \bAKIA[A-Z0-9]{12,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    | (?P<name>["']?\b[\w-]*(?:api[_-]?key|token|secret|passw(?:or)?d|authorization)\b
        ["']?\s*[=:]\s*["']?)
      (?!\[redacted\])[^\s"',;&}]{4,}
    | (?P<url>\b[a-z][a-z0-9+.-]*://[^\s/:@]+:)[^\s/@]+(?=@)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_SEPARATED = ("sk", "pk", "rk", "hf", "xai", "ghp", "gho", "ghs", "ghu", "glpat")
_HINTS = (
    *(
        f"{prefix}{mark}"
        for prefix in (*_SEPARATED, *(f"xox{c}" for c in "abprs"))
        for mark in "-_"
    ),
    *("bearer", "basic", "github_pat_", "aiza", "akia", "eyj", "-----begin", "://"),
    *("apikey", "api_key", "api-key", "token", "secret", "passw", "authorization"),
)
"""What every match of ``_SHAPES`` contains, in lower case: most lines have none of it, and looking
for a fixed text takes a fiftieth of the time."""
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)S?$", re.IGNORECASE)


def looks_secret(variable: str) -> bool:
    """Whether an environment variable's name says that its value is a secret."""
    return _SECRET_NAME.search(variable) is not None


class Redactor:
    """Replaces secrets in text. ``known`` are exact values, such as keys from the environment."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        plain = {v for v in known if len(v) >= _MIN_LENGTH}
        escaped = {json.dumps(v)[1:-1] for v in plain}  # as they stand in a JSON line
        values = sorted(plain | escaped, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, values))) if values else None

    def __call__(self, text: str) -> str:
        """Return ``text`` without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _SHAPES.sub(_mask, text) if _may_match(text) else text


def _may_match(text: str) -> bool:
    """Whether ``_SHAPES`` could find anything; its letters also match some beyond ASCII."""
    if not text.isascii():
        return True
    lowered = text.lower()
    return any(hint in lowered for hint in _HINTS)


def _mask(match: re.Match[str]) -> str:
    return (match["keep"] or match["name"] or match["url"] or "") + MASK
