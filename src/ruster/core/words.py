"""Texts as the words they are found by: lower case, no endings, no words that say nothing.

The endings are those of English; other languages are found by their whole words, and Chinese,
Japanese and Korean by pairs of characters.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["tokens"]

_MAX_CHARS = 20_000
_WORD = re.compile(r"[^\W_]+")
_PAIRS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_STOP_WORDS = (
    "a about after again all also am an and any are as ask asked asking at be because been before "
    "being both but by can could did do does doing done each either else even ever every few for "
    "from get give go had has have he hello help her here hers hey hi him his how i if in into is "
    "it its just know let like made make many may me might more most much must my need no nor not "
    "now of off ok okay on once one only or other our out over own please put question say says "
    "see shall she should show since skill skills so some somebody someone something such sure "
    "tell than thank thanks that the their them then there these they thing things this those to "
    "told too under until up upon us use used user users using very via want wants was way we "
    "well were what when whenever where which while who whom whose why will with within without "
    "would yes yet you your yours der die das ein eine und ist nicht ich du er sie es wir ihr zu "
    "im mit von auf den dem was wie le la les un une des et est je tu il elle nous vous que qui "
    "de du en dans pour pas el los las una uno y es yo que en por con para no se lo "
)
_STOP = frozenset(_STOP_WORDS.split())
_IRREGULAR = {"news": "news", "written": "write", "wrote": "write"}


def tokens(text: str) -> list[str]:
    """Return the telling words of a text, in their order."""
    plain = unicodedata.normalize("NFKC", text[:_MAX_CHARS]).casefold()
    found: list[str] = []
    for match in _WORD.finditer(plain):
        word = match[0]
        if _PAIRS.match(word):
            found.extend(word[at : at + 2] for at in range(max(1, len(word) - 1)))
        elif word not in _STOP and len(word) <= 40 and (len(word) > 1 or not word.isascii()):
            found.append(_stem(word))
    return found


def _stem(word: str) -> str:
    """Take the commonest English endings off: plurals, -ing, -ed, -er, and a last e or y."""
    if (known := _IRREGULAR.get(word)) is not None:
        return known
    if len(word) <= 3 or not word.isascii() or not word.isalpha():
        return word
    word = _singular(word)
    for ending in ("ing", "ed", "er", "or"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]  # planning: plann: plan
            break
    if len(word) > 3 and word[-1] in "ey":
        word = word[:-1]
    return word


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
