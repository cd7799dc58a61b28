"""What a reranking model reads: a query and a document in the form it was trained with.

The same forms as llama.cpp's server makes: the file's own ``rerank`` template, or the tokens that
open, part and close a pair of texts (``[CLS] query [SEP] document [SEP]``, ``<s> query </s></s>
document </s>``).
"""

from __future__ import annotations

from ruster.engine.model import LoadedModel

__all__ = ["pair_tokens"]


def pair_tokens(model: LoadedModel, query: str, document: str, window: int) -> list[int]:
    """Return the tokens of a pair, the document cut so that they fit the window."""
    template = model.rerank_template
    if template is not None:
        return _from_template(model, template, (query, document), window)
    opening, middle, closing = model.pair_marks
    asked = model.tokenize(query, special=False)[: max(1, window // 2)]
    room = window - len(opening) - len(asked) - len(middle) - len(closing)
    told = model.tokenize(document, special=False)[: max(0, room)]
    return [*opening, *asked, *middle, *told, *closing]


def _from_template(
    model: LoadedModel, template: str, pair: tuple[str, str], window: int
) -> list[int]:
    """Fill the template, shortening the document until it fits; the end of a prompt must stay."""
    query, document = (model.template.harmless(text) for text in pair)
    while True:
        parts = template.split("{document}")
        text = document.join(part.replace("{query}", query) for part in parts)
        tokens = model.prompt_tokens(text)
        if len(tokens) <= window or not document:
            return tokens[:window]
        document = document[: len(document) * window // len(tokens) * 9 // 10]
