"""Long conversations with questions whose evidence is known: LoCoMo and BEAM-100K.

Both are read from copies of their repositories (``snap-research/LoCoMo``,
``mohammadtavakoli78/BEAM``), work trees or bare; they are no part of ours.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

__all__ = ["Conversation", "Question", "Turn", "beam", "locomo"]

_LOCOMO_FILE = "data/locomo10.json"
_LOCOMO_KINDS = {
    1: "multi-hop",
    2: "temporal",
    3: "open-domain",
    4: "single-hop",
    5: "adversarial",
}
_LOCOMO_TURN = re.compile(r"D:?(\d+):(\d+)")
_SESSION = re.compile(r"session_(\d+)")
_BEAM_CHATS = 20
_BEAM_INDEX = re.compile(r"\s*->->\s*[\d,\s]+$")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker said at a time; ``when`` is that of its session where no other is told."""

    id: str
    speaker: str
    text: str
    when: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """A question; ``evidence`` are the ids of the turns that answer it."""

    text: str
    kind: str
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True)
class Conversation:
    """All turns in order, and the questions that have evidence among them."""

    name: str
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]


def locomo(repository: Path) -> list[Conversation]:
    """Read the ten conversations of LoCoMo; a photo counts by its caption."""
    return [_locomo(sample) for sample in _json(repository, _LOCOMO_FILE)]


def beam(repository: Path) -> list[Conversation]:
    """Read the twenty conversations of BEAM-100K, cut to 100 K tokens where they are longer."""
    return [_beam(repository, number) for number in range(1, _BEAM_CHATS + 1)]


def _locomo(sample: dict[str, Any]) -> Conversation:
    said = sample["conversation"]
    turns = []
    for name in sorted(filter(_SESSION.fullmatch, said), key=lambda it: int(it.split("_")[1])):
        when = datetime.strptime(said[f"{name}_date_time"], "%I:%M %p on %d %B, %Y")
        for turn in said[name]:
            photo = f" [photo: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
            turns.append(Turn(turn["dia_id"], turn["speaker"], turn["text"] + photo, when))
    questions = [
        (asked["question"], _LOCOMO_KINDS[asked["category"]], _locomo_ids(asked["evidence"]))
        for asked in sample["qa"]
    ]
    return _conversation(f"locomo {sample['sample_id']}", turns, questions)


def _locomo_ids(evidence: list[str]) -> set[str]:
    """Return the turns; some are written together, some with another colon or leading zeros."""
    found = (match for text in evidence for match in _LOCOMO_TURN.finditer(text))
    return {f"D{int(match[1])}:{int(match[2])}" for match in found}


def _beam(repository: Path, number: int) -> Conversation:
    folder = f"chats/100K/{number}"
    chat = _json(repository, f"{folder}/chat_trunecated.json", f"{folder}/chat.json")
    turns = []
    when = datetime.min
    for turn in (turn for batch in chat for group in batch["turns"] for turn in group):
        if turn.get("time_anchor"):
            when = datetime.strptime(turn["time_anchor"], "%B-%d-%Y")
        text = _BEAM_INDEX.sub("", turn["content"])
        turns.append(Turn(str(turn["id"]), turn["role"], text, when))
    probes = _json(repository, f"{folder}/probing_questions/probing_questions.json")
    questions = [
        (probe["question"], kind, _beam_ids(probe.get("source_chat_ids")))
        for kind, asked in probes.items()
        for probe in asked
    ]
    return _conversation(f"beam {number}", turns, questions)


def _beam_ids(found: Any) -> set[str]:
    """Return the turns, which some kinds of questions group by what they are evidence of."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        return {turn for part in found for turn in _beam_ids(part)}
    return set() if found is None else {str(found)}


def _conversation(
    name: str, turns: list[Turn], questions: list[tuple[str, str, set[str]]]
) -> Conversation:
    known = {turn.id for turn in turns}
    kept = (Question(text, kind, frozenset(evidence & known)) for text, kind, evidence in questions)
    return Conversation(name, tuple(turns), tuple(it for it in kept if it.evidence))


def _json(repository: Path, *names: str) -> Any:
    """Read the first of these files that is there, from a work tree or from the last commit."""
    for name in names:
        path = repository / name
        if path.is_file():
            return json.loads(path.read_bytes())
        shown = subprocess.run(
            ["git", "-C", str(repository), "show", f"HEAD:{name}"], capture_output=True, check=False
        )
        if shown.returncode == 0:
            return json.loads(shown.stdout)
    raise SystemExit(f"{repository} has no {names[-1]}")
