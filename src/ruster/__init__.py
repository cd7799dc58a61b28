"""ruster: a personal LLM agent that lives on your machine as a background daemon."""

__all__ = ["__version__"]

__version__ = "0.1.0"
