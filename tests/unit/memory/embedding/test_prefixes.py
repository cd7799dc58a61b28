"""What models want before a text."""

from __future__ import annotations

import pytest

from ruster.memory.embedding.prefixes import Prefixes, prefixes_for, told_prefixes


@pytest.mark.parametrize(
    ("model", "query", "document"),
    [
        ("ollama/nomic-embed-text:latest", "search_query: x", "search_document: x"),
        ("llamacpp/embedding-gemma", "task: search result | query: x", "title: none | text: x"),
        ("openai/text-embedding-3-small", "x", "x"),
        ("all-MiniLM-L6-v2", "x", "x"),
        ("intfloat/multilingual-e5-small", "query: x", "passage: x"),
        ("BAAI/bge-m3", "x", "x"),
    ],
)
def test_known_models(model: str, query: str, document: str) -> None:
    prefixes = prefixes_for(model)

    assert prefixes.before("query", "x") == query
    assert prefixes.before("document", "x") == document


def test_only_queries_of_qwen_are_instructed() -> None:
    prefixes = prefixes_for("onnx/Qwen3-Embedding-0.6B-ONNX")

    assert prefixes.before("query", "x").startswith("Instruct: ")
    assert prefixes.before("query", "x").endswith("\nQuery:x")
    assert prefixes.before("document", "x") == "x"


def test_what_the_files_say() -> None:
    assert told_prefixes({"query": "q ", "passage": "p "}) == Prefixes("q ", "p ")
    assert told_prefixes({"other": "o "}) == Prefixes()
