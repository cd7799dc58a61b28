"""Rerankers: what rates texts for a query."""
