"""The words of a question that say what it is about, as FTS5 takes them.

Every word goes in as a quoted string, so that nothing of a question is syntax.
"""

from __future__ import annotations

import re

from ruster.memory.index.words import paired

__all__ = ["query_terms"]

_MAX_CHARS = 8192
_MAX_TERMS = 32
_MAX_WORD = 64
_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = (
    "a about all also am an and any are as at be been being but by can could did do does doing "
    "for from had has have having he her here hers him his how i if in into is it its just me "
    "might my no nor not of on or our ours please shall she should so some such tell than that "
    "the their theirs them then there these they this those to too us very was we were what "
    "when where which while who whom whose why will with would you your yours d ll m re s t ve "
    "der die das ein eine und ist nicht ich du er sie es wir ihr zu im mit von auf den dem wer "
    "wie wo wann le la les un une des et est je tu il elle nous vous que qui de en dans pour "
    "el los las una y es yo por con para se lo"
)
_STOP = frozenset(_STOP_WORDS.split())


def query_terms(text: str) -> list[str]:
    """Return the telling words of a question, each once, at most 32.

    All words, when none is telling. Each is a quoted string of FTS5.
    """
    words = _WORD.findall(paired(text[:_MAX_CHARS].lower()))
    words = [word for word in dict.fromkeys(words) if len(word) <= _MAX_WORD]
    telling = [word for word in words if word not in _STOP] or words
    return [f'"{word}"' for word in telling[:_MAX_TERMS]]
