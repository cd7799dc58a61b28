"""What of a message its writer says about the world, one clause at a time.

Questions, suppositions, doubts, jokes, quotations, code, letters and texts that are to be worked on
are left out: nobody has said that they are true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ruster.memory.learning import cues
from ruster.memory.learning.wishes import asks_to_forget

__all__ = ["HIDDEN", "Statement", "statements"]

HIDDEN = "\ufffc"
"""Stands for what was quoted."""

_MAX_CHARS = 16_000
_LONG = 4000
"""A message beyond this is mostly pasted: only its ends are the writer's own."""
_MAX_SENTENCE = 400
_BLANKS = re.compile(r"[ \t\u00a0]+")
_MAX_STATEMENTS = 60
_I = re.compile(r"i\b(?!')", re.IGNORECASE)
_VERB = re.compile(
    r"(?:live|work|like|love|hate|prefer|have|am|was|speak|drive|moved|study|don't|can't|never|"
    r"always)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A clause without what leads in to it; ``asked`` says that it is to be remembered.

    ``greeted`` says that a greeting stood before it.
    """

    text: str
    asked: bool = False
    greeted: bool = False


def statements(text: str) -> list[Statement]:
    """Return what a message states, in order; never raises, and takes time linear in the text."""
    plain = text[:_MAX_CHARS].encode(errors="ignore").decode().replace("\0", " ")
    plain = _BLANKS.sub(" ", plain.replace("\u2019", "'").replace("\u2018", "'"))
    plain = cues.FENCE.sub(f"\n{HIDDEN}\n", plain)
    plain = cues.CODE.sub(HIDDEN, plain)
    plain = cues.NAMED.sub(r"\1 \2", plain)
    plain = cues.SINGLE_QUOTES.sub(HIDDEN, cues.QUOTES.sub(HIDDEN, plain))
    if cues.JOKE.search(plain):
        return []
    if len(plain) > _LONG:
        parts = plain.split("\n\n")
        plain = f"{parts[0][:_LONG]}\n{parts[-1][:_LONG] if len(parts) > 1 else ''}"
    found: list[Statement] = []
    greeted = False
    for sentence in _sentences(plain):
        clauses = list(_clauses(sentence))
        if greeted and clauses:
            clauses[0] = replace(clauses[0], greeted=True)
        greeted = cues.GREETING.fullmatch(sentence) is not None
        found.extend(clauses)
        if len(found) >= _MAX_STATEMENTS:
            break
    return found[:_MAX_STATEMENTS]


def _sentences(text: str) -> Iterator[str]:
    """Return sentences with their marks, up to where a text begins that is not the writer's own."""
    for line in text.split("\n"):
        line = line.strip()
        if line.startswith((">", "|")):
            continue
        if cues.LETTER.match(line):
            return
        begin = 0
        for end in cues.SENTENCE_END.finditer(line):
            if end[0] == "." and _goes_on(line, end.start()):
                continue
            yield from _own(line[begin : end.end()])
            if cues.WORK_ON_TEXT.search(line, begin, end.end()):
                return
            begin = end.end()
        yield from _own(line[begin:])
        if cues.WORK_ON_TEXT.search(line, begin):
            return


def _goes_on(line: str, at: int) -> bool:
    """Whether a full stop belongs to what stands before it: "Dr. Smith", "3. Mai"."""
    before = line[max(0, at - 12) : at]
    if cues.DAY.search(before):
        return cues.AFTER_DAY.match(line, at + 1) is not None
    return cues.NO_END.search(before) is not None


def _own(sentence: str) -> Iterator[str]:
    """Return the part of a sentence before a text that is to be worked on."""
    task = cues.WORK_ON_TEXT.search(sentence)
    sentence = (sentence[: task.start()].rpartition(",")[0] if task else sentence).strip(" *•-\t")
    if sentence and len(sentence) <= _MAX_SENTENCE:
        yield sentence


def _clauses(sentence: str) -> Iterator[Statement]:
    if asks_to_forget(sentence):
        return
    if sentence.endswith("?") and not _led_in(sentence)[2]:
        asked = cues.ASKED_AFTER.search(sentence)
        if asked is None:
            return
        sentence = sentence[: asked.start()]
    rest, greeted, wanted = _led_in(sentence.rstrip(".!?… "))
    if cues.UNSURE.search(rest) or (cues.QUESTION.match(rest) and not wanted):
        return
    if asks_to_forget(rest):
        return
    for clause in _parts(rest):
        yield Statement(clause, wanted, greeted)


def _parts(sentence: str) -> Iterator[str]:
    """Split where somebody is the subject anew; a verb without one gets the "I" before it."""
    subject = ""
    for part in cues.CLAUSE.split(sentence):
        clause = part.strip(" ,:.!")
        if subject and _VERB.match(clause):
            clause = f"{subject} {clause}"
        subject = "I" if _I.match(clause) else ""
        if clause:
            yield clause


def _led_in(sentence: str) -> tuple[str, bool, bool]:
    """Return the sentence without its lead-in, whether that greets, and whether it asks to keep."""
    lead = cues.LEAD_IN.match(sentence)
    greeted = lead is not None and bool(re.match(r"(?:hi|hello|hey|hallo)\b", sentence, re.I))
    rest = sentence[lead.end() :] if lead else sentence
    keep = cues.REMEMBER.match(rest)
    if keep is None:
        return rest, greeted, False
    rest = rest[keep.end() :]
    lead = cues.LEAD_IN.match(rest)
    return (rest[lead.end() :] if lead else rest), greeted, True
