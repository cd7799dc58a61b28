"""Keeps secrets out of the log: known values and everything that looks like one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

__all__ = ["MASK", "Redactor", "looks_secret"]

MASK = "[redacted]"
_MIN_LENGTH = 6

_NAMES = (
    r"api[_-]?key|access[_-]?key(?:[_-]?id)?|account[_-]?key|private[_-]?key|secret[_-]?key"
    r"|secret(?:[_-]?access[_-]?key)?|token|passw(?:or)?d|passphrase|pwd|credentials?"
    r"|(?:proxy[_-]?)?auth(?:orization)?|(?:set-)?cookie"
)
_COLOUR = r"(?:\x1b\[[0-9;]*m)*"
_QUOTE = r"\\*[\"']"

_SHAPES = re.compile(
    rf"""
    (?P<keep>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{{8,}}
    | \b(?:sk|pk|rk|xai|gsk|hf|ghp|gho|ghs|ghu|glpat|glsa|npm|pypi|nvapi|r8|dop_v1|xapp
        |xox[abprs])[-_][A-Za-z0-9_-]{{10,}}
    | \bgithub_pat_[A-Za-z0-9_]{{20,}}
    | \bAIza[A-Za-z0-9_-]{{30,}}
    | \bya29\.[A-Za-z0-9_-]{{10,}}
    | \bSG\.[A-Za-z0-9_-]{{16,}}\.[A-Za-z0-9_-]{{16,}}
    | \bA(?:KIA|SIA)[A-Z0-9]{{12,}}
    | \bAGE-SECRET-KEY-1[A-Z0-9]{{20,}}
    | \b\d{{8,10}}:[A-Za-z0-9_-]{{30,}}
    | \beyJ[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]*
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY(?:[ ]BLOCK)?-----
      (?:.*?-----END[ ][A-Z ]*PRIVATE[ ]KEY(?:[ ]BLOCK)?-----|(?:[^"'\\]|\\[nr])*)
    | (?P<name>(?:{_QUOTE})?\b[\w-]{{0,64}}(?:{_NAMES})\b(?:{_QUOTE})?{_COLOUR}\s*[=:]\s*{_COLOUR})
      (?:(?P<quote>{_QUOTE})(?!\[redacted\])(?:\\.|[^\\])*?(?P=quote)
        |(?P<open>(?:{_QUOTE})?(?:(?:Bearer|Basic|Token|Digest)\s+)?)
         (?!\[redacted\])[^\s"',;&}}\x1b]{{4,}})
    | (?P<url>\b[a-z][a-z0-9+.-]{{0,31}}://[^\s/:@]{{0,256}}:)[^\s/@]+(?=@)
    | (?P<hook>hooks\.slack\.com/services/)[A-Za-z0-9/]+
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
"""What secrets look like, whoever logs them. Repetitions are bounded: lines may be long."""
_PREFIXES = (
    *("sk", "pk", "rk", "xai", "gsk", "hf", "ghp", "gho", "ghs", "ghu", "glpat", "glsa", "npm"),
    *("pypi", "nvapi", "r8", "dop_v1", "xapp"),
    *(f"xox{letter}" for letter in "abprs"),
)
_HINTS = (
    *(f"{prefix}{mark}" for prefix in _PREFIXES for mark in "-_"),
    *("bearer", "basic", "github_pat_", "aiza", "ya29.", "sg.", "akia", "asia", "eyj"),
    *("age-secret-key", "-----begin", "://", "hooks.slack"),
    *("key", "token", "secret", "passw", "passphrase", "pwd", "credential", "auth", "cookie"),
)
"""What a match of ``_SHAPES`` contains, in lower case, unless it is one of ``_NUMBERED``: most
lines have none of it, and looking for a fixed text takes a fiftieth of the time."""
_COUNTS = 'tokens":'
"""The end of the names of our own counts, in every second line; no name of a secret ends so."""
_NUMBERED = re.compile(r"\d{8}:")
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
    lowered = text.lower().replace(_COUNTS, " ")
    return any(hint in lowered for hint in _HINTS) or _NUMBERED.search(text) is not None


def _mask(match: re.Match[str]) -> str:
    if (quote := match["quote"]) is not None:
        return f"{match['name']}{quote}{MASK}{quote}"
    kept = match["keep"] or match["name"] or match["url"] or match["hook"] or ""
    return kept + (match["open"] or "") + MASK
