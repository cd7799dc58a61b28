"""BM25 over short texts."""

from __future__ import annotations

from ruster.core.ranking import Ranking
from ruster.core.words import tokens

TEXTS = (
    "Tell the date and time",
    "Read lines of a text file",
    "Read a web page as text",
    "Keep a fact for later conversations",
)


def best(question: str) -> str | None:
    scores = Ranking.of_texts(TEXTS).scores(question)
    top = max(scores)
    return TEXTS[scores.index(top)] if top > 0 else None


def test_the_text_that_shares_words_is_best() -> None:
    assert best("what time is it?") == TEXTS[0]
    assert best("read the pages on that web site") == TEXTS[2]
    assert best("which files are there") == TEXTS[1]


def test_nothing_shared_scores_nothing() -> None:
    assert Ranking.of_texts(TEXTS).scores("hello there, how are you") == [0.0] * 4
    assert Ranking.of_texts(TEXTS).scores("") == [0.0] * 4


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    ranking = Ranking.of_texts(["red apple", "red pear", "red plum", "green plum"])
    scores = ranking.scores("red pear")
    assert max(scores) == scores[1]
    assert scores[0] == scores[2] > scores[3] == 0


def test_an_empty_collection_and_empty_texts_are_fine() -> None:
    assert Ranking.of_texts([]).scores("a question") == []
    assert Ranking.of_texts(["", ""]).scores("a question") == [0.0, 0.0]


def test_words_lose_their_endings_and_those_that_say_nothing_go() -> None:
    assert tokens("The cities, classes and GLASS buses, planned for planning") == [
        "cit", "class", "glass", "bus", "plan", "plan",
    ]  # fmt: skip
    assert tokens("\u6771\u4eac\u30bf") == ["\u6771\u4eac", "\u4eac\u30bf"]
