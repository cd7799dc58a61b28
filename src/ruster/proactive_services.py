"""All that ruster does by itself, built from the settings."""

from __future__ import annotations

__all__: list[str] = []
