"""When two texts say the same: their words are the same but for those that change nothing.

Careful on purpose. Names, numbers, negations, tenses and the order of words all count, so that no
fact is taken for another; what only means the same is a matter for a model.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

__all__ = ["digest_of"]

_WORD = re.compile(r"[^\W_]+(?:['.,:/-][^\W_]+)*|[^\w\s.,;:!?\"'()]")
_EMPTY_WORDS = "a an the that this also really very just please remember note actually so well ok"
_EMPTY = frozenset(_EMPTY_WORDS.split())
_SHORT = (
    ("won't", "will not"),
    ("can't", "can not"),
    ("cannot", "can not"),
    ("n't", " not"),
    ("i'm", "i am"),
    ("'re", " are"),
    ("'ve", " have"),
    ("'ll", " will"),
)


def digest_of(text: str) -> bytes:
    """Return what all texts that say the same have in common (16 bytes)."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    for short, full in _SHORT:
        plain = plain.replace(short, full)
    words = [word for word in _WORD.findall(plain) if word not in _EMPTY] or [plain.strip()]
    return hashlib.blake2b("\0".join(words).encode(), digest_size=16).digest()
