"""When a person asks that something be forgotten: found by words alone, without a model."""

from __future__ import annotations

import re

__all__ = ["asks_to_forget", "forget_request"]

_MAX_CHARS = 2000
_POLITE = (
    r"(?:(?:hey|hi|ok|okay|well|actually|oh|and|so|no|please|now|ruster|bitte)[\s,!.]+){0,4}"
    r"(?:(?:can|could|would|will) you (?:please )?|you (?:can|should|may|must) |"
    r"i(?: want|'d like| would like) you to |kannst du (?:bitte )?)?(?:please |just |now )?"
)
_ASKS = re.compile(
    _POLITE + r"(?:forget|unlearn|vergiss)\b|"
    rf"{_POLITE}(?:delete|erase|remove|wipe|lösche?)\b(?=.{{0,60}}\b(?:remember|know|"
    r"your memor(?:y|ies)|memories (?:of|about)|from memory|told you|said|"
    r"stored|saved|weißt|gesagt|gedächtnis)\b)",
    re.IGNORECASE,
)
_WHAT = re.compile(
    r"(?:forget|unlearn|vergiss|delete|erase|remove|wipe|lösche?)[\s:,]+(?:bitte )?(?:"
    r"(?:about )?(?:what|everything|anything|all|the things?|whatever|the fact|that thing)"
    r"(?: of)?(?: that| what)?(?: (?:i|i've|i have|you|you've|we) (?:\w+ ){0,2}?"
    r"(?:said|told you|tell you|mentioned|wrote|know|remember|learned|learnt|stored|saved|have|"
    r"shared|noted|talked))?(?: about| of| on| that|:)|"
    r"(?:about )?(?:your |the |all |any )?(?:memor(?:y|ies)|notes?|records?) (?:about|of|on|that)|"
    r"(?:was|alles,? was) (?:ich|du|wir) .{0,40}?\büber|alles über|,? ?dass|that|about|"
    r"from your memory)?[\s:,]*(?P<what>.*)",
    re.IGNORECASE | re.DOTALL,
)
_ENDING = re.compile(
    r"[\s,.!?]*(?:(?:please|thanks|thank you|bitte|from (?:your |the )?memory|"
    r"(?:ever )?again|anymore|ok|okay|right now|now|will you|would you|"
    r"(?:that )?(?:i|you) (?:told you|said|know|remember|mentioned)|weißt|gesagt habe)"
    r"[\s,.!?]*)+\Z",
    re.IGNORECASE,
)
_NOTHING_MEANT = re.compile(
    r"(?:it|that|this|about (?:it|that|this)|them|those|what i (?:just )?said|me|you|everything|"
    r"all|anything|to\b.*|how\b.*|why\b.*|when\b.*|the (?:last|previous|above)\b.*|"
    r"my (?:last|previous) (?:message|question|request)|das|es|alles)?",
    re.IGNORECASE | re.DOTALL,
)


def asks_to_forget(sentence: str) -> bool:
    """Whether a sentence asks that something be forgotten, also if it is not said what."""
    return _ASKS.match(sentence.strip()) is not None


def forget_request(text: str) -> str | None:
    """Return what a message wants forgotten, in the writer's words; None for any other message.

    "Forget that I live in Hanoi" gives "I live in Hanoi". "Forget it" names nothing: None.
    """
    plain = text[:_MAX_CHARS].replace("\u2019", "'").strip()
    asked = _ASKS.match(plain)
    if asked is None:
        return None
    verb = re.search(r"(?:forget|unlearn|vergiss|delete|erase|remove|wipe|lösche?)\b", plain, re.I)
    found = _WHAT.match(plain, verb.start()) if verb else None
    if found is None:
        return None
    what = _ENDING.sub("", found["what"].split("\n\n")[0]).strip(" \t\n,.!?:;\"'“”")
    return None if _NOTHING_MEANT.fullmatch(what) else what
