"""Ollama's interface: what speaks to Ollama can speak to ruster."""
