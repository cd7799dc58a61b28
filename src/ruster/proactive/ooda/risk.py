"""How risky an action is, by the words in it, and whether a person must be asked. No model has a
say in it. What cannot be told for sure counts as the worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ruster.core.tools import Effect, Risk
from ruster.proactive.ooda.look_alikes import in_doubt, plain, readings

__all__ = ["classify", "effects_of", "is_auto_allowed", "needs_approval"]

_WORDS: dict[str, tuple[Risk, frozenset[Effect]]] = {
    "purchase": (Risk.CRITICAL, frozenset({Effect.SPENDS, Effect.NETWORK})),
    "payment": (Risk.CRITICAL, frozenset({Effect.SPENDS, Effect.NETWORK})),
    "delete": (Risk.CRITICAL, frozenset({Effect.WRITES})),
    "self-update": (Risk.CRITICAL, frozenset({Effect.EXECUTES, Effect.NETWORK})),
    "deploy": (Risk.HIGH, frozenset({Effect.EXECUTES, Effect.NETWORK})),
    "restart": (Risk.HIGH, frozenset({Effect.EXECUTES})),
    "email": (Risk.HIGH, frozenset({Effect.SPENDS, Effect.NETWORK})),
    "shutdown": (Risk.HIGH, frozenset({Effect.EXECUTES})),
}
_ALWAYS_ASKED = ("purchase", "email", "deploy", "self-update")
_ORDER = tuple(Risk)
_EVERYTHING = "*"


def classify(action: str, severities: Iterable[str] = ()) -> Risk:
    """Return the risk of an action, given the severities of what was observed."""
    found = [_WORDS[word][0] for word in _found(action)]
    if in_doubt(action):
        found.append(Risk.HIGH)
    if found:
        return max(found, key=_ORDER.index)
    errors = any(plain(it).strip() == "error" for it in severities)
    return Risk.MEDIUM if errors else Risk.LOW


def needs_approval(action: str, risk: Risk, allowed: Sequence[str] = ()) -> bool:
    """Whether a person must be asked, unless the words in ``allowed`` let it pass."""
    risky = _ORDER.index(risk) >= _ORDER.index(Risk.HIGH)
    asked = risky or any(word in _ALWAYS_ASKED for word in _found(action))
    return asked and not is_auto_allowed(action, allowed)


def is_auto_allowed(action: str, allowed: Sequence[str]) -> bool:
    """Whether what makes an action risky is allowed, all of it; ``*`` allows everything.

    An allowed word lets pass what it names, not what stands beside it.
    """
    if _EVERYTHING in (it.strip() for it in allowed):
        return True
    words = sorted({plain(it).strip() for it in allowed} - {""}, key=len, reverse=True)
    text = plain(action)
    if in_doubt(action) or not any(word in text for word in words):
        return False
    for word in words:
        text = text.replace(word, "\n")
    return not _found(text)


def effects_of(action: str) -> frozenset[Effect]:
    """Return what an action would do, as far as its words tell."""
    found: frozenset[Effect] = frozenset()
    for word in _found(action):
        found |= _WORDS[word][1]
    if not found and in_doubt(action):
        return frozenset({Effect.EXECUTES})
    return found


def _found(action: str) -> list[str]:
    """Return the risky words of an action, however they are written."""
    read = readings(action)
    return [
        word for word in _WORDS if any(word in it or word.replace("-", "") in it for it in read)
    ]
