"""Times that no rule reads: a model puts them into plain fields, and only what holds is taken.

The model never computes a moment or writes an expression; it fills in a form, and the form goes
the same way as everybody's words.
"""

from __future__ import annotations

import json
from typing import Any

from ruster.core.answering import Asked, NoAnswer, answer
from ruster.core.errors import JobError
from ruster.core.ports import ChatModels
from ruster.proactive.schedules.form import FORM, schedule_from
from ruster.proactive.schedules.schedule import Schedule
from ruster.proactive.schedules.wall import wall_of, zone_of
from ruster.proactive.schedules.words import EXAMPLES

__all__ = ["ask_when"]

_TIMEOUT_S = 60.0
_MAX_TOKENS = 200
_MAX_TEXT = 200
_MAX_ANSWER_CHARS = 4096
_SYSTEM = """You turn words about a time into a form. Answer with JSON only.
"kind" is "at" for something that happens once at a date and time, "after" for once after an \
amount of time from now, "every" for again and again after an amount of time, "cron" for times \
of the day that come again on certain days, "none" if the words say no time, or say more than \
the form can hold.
"at": fill in year, month, day, hour, minute.
"after" and "every": fill in amount and unit.
"cron": fill in hour and minute, and one of: weekdays (empty means all), day (of each month; -1 is \
the last one), or month and day (once a year).
Leave out of the answer's meaning nothing that was said: if something does not fit, answer "none".
Fields that are not used are 0, "minutes" or []."""


async def ask_when(
    models: ChatModels,
    model: str,
    text: str,
    now: float,
    zone: str,
    timeout_s: float = _TIMEOUT_S,
) -> Schedule:
    """Have a model read what ``parse_when`` could not.

    Raises JobError: ``when_invalid`` (no answer, or none that holds), ``when_past``, or
    ``job_limit`` for what would come more often than once a minute.
    """
    words = " ".join(text.split())
    if not words or len(text) > _MAX_TEXT or not words.isprintable():
        raise _invalid(f"a time has 1 to {_MAX_TEXT} characters")
    wall = wall_of(now, zone_of(zone))
    question = f"Now it is {wall:%A}, {wall:%Y-%m-%d %H:%M}.\nThe words: {json.dumps(words)}"
    asked = Asked(model, timeout_s, _MAX_TOKENS, may_load=True, max_chars=_MAX_ANSWER_CHARS)
    try:
        filled = await answer(models, asked, _SYSTEM, question, FORM)
    except NoAnswer as why:
        raise _invalid(f"no model could read it: {why}") from None
    return schedule_from(_loaded(filled), now, zone)


def _loaded(filled: str) -> dict[str, Any]:
    start, end = filled.find("{"), filled.rfind("}")
    try:
        value = json.loads(filled[start : end + 1]) if start >= 0 else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _invalid("the model gave no form")
    return value


def _invalid(reason: str) -> JobError:
    return JobError(f"{reason}. Say a time like {EXAMPLES}", code="when_invalid")
