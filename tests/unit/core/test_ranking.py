"""BM25 over short texts."""

from __future__ import annotations

from ruster.core.ranking import Ranking, words

TEXTS = (
    "Tell the date and time",
    "Read lines of a text file",
    "Read a web page as text",
    "Keep a fact for later conversations",
)


def best(question: str) -> str | None:
    scores = Ranking(TEXTS).scores(question)
    top = max(scores)
    return TEXTS[scores.index(top)] if top > 0 else None


def test_the_text_that_shares_words_is_best() -> None:
    assert best("what time is it?") == TEXTS[0]
    assert best("read the pages on that web site") == TEXTS[2]
    assert best("which files are there") == TEXTS[1]


def test_nothing_shared_scores_nothing() -> None:
    assert Ranking(TEXTS).scores("hello there, how are you") == [0.0] * 4
    assert Ranking(TEXTS).scores("") == [0.0] * 4


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    ranking = Ranking(["red apple", "red pear", "red plum", "green plum"])
    scores = ranking.scores("red pear")
    assert max(scores) == scores[1]
    assert scores[0] == scores[2] > scores[3] == 0


def test_an_empty_collection_and_empty_texts_are_fine() -> None:
    assert Ranking([]).scores("a question") == []
    assert Ranking(["", ""]).scores("a question") == [0.0, 0.0]


def test_words_lose_plural_endings_and_the_commonest_go() -> None:
    assert words("The cities, classes and GLASS buses of is_file") == [
        "city", "class", "glass", "buse", "file",
    ]  # fmt: skip
