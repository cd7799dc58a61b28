"""Rules for what people are, have and can be reached by, in English."""

from __future__ import annotations

from ruster.memory.learning.lexicon import (
    ATTRIBUTE,
    DATE,
    DIET,
    END,
    NATION,
    OBJECT,
    OPINION,
    PLACE,
    TOLD_SMALL,
)
from ruster.memory.learning.rule import Rule

__all__ = ["SELF"]

_IM = r"(?:i'm|i am|im) "
_IVE = r"(?:i've|i have|i) "

SELF = (
    Rule(
        rf"my birthday(?:'s| is) (?:on )?{DATE}{END}",
        "The user's birthday is {date}",
        slot="user.birthday",
        score=0.9,
    ),
    Rule(
        rf"i was born (?:on |in )?(?P<what>{DATE}|(?:19|20)\d\d)(?: in {PLACE})?{END}",
        "The user was born {what}",
        slot="user.born",
        score=0.8,
    ),
    Rule(
        rf"{_IM}(?P<age>1[2-9]|[2-9]\d|10\d)(?: years old| years of age| y/?o)?(?=\Z|[,;]| and\b)",
        "The user is {age} years old",
        slot="user.age",
    ),
    Rule(
        rf"{_IVE}(?:just |recently )?turned (?P<age>1[2-9]|[2-9]\d|10\d)"
        rf"(?: (?:today|yesterday|last \w+|this \w+))?{END}",
        "The user is {age} years old",
        slot="user.age",
    ),
    Rule(
        rf"{_IM}(?P<what>\d[\d.,]* ?(?:m|cm|meters|metres|feet|foot|ft)(?: \d{{1,2}})?) tall{END}",
        "The user is {what} tall",
        slot="user.height",
    ),
    Rule(
        rf"i weigh (?P<what>\d[\d.,]* ?(?:kg|kilos?|kilograms|pounds|lbs?|stone)){END}",
        "The user weighs {what}",
        slot="user.weight",
    ),
    Rule(
        rf"{_IM}(?:also )?not allergic to {OBJECT}{END}",
        "The user is not allergic to {object}",
        slot="user.allergy.{object}",
        score=0.8,
    ),
    Rule(
        rf"{_IM}(?:(?:severely|highly|very|also|deathly|mildly|slightly) )?"
        rf"allergic to {OBJECT}{END}",
        "The user is allergic to {object}",
        slot="user.allergy.{object}",
        score=0.95,
    ),
    Rule(
        r"i (?:have|suffer from) (?:a |an )?(?:(?:severe|bad|strong|mild) )?"
        rf"(?P<object>[^\W\d_]+(?: [^\W\d_]+)?) allergy{END}",
        "The user is allergic to {object}",
        slot="user.allergy.{object}",
        score=0.95,
    ),
    Rule(
        r"(?:i have|i've got|i suffer from) (?P<what>(?:type [12] )?(?:diabetes|asthma|epilepsy|"
        r"celiac disease|coeliac disease|migraines?|insomnia|adhd|dyslexia|arthritis|"
        r"high blood pressure|hay fever|a heart condition|lactose intolerance|depression|"
        rf"anxiety)){END}",
        "The user has {what}",
        score=0.8,
    ),
    Rule(
        rf"(?:{_IM}(?:also )?|i've been )(?P<what>(?:not )?{DIET})(?: for [^,;]{{2,30}}| since "
        rf"[^,;]{{2,30}})?{END}",
        "The user is {what}",
        score=0.8,
    ),
    Rule(rf"{_IM}(?P<what>(?:not )?{NATION}){END}", "The user is {what}", slot="user.nationality"),
    Rule(
        rf"{_IM}(?:now |recently |happily |not )?(?P<what>married|divorced|widowed|engaged|single)"
        rf"(?P<whom> to (?-i:[A-Z])[^\W\d_]+)?{END}",
        kind="fact",
        slot="user.marriage",
    ),
    Rule(
        r"(?:my|our) (?P<what>(?:home |postal )?address)(?:'s| is) (?!not\b)"
        r"(?P<object>[^;\ufffc]{5,120}\d[^;\ufffc]{0,60}|\d[^;\ufffc]{5,120})",
        "The user's {what} is {object}",
        slot="user.{what}",
        score=0.7,
    ),
    Rule(
        rf"(?:my|our) (?P<what>{ATTRIBUTE})(?:'s| is| are) (?!not\b|\d+ years?\b|"
        rf"an? {OPINION}\b)(?P<object>(?=an? |"
        rf"[^,;()]{{0,40}}(?:[\d@]|(?-i:[A-ZÀ-Þ])))[^,;()\ufffc]{{2,100}}?){END}",
        "The user's {what} is {object}",
        slot="user.{what}",
        score=0.7,
    ),
    Rule(
        rf"my (?P<what>{TOLD_SMALL})(?:'s| is| are) (?!not\b)"
        rf"(?P<object>(?:to )?[^\W\d_]+(?: [^\W\d_]+){{0,4}}?){END}",
        "The user's {what} is {object}",
        slot="user.{what}",
    ),
    Rule(
        rf"{_IM}(?:currently |still |also )?(?P<what>learning|training for|saving (?:up )?for) "
        rf"{OBJECT}{END}",
        "The user is {what} {object}",
    ),
)
