"""Which of the ranked items are told: held against the plain definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ruster.memory.search.choice import diverse

_TEXTS = st.lists(st.text("abcd ", max_size=12), max_size=20)
_SCORES = st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]), min_size=20, max_size=20)


@given(_TEXTS, _SCORES, st.integers(1, 12), st.sampled_from([0.0, 0.2, 1.0, 3.0]))
def test_each_is_the_best_after_what_was_chosen_before(
    texts: list[str], scores: list[float], count: int, penalty: float
) -> None:
    words = [frozenset(text.split()) for text in texts]
    left, expected = list(range(len(texts))), list[int]()

    def loss(at: int) -> float:
        shares = [
            len(words[it] & words[at]) / len(words[it] | words[at])
            for it in expected
            if words[it] and words[at]
        ]
        return max((penalty * (share - 0.5) / 0.5 for share in shares if share > 0.5), default=0.0)

    while left and len(expected) < count:
        best = max(left, key=lambda at: (scores[at] - loss(at), -at))
        left.remove(best)
        expected.append(best)
    assert diverse(texts, scores[: len(texts)], count, penalty) == expected
