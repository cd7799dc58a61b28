"""Rules for where people live and what they do, in English."""

from __future__ import annotations

from ruster.memory.learning.lexicon import END, JOB, OBJECT, ORGANISATION, PLACE
from ruster.memory.learning.rule import Rule

__all__ = ["LIFE"]

_IM = r"(?:i'm|i am|im) "
_IVE = r"(?:i've|i have|i) "
_NOW = r"(?:now |currently |still |both |actually |also |just |recently |finally )?"

_LIVING = (
    Rule(
        rf"(?:(?:i|we) {_NOW}live|{_IM}{_NOW}(?:living|based)) in {PLACE}"
        rf"(?: (?:with|since|for|near|together|again)\b[^,;]{{0,60}})?{END}",
        "The user lives in {place}",
        slot="user.city",
        score=0.8,
    ),
    Rule(
        rf"(?!.*\b(?:and|then|later) (?:back )?to\b|.*\b(?:then|afterwards)\b)"
        rf"(?:{_IVE}|we've |we have |we )(?:(?:just|recently|finally|now) )?(?:moved|relocated)"
        r"(?: from [^,;]{2,40}?)?"
        rf"(?: here)?(?: back)? to {PLACE}"
        r"(?: (?:last|this|in|a|two|three|with|for|yesterday|because|recently|from)\b[^,;]{0,60})?"
        + END,
        "The user lives in {place}",
        slot="user.city",
        score=0.8,
    ),
    Rule(
        rf"i (?:lived|used to live) in {PLACE}(?P<rest> (?:for|until|from|when|as|in|till|before)\b"
        rf"[^,;]{{0,60}}?)?{END}",
        "The user used to live in {place} {rest}",
    ),
    Rule(
        rf"{_IVE}(?:been living|lived) in {PLACE} (?P<rest>(?:since|for)\b[^,;]{{1,40}}?){END}",
        "The user has lived in {place} {rest}",
        slot="user.city",
        score=0.8,
    ),
    Rule(
        rf"(?:i (?:don't|do not) live in {PLACE}(?: any ?more| any longer)?|"
        rf"i no longer live in (?P<other>[^,;]{{2,40}}?)){END}",
        "The user does not live in {place}{other} any more",
        denies="The user lives in {place}{other}",
    ),
    Rule(
        rf"(?:{_IM}(?:now |planning to |going to )?|i plan to )"
        rf"(?:mov(?:e|ing)|relocat(?:e|ing)) to {PLACE}(?P<rest> (?:in|next|this|on|soon|at)\b"
        rf"[^,;]{{0,40}}?)?{END}",
        "The user is moving to {place} {rest}",
        slot="user.moving",
    ),
    Rule(
        rf"(?:{_IM}(?:originally )?|i (?:originally )?come )from {PLACE}{END}",
        "The user comes from {place}",
        slot="user.origin",
    ),
    Rule(rf"i was born in {PLACE}{END}", "The user was born in {place}", slot="user.birthplace"),
    Rule(rf"i grew up in {PLACE}{END}", "The user grew up in {place}", slot="user.grew-up"),
    Rule(
        rf"i live (?P<rest>(?:at \d+|alone|with my|on the \w+ floor|in (?:a|an|the)|by the|near)\b"
        rf"[^,;:()]{{0,80}}?){END}",
        "The user lives {rest}",
        slot="user.home",
    ),
)
_WORK = (
    Rule(
        rf"(?:i {_NOW}work|{_IM}{_NOW}(?:working|employed)) (?:at|for|by) {ORGANISATION}"
        rf"(?: as (?:an? )?[^,;]{{2,40}}?)?{END}",
        "The user works at {place}",
        slot="user.employer",
        score=0.7,
    ),
    Rule(
        rf"{_IVE}(?:(?:just|recently) )?(?:started (?:a new job |a job |working |work )?|"
        rf"joined |got a (?:new )?job )(?:at |with )?{ORGANISATION}"
        rf"(?: (?:last|this|on|in|as|yesterday|today)\b[^,;]{{0,40}})?{END}",
        "The user works at {place}",
        slot="user.employer",
        score=0.7,
    ),
    Rule(
        rf"(?:i (?:don't|do not) work (?:at|for) {ORGANISATION}(?: any ?more)?|"
        rf"i no longer work (?:at|for) (?P<other>[^,;]{{2,40}}?)|"
        rf"{_IVE}(?:quit|left) my job at (?P<third>[^,;]{{2,40}}?)){END}",
        "The user does not work at {place}{other}{third} any more",
        denies="The user works at {place}{other}{third}",
    ),
    Rule(
        rf"(?:i {_NOW}work|{_IM}{_NOW}working) as (?P<what>(?:an? )?[^,;:()]{{2,60}}?)"
        rf"(?: (?:at|for) [^,;:()]{{2,40}})?{END}",
        "The user works as {what}",
        slot="user.job",
        score=0.7,
    ),
    Rule(
        rf"{_IM}{_NOW}(?P<what>an? (?:[^\W\d_]+(?:-[^\W\d_]+)* ){{0,3}}{JOB})"
        rf"(?: (?:at|for|by|from|in|and)\b[^,;:()]{{2,60}})?{END}",
        "The user is {what}",
        slot="user.job",
        score=0.7,
    ),
    Rule(
        rf"{_IM}{_NOW}(?P<what>the (?:co-?founder|founder|ceo|cto|cfo|coo|head|director|"
        rf"owner|manager) (?:of|at) (?!th(?:is|ese|e)\b)[^,;:()]{{2,60}}?){END}",
        "The user is {what}",
        slot="user.job",
        score=0.7,
    ),
    Rule(
        r"i (?:run|own) (?P<what>(?:an?|the) (?:[^\W\d_]+ )?(?:bakery|shop|store|restaurant|café|"
        r"cafe|bar|company|business|startup|farm|hotel|hostel|studio|agency|pub|school|house|flat|apartment|"
        rf"boat)(?: in {PLACE})?){END}",
        "The user has {what}",
    ),
    Rule(
        rf"i (?P<how>studied|graduated) (?P<what>[^,;:()]{{0,40}}?\b(?:at|in|from) "
        rf"(?:(?-i:[A-Z])|\d{{4}})[^,;:()]{{0,40}}?){END}",
        "The user {how} {what}",
    ),
    Rule(
        rf"i work (?P<rest>(?:from home|part[- ]time|full[- ]time|remotely|nights|night shifts|"
        rf"in (?!progress|it\b)[^\W\d_]+(?: [^\W\d_]+)?)){END}",
        "The user works {rest}",
        slot="user.working",
    ),
    Rule(
        r"(?:i (?:study|am studying|teach)|i'm (?:studying|teaching)) (?!(?:the|an?|my)\b)"
        rf"{OBJECT}{END}",
        kind="fact",
    ),
)
LIFE = (*_LIVING, *_WORK)
