"""How memories are told, and how times are read."""

from __future__ import annotations

import pytest

from ruster.core.errors import ProtocolError
from ruster.core.memory import Hit, Record, Scores
from ruster.handlers.memory.wording import LISTED_CHARS, hit_of, moment, summary
from ruster.protocol.codec import encode_event
from ruster.protocol.events import MemoryListing


def test_a_long_text_is_cut_in_lists_and_says_so() -> None:
    long = Record("x" * (LISTED_CHARS + 1), ts=0.0, id="m")
    assert len(summary(long, "owner").text) == LISTED_CHARS
    assert summary(long, "owner").cut is True
    assert summary(long, "owner", None).text == long.text
    assert summary(long, "owner", None).cut is None
    assert summary(Record("short", ts=0.0), "owner").cut is None


def test_what_is_not_there_is_not_told() -> None:
    told = encode_event(
        MemoryListing(memories=[summary(Record("t", ts=0.0, id="m"), "session")], more=False)
    )
    for name in (b"project", b"session_id", b"speaker", b"source", b"last_used", b"cut"):
        assert name not in told
    assert b'"within":"session"' in told


def test_the_owner_is_no_part_of_a_sessions_name() -> None:
    assert summary(Record("t", ts=0.0, session="1000/work"), "owner").session_id == "work"


def test_a_hit_tells_the_parts_of_its_score() -> None:
    scores = Scores(lexical=1.0, vector=0.123456, length=-0.0)
    hit = hit_of(Hit(Record("t", ts=0.0), "passage", scores), "owner")
    assert hit.scores["vector"] == 0.1235
    assert str(hit.scores["length"]) == "0.0"
    assert "rerank" not in hit.scores
    rated = hit_of(Hit(Record("t", ts=0.0), "passage", Scores(rerank=3.0)), "owner")
    assert (rated.score, rated.scores["rerank"]) == (3.0, 3.0)


def test_times_are_read_as_people_write_them() -> None:
    assert moment(None, "after") is None
    assert moment("1970-01-01T00:00:10+00:00", "after") == 10.0
    assert moment("1970-01-01T01:00:10+01:00", "after") == 10.0
    assert moment("1970-01-01T00:00:10Z", "after") == 10.0
    day = moment("2026-05-31", "after")
    assert day == moment("2026-05-31T00:00:00", "after")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "1e9", "2026-05-31T25:00", "\0"])
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(ProtocolError, match='"before" is no time') as caught:
        moment(text, "before")
    assert caught.value.code == "invalid_command"
