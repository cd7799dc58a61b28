"""What a person says of themself, told of them: "I love my dog" is "The user loves their dog".

English only, and only where each word is sure: anything else is None, and stays as it was said.
"""

from __future__ import annotations

import re

__all__ = ["about_user", "possessive", "sentence", "third_verb"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|[^\w\s]|\S+?(?=[\s,;:!?]|\Z)|\s+")
_LATER = {
    "i": "they",
    "i'm": "they are",
    "i've": "they have",
    "i'll": "they will",
    "me": "them",
    "my": "their",
    "mine": "theirs",
    "myself": "themselves",
    "we": "they",
    "we're": "they are",
    "we've": "they have",
    "we'll": "they will",
    "us": "them",
    "our": "their",
    "ours": "theirs",
    "ourselves": "themselves",
}
_FIRST = {
    "i'm": "The user is",
    "i've": "The user has",
    "i'll": "The user will",
    "my": "The user's",
    "our": "The user's",
}
_SAME = _words(
    "will can must should had was did went got took made bought met left lost broke sold quit "
    "gave came saw told said found kept paid spent began became wrote built knew grew chose never "
    "always usually often also only really"
)
_ODD = {
    "am": "is",
    "have": "has",
    "do": "does",
    "don't": "doesn't",
    "haven't": "hasn't",
    "can't": "can't",
    "won't": "won't",
    "didn't": "didn't",
    "wasn't": "wasn't",
    "cannot": "cannot",
    "go": "goes",
    "were": "was",
}
_BASE = _words(
    "avoid believe bring brush buy call care climb collect commute cook cycle dance dislike drink "
    "drive earn eat enjoy exercise fear feel fish follow get hate hear hike hope keep know learn "
    "leave like listen live love meditate miss need own paint pay plan play practise practice "
    "prefer program read rent ride run sail save see sing ski sleep smoke speak spend stay study "
    "support swim take teach think train travel treat trust try understand use vape visit "
    "volunteer vote wake walk want watch wear weigh wish work write"
)
_BARE_ADVERBS = _words("never always usually often also only really still currently")
_ENDS_ES = ("s", "x", "z", "ch", "sh", "o")


def third_verb(verb: str) -> str | None:
    """Return a verb as it follows "the user", or None for one that is not sure."""
    word = verb.lower()
    if word in _ODD:
        return _ODD[word]
    if word in _SAME or (word.endswith("ed") and len(word) > 4):
        return word
    if word not in _BASE:
        return None
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(_ENDS_ES) else "s")


def possessive(text: str) -> str:
    """Return what follows a verb, with the first person's words as the third's.

    "my dog when I'm ill" is "their dog when they are ill".
    """
    words: list[str] = []
    for word in _WORD.findall(text):
        spoken = word.lower()
        if spoken in ("am", "'m") and "they" in [it.lower() for it in words[-3:]]:
            word = "are"
        words.append(_LATER.get(spoken, word))
    return "".join(words)


def about_user(clause: str) -> str | None:
    """Return a clause that begins with the first person, told of the user; None if unsure."""
    head, _, rest = clause.strip().partition(" ")
    spoken = head.lower()
    if not rest:
        return None
    if spoken in _FIRST:
        return sentence(f"{_FIRST[spoken]} {possessive(rest)}")
    if spoken != "i":
        return None
    verb, _, rest = rest.partition(" ")
    said = []
    while verb.lower() in _BARE_ADVERBS and rest:
        said.append(verb)
        verb, _, rest = rest.partition(" ")
    told = third_verb(verb)
    if told is None:
        return None
    return sentence(" ".join(["The user", *said, told, possessive(rest)]))


def sentence(text: str) -> str:
    """Return a text as a sentence: one space between words, a capital first, a full stop last."""
    plain = " ".join(text.split()).rstrip(" ,;:")
    if not plain:
        return ""
    plain = plain[0].upper() + plain[1:]
    return plain if plain.endswith((".", "!", "?")) else f"{plain}."
