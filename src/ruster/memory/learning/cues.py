"""Words and marks that tell what in a message is its writer's own, and where parts of it end."""

from __future__ import annotations

import re

__all__ = [
    "AFTER_DAY",
    "ASKED_AFTER",
    "CLAUSE",
    "CODE",
    "DAY",
    "FENCE",
    "GREETING",
    "JOKE",
    "LEAD_IN",
    "LETTER",
    "NAMED",
    "NO_END",
    "QUESTION",
    "QUOTES",
    "REMEMBER",
    "SENTENCE_END",
    "SINGLE_QUOTES",
    "UNSURE",
    "WORK_ON_TEXT",
]

FENCE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
CODE = re.compile(r"`[^`\n]{1,400}`")
NAMED = re.compile(
    r"\b(called|named|name is|call me|heißt|heiße)\s+[\"'“„«]([^\"'”“»\n]{1,40})[\"'”“»]", re.I
)
QUOTES = re.compile(r"\"[^\"\n]{1,2000}\"|“[^”\n]{1,2000}”|„[^“”\n]{1,2000}[“”]|«[^»\n]{1,2000}»")
SINGLE_QUOTES = re.compile(r"(?<![\w'])'[^'\n]{1,400}'(?![\w'])")
LETTER = re.compile(
    r"^(?:dear|from:|to:|subject:|betreff:|von:|best regards|kind regards|regards,|sincerely|"
    r"yours |cheers,|sehr geehrte|liebe[rs]? |mit freundlichen|on .{4,80} wrote:|-----)",
    re.IGNORECASE,
)
WORK_ON_TEXT = re.compile(
    r"\b(?:translat|proof-?read|rewrit|rephras|paraphras|summari|correct (?:this|the|my)|"
    r"grammar|spell-?check|role-?play|pretend|imagine|suppose|let'?s say|hypothetical|"
    r"act as|you are now|once upon|lyrics|write (?:me )?(?:a|an|the|my|some)\b|draft|"
    r"(?:the|this) following|for example|e\.g\.|example:|as (?:a|an) example|übersetz|"
    r"korrigier|stell dir vor|schreib|zum beispiel|z\.\s?b\.)",
    re.IGNORECASE,
)
JOKE = re.compile(r"\b(?:just kidding|only kidding|only joking|just joking|jk|j/k)\b", re.I)
UNSURE = re.compile(
    r"\b(?:if|unless|wish|as though|what if|would|could|might|maybe|perhaps|probably|"
    r"possibly|or rather|scratch that|i think|i guess|i suppose|not sure|unsure|or something|"
    r"used as|wenn|falls|würde|wäre|hätte|könnte|vielleicht|wahrscheinlich|glaube ich|"
    r"angenommen)\b",
    re.IGNORECASE,
)
QUESTION = re.compile(
    r"(?:who|whom|whose|what|when|where|which|why|how|do|does|did|is|are|am|was|were|can|could|"
    r"will|would|shall|should|have|has|had|may|might|isn't|aren't|don't|doesn't|didn't|"
    r"wer|wie|wo|wann|warum|welche[rsmn]?|kannst|kann|hast|habe ich|bin ich)\b",
    re.IGNORECASE,
)
GREETING = re.compile(r"(?:hi|hello|hey|hallo)(?: there| ruster)?[\s,.!]*", re.IGNORECASE)
LEAD_IN = re.compile(
    r"(?:(?:hi|hello|hey|hallo|well|so|ok|okay|oh|yes|yeah|no|nope|btw|by the way|also|and|but|"
    r"actually|fyi|for your information|just so you know|so you know|for the record|"
    r"for future reference|to be honest|honestly|anyway|thanks|thank you|great|sure|"
    r"please note(?: that)?|note that|you should know(?: that)?|as you know|right now|"
    r"these days|nowadays|currently|since|good (?:morning|evening|afternoon)|there|"
    r"übrigens|also|ja|nein|danke|und|aber|ruster)\b[\s,:.!-]*){1,4}",
    re.IGNORECASE,
)
REMEMBER = re.compile(
    r"(?:(?:can|could|would|will) you )?(?:please |i want you to |bitte )?(?:also )?(?:always )?"
    r"(?:(?:remember|keep in mind|bear in mind|don't forget|do not forget|memori[sz]e|"
    r"make a note|take note|note down|note)(?: this| the following)?"
    r"(?: that |: ?| - |, (?:that )?| (?=(?:i|i'm|i've|i'll|my|we|our)\b))|"
    r"(?:merk|merke) dir(?: bitte)?(?:, dass |: ?)|vergiss nicht(?:, dass |: ?))\s*",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"[.!?…]+(?=[\s)\]]|\Z)|\n+")
NO_END = re.compile(
    r"\b(?:dr|mr|mrs|ms|prof|st|sr|jr|vs|etc|no|nr|approx|ca|inc|ltd|co|[a-zäöü])\Z", re.I
)
DAY = re.compile(r"\b\d{1,2}\Z")
AFTER_DAY = re.compile(
    r"\s*(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|"
    r"[a-zäöü])"
)
"""What follows a day of the month as it is written in German: "3. Mai"."""
ASKED_AFTER = re.compile(
    r",? (?:and |so |but )?(?=(?:what|who|how|can|could|do you|does|would|will you|where|when|"
    r"which|why|should|is there|are there|any |kannst|was|wie|wo)\b)",
    re.IGNORECASE,
)
CLAUSE = re.compile(
    r"(?:\s*[;\u2013\u2014]\s*| - |,? (?:and|but|so|und|aber) "
    r"(?=(?:i|i'm|i've|i'll|my|we|we've|ich|mein|meine|wir)\b)|"
    r", (?=(?:i|i'm|i've|i'll|my|we|ich|mein|meine|wir)\b)|"
    r",? (?:and|but) (?=(?:live|work|like|love|hate|prefer|have|am|was|speak|drive|moved|study|"
    r"don't|can't|never|always)\b))",
    re.IGNORECASE,
)
