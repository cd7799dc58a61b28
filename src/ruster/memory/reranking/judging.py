"""What Qwen3-Reranker and models made from it read: a question whether a document answers a query.

The form and the task are those the models were trained with, told by their makers; the answer is
the next token, "yes" or "no".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruster.memory.onnx.tokens import Tokens

if TYPE_CHECKING:
    from ruster.memory.onnx.coder import Coder

__all__ = ["answers", "asks_in_words", "question"]

_OPENING = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    'the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n<Instruct>: "
    "Given a web search query, retrieve relevant passages that answer the query\n<Query>: "
)
_MIDDLE = "\n<Document>: "
_CLOSING = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


def asks_in_words(coder: Coder) -> bool:
    """Tell whether a model of this tokenizer is asked in words, and not given a marked pair."""
    return coder.id_of("<|im_start|>") is not None


def answers(coder: Coder) -> tuple[int, int] | None:
    """Return the tokens "no" and "yes", if the model has them."""
    no, yes = coder.id_of("no"), coder.id_of("yes")
    return None if no is None or yes is None else (no, yes)


def question(coder: Coder, query: str, document: str) -> Tokens:
    """Return the tokens of the question; texts are cut, the query only to half of the room."""
    opening, middle, closing = map(coder.frame, (_OPENING, _MIDDLE, _CLOSING))
    room = max(2, coder.max_tokens - len(opening) - len(middle) - len(closing))
    asked = coder.plain(query, room // 2)
    told = coder.plain(document, room - len(asked))
    return Tokens.of([*opening, *asked, *middle, *told, *closing])
