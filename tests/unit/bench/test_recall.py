"""The measure of recall: what it reads, what it counts, and that it asks the memory itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench.conversations import Conversation, Question, beam, locomo
from bench.evidence import Tally, recall_at
from bench.plain_search import PlainSearch, fused
from bench.recall import measure_one, records

from tests.unit.memory.memories import BagOfWords

_SAID = {
    "speaker_a": "Ann",
    "session_1_date_time": "1:56 pm on 8 May, 2023",
    "session_1": [
        {"speaker": "Ann", "dia_id": "D1:1", "text": "Where did you spend the summer?"},
        {"speaker": "Ben", "dia_id": "D1:2", "text": "On a farm near Evora, with goats."},
    ],
    "session_2_date_time": "9:00 am on 2 June, 2023",
    "session_2": [
        {"speaker": "Ann", "dia_id": "D2:1", "text": "I bought a kettle."},
        {"speaker": "Ben", "dia_id": "D2:2", "text": "Look!", "blip_caption": "a red boat"},
    ],
}
_ASKED = [
    {"question": "Where are the goats?", "category": 4, "evidence": ["D1:2"]},
    {"question": "Who has a boat, and who a kettle?", "category": 1, "evidence": ["D2:02; D:2:1"]},
    {"question": "Nobody said it", "category": 5, "evidence": ["D9:9"]},
]


def _conversation(folder: Path) -> Conversation:
    (folder / "data").mkdir()
    sample = {"sample_id": "made up", "conversation": _SAID, "qa": _ASKED}
    (folder / "data" / "locomo10.json").write_text(json.dumps([sample]))
    (found,) = locomo(folder)
    return found


def test_the_part_of_the_evidence_that_was_found() -> None:
    evidence = frozenset({"a", "b"})
    found = ["x", "a", "y", "z", "w", "b"]
    assert [recall_at(found, evidence, depth) for depth in (1, 2, 5, 6)] == [0, 0.5, 0.5, 1]
    assert recall_at(["a", "a"], evidence, 2) == 0.5
    assert recall_at([], evidence, 10) == 0


def test_every_question_counts_the_same() -> None:
    tally, other = Tally(), Tally()
    tally.add(Question("one", "kind", frozenset({"a"})), ["a"])
    tally.add(Question("four", "kind", frozenset("bcde")), ["x", "b", "c"])
    other.add(Question("none", "kind", frozenset({"f"})), ["x"])
    assert (tally.recall(1), tally.recall(5), tally.hits(1), tally.hits(5)) == (50, 75, 50, 100)
    both = Tally.of((tally, other))
    assert both.questions == 3
    assert both.recall(10) == pytest.approx(50)
    assert both.hits(10) == pytest.approx(200 / 3)
    assert Tally().recall(10) == 0


def test_a_conversation_of_locomo(folder: Path) -> None:
    made = _conversation(folder)
    assert [turn.id for turn in made.turns] == ["D1:1", "D1:2", "D2:1", "D2:2"]
    assert made.turns[3].text == "Look! [photo: a red boat]"
    assert [(it.kind, sorted(it.evidence)) for it in made.questions] == [
        ("single-hop", ["D1:2"]),
        ("multi-hop", ["D2:1", "D2:2"]),
    ]


def test_conversations_of_beam(folder: Path) -> None:
    turns = [
        {"id": 0, "role": "user", "content": "Plan it. ->-> 1,1", "time_anchor": "March-15-2024"},
        {"id": 1, "role": "assistant", "content": "Gladly."},
    ]
    probes: dict[str, Any] = {
        "summarization": [{"question": "What was planned?", "source_chat_ids": {"a": [0], "b": 1}}],
        "abstention": [{"question": "What not?"}],
    }
    for number in range(1, 21):
        below = folder / "chats" / "100K" / str(number)
        (below / "probing_questions").mkdir(parents=True)
        (below / "chat.json").write_text(json.dumps([{"turns": [turns]}]))
        (below / "probing_questions" / "probing_questions.json").write_text(json.dumps(probes))
    made = beam(folder)
    assert len(made) == 20
    assert [(it.text, it.when.day) for it in made[0].turns] == [("Plan it.", 15), ("Gladly.", 15)]
    assert [sorted(it.evidence) for it in made[0].questions] == [["0", "1"]]


def test_turns_are_kept_as_those_of_a_session(folder: Path) -> None:
    kept = records(_conversation(folder))
    assert {(it.kind, it.session) for it in kept} == {("message", "locomo made up")}
    assert [(it.id, it.speaker) for it in kept][:2] == [("D1:1", "Ann"), ("D1:2", "Ben")]
    times = [it.ts or 0.0 for it in kept]
    assert times == sorted(set(times))
    assert times[1] - times[0] == times[3] - times[2]
    assert times[2] - times[1] > 86_400


async def test_the_memory_and_its_controls_are_asked(folder: Path) -> None:
    made = _conversation(folder)
    measured = await measure_one(made, folder / "memory.sqlite", BagOfWords())
    assert {search for search, _ in measured.tallies} == {
        "memory",
        "memory, words only",
        "plain BM25",
        "plain fusion",
    }
    for search in ("memory", "memory, words only", "plain BM25", "plain fusion"):
        assert measured.of(search, "single-hop").recall(5) == 100
        assert measured.of(search, "multi-hop").questions == 1
    assert measured.of("memory", "single-hop").recall(1) == 100
    lost = Conversation(
        "lost", made.turns, (Question("Where are the goats?", "k", frozenset({"D2:1"})),)
    )
    measured = await measure_one(lost, folder / "lost.sqlite", BagOfWords())
    assert measured.of("plain BM25", "k").recall(25) == 0
    assert measured.of("memory", "k").recall(1) == 0


async def test_plain_searches(folder: Path) -> None:
    made = _conversation(folder)
    embedder = BagOfWords()
    plain = await PlainSearch.of(made.turns, embedder)
    assert plain.words("a farm?")[0] == "D1:2"
    assert plain.words("?!") == []
    (vector,) = await embedder.embed(["I bought a kettle"], "query")
    assert plain.vectors(vector)[0] == "D2:1"
    assert fused(["a", "b", "c"], ["c", "b", "d"])[:2] == ["c", "b"]
    assert set(fused(["a"], [])) == {"a"}
