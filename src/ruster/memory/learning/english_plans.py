"""Rules for tastes, habits, decisions and promises, in English."""

from __future__ import annotations

from ruster.memory.learning.lexicon import END, HABIT, OBJECT, TIME
from ruster.memory.learning.rule import Rule

__all__ = ["PLANS"]

_SURELY = r"(?:(?:really|absolutely|also|just|still|very much|honestly|generally|usually) )?"
_WE = r"(?:we've|we have|we)"
_I = r"(?:i've|i have|i)"
_FULL = r"(?P<plan>[^;\ufffc]{3,200})"
_TASTE = (
    Rule(
        rf"i {_SURELY}prefer (?P<object>[^,;:()\ufffc]{{2,60}}?) (?:to|over) "
        rf"(?P<other>[^,;:()\ufffc]{{2,60}}?){END}",
        "The user prefers {object} to {other}",
        kind="preference",
        score=0.7,
    ),
    Rule(
        rf"i {_SURELY}prefer (?!(?:to|that|if|not)\b){OBJECT}{END}",
        "The user prefers {object}",
        kind="preference",
        score=0.7,
    ),
    Rule(
        rf"i prefer (?P<what>(?:to|not to(?! say)) [^,;:()\ufffc]{{3,80}}?){END}",
        "The user prefers {what}",
        kind="preference",
        score=0.7,
    ),
    Rule(
        rf"i {_SURELY}(?P<verb>like|love|enjoy|hate|dislike|adore) (?!to (?:see|know|hear|think)\b)"
        rf"{OBJECT}{END}",
        "The user {verb} {object}",
        kind="preference",
        slot="user.taste.{object}",
        score=0.6,
    ),
    Rule(
        rf"i (?P<verb>don't|do not) {_SURELY}(?P<how>like|love|enjoy|eat|drink) {OBJECT}{END}",
        "The user doesn't {how} {object}",
        kind="preference",
        slot="user.taste.{object}",
        score=0.7,
    ),
    Rule(
        rf"i {_SURELY}(?:can't|cannot|can not) (?P<how>stand|bear|eat|drink) {OBJECT}{END}",
        "The user can't {how} {object}",
        kind="preference",
        slot="user.taste.{object}",
        score=0.8,
    ),
    Rule(
        rf"{_SURELY}(?:i'm|i am) (?P<what>(?:a (?:big |huge )?fan of|into|fond of|"
        rf"afraid of|scared of) ){OBJECT}{END}",
        "The user is {what} {object}",
        kind="preference",
        slot="user.taste.{object}",
    ),
    Rule(
        r"my (?:all[- ]time )?(?P<how>least )?(?:favou?rite) (?P<what>[^\W\d_]+(?: [^\W\d_]+){0,2})"
        rf"(?:'s| is| are) (?!not\b)(?P<object>[^,;()\ufffc]{{2,80}}?){END}",
        "The user's {how} favourite {what} is {object}",
        kind="preference",
        slot="user.{how}favourite-{what}",
        score=0.7,
    ),
    Rule(
        rf"i want you to (?P<what>(?:always|never|only|stop) [^,;\ufffc]{{3,120}}?){END}",
        "The user wants you to {what}",
        kind="preference",
        score=0.8,
    ),
    Rule(
        rf"i (?:always|usually|never|rarely|mostly|often|only) {HABIT} {OBJECT}{END}",
        kind="preference",
    ),
    Rule(
        r"i (?:always |usually |only )?(?:drink|wear(?! many hats)|wake up|get up|go to bed|"
        r"drive (?=an? )|speak (?=(?-i:[A-Z]))|play (?!(?:with|along|around|back|on|by)\b))"
        rf" ?{OBJECT}{END}",
        kind="preference",
        score=0.5,
    ),
    Rule(
        rf"i {HABIT} (?P<object>[^,;:()\ufffc]{{0,60}}?\b(?:every|each|"
        r"(?:once|twice|\w+ times) an?) [^,;:()\ufffc]{2,40}?)" + END,
        kind="preference",
        score=0.5,
    ),
    Rule(
        rf"i (?:don't|do not|no longer|never) (?P<what>smoke|drink|drink alcohol|drive){END}",
        "The user doesn't {what}",
        kind="preference",
    ),
)
_CHOICE = (
    r"(?:to (?!(?:the|this|that|these|those|my|your|our|an?|disagree)\b)|not to |on |against |"
    r"upon |that (?=\S+ \S+ ))"
)
_DECISIONS = (
    Rule(
        rf"{_WE} (?:finally |now |just |also )?(?:decided|agreed|resolved) (?P<how>{_CHOICE})"
        rf"{_FULL}",
        "It was decided {how} {plan}",
        kind="decision",
        score=0.8,
    ),
    Rule(
        rf"{_I} (?:finally |now |just |also )?(?P<how>decided|resolved|agreed) (?P<what>{_CHOICE})"
        rf"{_FULL}",
        "The user {how} {what} {plan}",
        kind="decision",
        score=0.8,
    ),
    Rule(
        rf"(?:{_WE}|{_I}) (?:finally |now )?(?:chose|chosen|settled on|opted for) {OBJECT}{END}",
        "It was decided: {object}",
        kind="decision",
        score=0.7,
    ),
    Rule(
        r"(?:we're|we are) (?:definitely )?going with (?!(?:him|her|them|my|our|friends)\b)"
        rf"{OBJECT}{END}",
        "It was decided: {object}",
        kind="decision",
        score=0.7,
    ),
    Rule(
        rf"(?:(?:our|my|the|the final) )?decision(?: is| was)?"
        rf"(?:: ?| (?=(?:to|not to|that|against)\b)){_FULL}",
        "It was decided: {plan}",
        kind="decision",
        score=0.8,
    ),
)
_PROMISES = (
    Rule(
        rf"i promise(?:d)? (?:you |(?P<whom>(?-i:[A-Z])[^\W\d_]+|my [^\W\d_]+) )?"
        rf"(?:that )?(?P<how>not )?(?:i'll|i will|to) {_FULL}",
        "The user promised {whom} {how} to {plan}",
        kind="promise",
        score=0.8,
    ),
    Rule(
        rf"(?:i'll|i will|i'm going to|i am going to) (?:definitely |certainly )?"
        rf"(?!(?:need|want|have|like|love|hate|be|see|think|know|never|not|probably|ask|try|wait)\b)"
        rf"(?P<what>[^,;:()\ufffc]{{3,100}}?\b{TIME}){END}",
        "The user will {what}",
        kind="promise",
        score=0.7,
    ),
    Rule(
        rf"i owe (?P<object>(?:(?-i:[A-Z])|my )[^,;:()\ufffc]{{3,80}}?){END}",
        "The user owes {object}",
        kind="promise",
        score=0.7,
    ),
)
PLANS = (*_TASTE, *_DECISIONS, *_PROMISES)
