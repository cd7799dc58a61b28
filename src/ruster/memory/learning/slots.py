"""What a person has one of, and the words by which a text is seen to be about it.

A model that names the wrong one would have a fact put in place of another; so its word alone does
not do.
"""

from __future__ import annotations

import re

__all__ = ["SLOTS", "fitting_slot"]

SLOTS: dict[str, str] = {
    "user.name": r"name\b|is called\b|heißt\b",
    "user.called": r"called\b|genannt\b",
    "user.city": r"liv(?:es|ing)\b|moved\b|based in\b|resid|home\b|wohnt\b|lebt\b|gezogen\b",
    "user.address": r"address\b|adresse\b",
    "user.employer": r"works? (?:at|for)\b|employ|job at\b|company\b|arbeitet bei\b",
    "user.job": r"works as\b|job\b|profession|\bis an? \w+|arbeitet als\b|beruf",
    "user.birthday": r"birthday\b|geburtstag",
    "user.age": r"\d+ (?:years|jahre)|age\b",
    "user.time-zone": r"time ?zone|zeitzone",
    "user.phone": r"phone|telefon|mobile|handy",
    "user.email": r"e-?mail|@",
    "user.native-language": r"native|mother tongue|first language|muttersprache",
    "user.diet": r"vegetarian|vegan|diet|pescatarian|halal|kosher|vegetari",
    "user.nationality": r"nationality|citizen|staatsangehörig",
    "user.marriage": r"married|divorced|widow|engaged|single|verheiratet|geschieden|ledig",
}


_OF_THE_USER = re.compile(
    r"(?:the user (?!and\b|used to\b)|der nutzer |(?:the user's|der|die) (?:name|address|e-?mail|"
    r"phone|time ?zone|birthday|age|job|employer|company|nationality|diet|native language|"
    r"geburtstag|adresse|telefonnummer)\b)",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:not|no longer|never|nicht|kein\w*)\b|n't\b", re.IGNORECASE)


def fitting_slot(slot: str, text: str) -> str:
    """Return the slot if the text gives the user's own value of it, or none."""
    words = SLOTS.get(slot)
    if words is None or not _OF_THE_USER.match(text) or _DENIED.search(text):
        return ""
    return slot if re.search(words, text, re.IGNORECASE) else ""
