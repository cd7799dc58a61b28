"""What well-known embedding models want before a text, as their makers say.

A model that was trained with a prefix finds noticeably less without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ruster.core.memory import TextKind

__all__ = ["Prefixes", "prefixes_for", "told_prefixes"]

_TASK = "Given a web search query, retrieve relevant passages that answer the query"
_QUESTION = f"Instruct: {_TASK}\nQuery:"


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What goes before texts of either side."""

    query: str = ""
    document: str = ""

    def before(self, kind: TextKind, text: str) -> str:
        """Return the text with what belongs before it."""
        return (self.query if kind == "query" else self.document) + text


_BERT_QUERY = Prefixes("Represent this sentence for searching relevant passages: ")
_KNOWN: tuple[tuple[str, Prefixes], ...] = (
    (r"qwen3-embedding", Prefixes(_QUESTION)),
    (r"nomic-embed", Prefixes("search_query: ", "search_document: ")),
    (r"embedding-?gemma", Prefixes("task: search result | query: ", "title: none | text: ")),
    (r"e5-mistral|e5.*instruct", Prefixes(_QUESTION)),
    (r"\be5-", Prefixes("query: ", "passage: ")),
    (r"mxbai-embed|bge-(small|base|large)-en|arctic-embed", _BERT_QUERY),
)


def prefixes_for(model: str) -> Prefixes:
    """Return what the model of this name wants; nothing for one that is not known."""
    name = model.lower().replace("_", "-")
    return next((found for pattern, found in _KNOWN if re.search(pattern, name)), Prefixes())


def told_prefixes(prompts: Mapping[str, str]) -> Prefixes:
    """Return what a model's own files say it wants."""
    document = prompts.get("document") or prompts.get("passage") or ""
    return Prefixes(prompts.get("query", ""), document)
