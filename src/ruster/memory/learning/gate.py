"""Whether a statement may hold something that lasts: cheap, and before any model is asked."""

from __future__ import annotations

import re

from ruster.core.words import tokens
from ruster.memory.learning.reading import Statement

__all__ = ["may_last"]

_FIRST_PERSON = re.compile(
    r"\b(?:i|i'm|i've|i'll|my|mine|me|we|we're|we've|we'll|our|ours|us|"
    r"ich|mein|meine|meinem|meinen|meiner|mir|mich|wir|unser|unsere)\b",
    re.IGNORECASE,
)
_WEIGHTY = re.compile(
    r"\b(?:remember|decided|decision|agreed|promise|promised|deadline|birthday|allergic|"
    r"from now on|beschlossen|entschieden|versprochen|verspreche|merk dir)\b",
    re.IGNORECASE,
)
_OF_THE_MOMENT = re.compile(
    r"(?:i|we|ich|wir)(?:'m|'ve|'d)? ?(?:am |have |just |really |still |also |only |habe )*"
    r"(?:need|want|got|get|getting|see|seeing|saw|think|thought|guess|mean|meant|know|understand|"
    r"try|tried|trying|look|looking|looked|wonder|wondering|ask|asked|asking|have a question|"
    r"a question|an error|question|copy|copied|paste|pasted|run|ran|running|click|clicked|tested|"
    r"installed|changed|added|removed|updated|sorry|stuck|confused|sure|agree|hope|appreciate|"
    r"brauche|möchte|will|sehe|denke|glaube|verstehe)\b",
    re.IGNORECASE,
)
_TO_THE_AGENT = re.compile(
    r"(?:please|give|show|tell|help|send|find|make|write|let|explain|list|fix|add|remove|change|"
    r"check|run|open|read|create|use|try|do|stop|look|search|summarise|summarize|compare|remind|"
    r"thanks|thank you|bitte|zeig|gib|hilf|such|mach)\b",
    re.IGNORECASE,
)
_FEWEST_TELLING = 2


def may_last(statement: Statement) -> bool:
    """Whether a statement may be worth keeping: the user speaks of themself, or weightily.

    What is wanted, tried or seen at the moment, and what the agent is to do, is not.
    """
    text = statement.text
    if statement.asked:
        return True
    if len(tokens(text)) < _FEWEST_TELLING or _TO_THE_AGENT.match(text):
        return False
    if _WEIGHTY.search(text):
        return True
    return bool(_FIRST_PERSON.search(text)) and not _OF_THE_MOMENT.match(text)
