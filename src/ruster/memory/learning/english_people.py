"""Rules for names, and for those near the user, in English."""

from __future__ import annotations

from ruster.memory.learning.lexicon import (
    DATE,
    DIET,
    END,
    JOB,
    NAME,
    NATION,
    OBJECT,
    OF_CODE,
    PERSON,
    PLACE,
    RELATION,
)
from ruster.memory.learning.rule import Rule

__all__ = ["GREETED", "PEOPLE"]

_ADJECTIVE = r"(?:(?!is\b)[^\W\d_]+ )"
_COUNT = r"(?:a|an|one|two|three|four|five|six|\d{1,2})"

_NAMES = (
    Rule(
        rf"my (?:first |given |full |real )?name(?:'s| is) {NAME}{END}",
        "The user's name is {name}",
        slot="user.name",
        score=0.9,
    ),
    Rule(
        rf"(?:please |just |you can |you may |everyone calls me |everybody calls me |"
        rf"my friends call me |people call me |i'm called |i am called |i go by )"
        rf"(?:please )?(?:call me )?{NAME}{END}",
        "The user is called {name}",
        kind="preference",
        slot="user.called",
        score=0.9,
    ),
    Rule(
        rf"call me {NAME}{END}",
        "The user is called {name}",
        kind="preference",
        slot="user.called",
        score=0.9,
    ),
    Rule(
        r"my pronouns are (?P<what>[a-z]+(?:/[a-z]+){1,2})" + END,
        "The user's pronouns are {what}",
        slot="user.pronouns",
        score=0.9,
    ),
)
_NEAR = (
    Rule(
        rf"(?:my|our) (?P<rel>{_ADJECTIVE}?{_ADJECTIVE}?(?!{OF_CODE}\b)[^\W\d_]+(?:-[^\W\d_]+)*)"
        rf"(?:'s name)?(?: is| are| was|'s) (?:called|named) {NAME}{END}",
        "The user's {rel} is called {name}",
        slot="user.my-{rel}.name",
        score=0.8,
    ),
    Rule(
        rf"my (?P<rel>{_ADJECTIVE}?{_ADJECTIVE}?{RELATION})'s name(?:'s| is) {NAME}{END}",
        "The user's {rel} is called {name}",
        slot="user.my-{rel}.name",
        score=0.8,
    ),
    Rule(
        rf"my (?P<rel>{_ADJECTIVE}?{PERSON})(?:'s| is) (?!{NATION}\b)"
        r"(?P<name>(?-i:[A-ZÀ-Þ])[^\W\d_]{1,20})"
        r"(?=\Z|[,;]| and (?:i|my)\b)",
        "The user's {rel} is called {name}",
        slot="user.my-{rel}.name",
        score=0.7,
    ),
    Rule(
        rf"my (?P<rel>{_ADJECTIVE}?{RELATION}),? (?P<name>(?-i:[A-ZÀ-Þ])[^\W\d_]{{1,20}}),? "
        r"(?=(?:is|was|has|lives|works|loves|likes|hates|wants|goes|just|turned|starts|who)\b)",
        "The user's {rel} is called {name}",
        slot="user.my-{rel}.name",
        score=0.7,
    ),
    Rule(
        rf"my (?P<rel>{PERSON})(?:'s| is) (?P<what>(?:not )?(?:{DIET}|{NATION}|an? {JOB})){END}",
        "The user's {rel} is {what}",
    ),
    Rule(
        rf"(?:i|we|i've|we've) (?:also )?(?:have|got|own) (?P<count>an?|one) "
        rf"(?P<rel>{_ADJECTIVE}?{_ADJECTIVE}?{RELATION})(?: who is| that is)?"
        rf",? (?:called|named) {NAME}(?:{END}|(?= and (?:an?|another|one)\b))",
        "The user has {count} {rel} called {name}",
        slot="user.my-{rel}.name",
        score=0.8,
    ),
    Rule(
        rf"i (?:also )?have (?P<what>{_COUNT} {_ADJECTIVE}?{RELATION}s?"
        rf"(?: and {_COUNT} {_ADJECTIVE}?{RELATION}s?)?"
        r"(?:[,:]? (?:called |named )?(?-i:[A-Z])[^\W\d_]+(?:,? and (?-i:[A-Z])[^\W\d_]+)?)?)"
        rf"(?! (?:who|which)\b){END}",
        "The user has {what}",
    ),
    Rule(
        rf"i (?:don't|do not) have (?:a |an |any )?(?P<what>(?:{RELATION}s?|children|kids|"
        r"pets|siblings))" + END,
        "The user has no {what}",
    ),
    Rule(
        rf"my (?P<rel>{RELATION})'s birthday(?:'s| is) (?:on )?{DATE}{END}",
        "The user's {rel}'s birthday is {date}",
        slot="user.my-{rel}.birthday",
        score=0.8,
    ),
    Rule(
        rf"my (?P<rel>{RELATION}) (?:now |currently )?lives in {PLACE}{END}",
        "The user's {rel} lives in {place}",
        slot="user.my-{rel}.city",
    ),
    Rule(
        rf"my (?P<rel>{RELATION})(?: is|'s) (?:(?:severely|very|also) )?allergic to {OBJECT}{END}",
        "The user's {rel} is allergic to {object}",
        slot="user.my-{rel}.allergy.{object}",
        score=0.9,
    ),
    Rule(
        rf"my (?P<rel>{RELATION})(?: is|'s) not allergic to {OBJECT}{END}",
        "The user's {rel} is not allergic to {object}",
        slot="user.my-{rel}.allergy.{object}",
        score=0.8,
    ),
    Rule(
        rf"my (?P<rel>{RELATION}) works (?P<how>at|for|as) (?P<where>[^,;:()]{{2,60}}?){END}",
        "The user's {rel} works {how} {where}",
        slot="user.my-{rel}.work",
    ),
    Rule(
        rf"my (?P<rel>{RELATION}) (?:has )?(?:died|passed away)\b(?P<rest>[^,;:()]{{0,60}}?){END}",
        "The user's {rel} has died {rest}",
    ),
)
PEOPLE = (*_NAMES, *_NEAR)
GREETED = Rule(
    rf"(?:i'm|i am) (?!{NATION}\b)(?P<name>(?-i:[A-ZÀ-Þ])[^\W\d_]{{1,20}}){END}",
    "The user's name is {name}",
    slot="user.name",
    score=0.8,
)
"""For the clause after a greeting: "Hello, I'm Ann"."""
