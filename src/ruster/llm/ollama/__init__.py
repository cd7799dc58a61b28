"""Ollama over HTTP, directly or through an LLM proxy.

``provider`` is the entrance; ``http`` the connection, ``wire`` the shapes, ``events`` their
translation, ``failures`` the error answers, ``url`` the spellings of an address.
"""
