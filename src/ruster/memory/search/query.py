"""The builder of searches: ``await memory.search(q).with_layers([...]).top_k(200).rerank(32)``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ruster.core.errors import MemoryError
from ruster.core.memory import Hit, Layer
from ruster.memory.records.checks import check_text
from ruster.memory.search.filters import Filter

__all__ = ["Query"]

_MAX_CANDIDATES = 4096
_CANDIDATES = 100
_MAX_LISTED = 64


@dataclass(frozen=True)
class Query:
    """A question on its way; every method returns a new one, and awaiting it returns the hits."""

    text: str
    run: Callable[[Query], Awaitable[list[Hit]]] = field(repr=False)
    k: int = 10
    candidates: int = _CANDIDATES
    reranked: int = 0
    tokens: int | None = None
    is_diverse: bool = True
    within: Filter = field(default_factory=Filter)

    def __post_init__(self) -> None:
        check_text(self.text, "question")
        sizes = (self.k, self.candidates, self.reranked or 1)
        if min(sizes) < 1 or max(sizes) > _MAX_CANDIDATES:
            raise MemoryError(f"a search returns 1 to {_MAX_CANDIDATES} hits", code="query_invalid")

    def with_layers(self, layers: Iterable[Layer | str]) -> Query:
        """Find in these layers only; raises MemoryError (``query_invalid``) for unknown ones."""
        try:
            known = tuple(Layer(layer) for layer in layers)
        except ValueError:
            names = ", ".join(Layer)
            raise MemoryError(f"the layers are {names}", code="query_invalid") from None
        return self._filtered(layers=known)

    def with_project(self, project: str) -> Query:
        """Find what belongs to a project only."""
        return self._filtered(project=check_text(project, "project"))

    def with_sessions(self, sessions: Iterable[str]) -> Query:
        """Find what was said in these sessions only."""
        return self._filtered(sessions=tuple(check_text(it, "session") for it in sessions))

    def with_kinds(self, kinds: Iterable[str]) -> Query:
        """Find these kinds only."""
        return self._filtered(kinds=tuple(check_text(it, "kind") for it in kinds))

    def with_tags(self, tags: Iterable[str]) -> Query:
        """Find what has all these tags only."""
        return self._filtered(tags=tuple(check_text(it, "tag") for it in tags))

    def between(self, after: float | None, before: float | None) -> Query:
        """Find what was said from ``after`` up to ``before`` only (seconds since the epoch)."""
        return self._filtered(after=after, before=before)

    def top_k(self, count: int) -> Query:
        """Look at ``count`` candidates of each kind and return as many hits."""
        return replace(self, candidates=count, k=count)

    def rerank(self, count: int) -> Query:
        """Let the reranker order the best ``count``, and return no more than these."""
        return replace(self, reranked=count, k=min(self.k, count))

    def limit(self, count: int) -> Query:
        """Return at most ``count`` hits."""
        return replace(self, k=count)

    def budget(self, tokens: int) -> Query:
        """Return hits whose passages have about this many tokens together at most."""
        return replace(self, tokens=tokens)

    def diverse(self, on: bool = True) -> Query:
        """Say whether hits that repeat better ones are moved back; they are unless told."""
        return replace(self, is_diverse=on)

    def __await__(self) -> Generator[Any, None, list[Hit]]:
        return self.run(self).__await__()

    def _filtered(self, **conditions: Any) -> Query:
        if any(isinstance(it, tuple) and len(it) > _MAX_LISTED for it in conditions.values()):
            raise MemoryError(
                f"a search is limited to {_MAX_LISTED} names of a kind", code="query_invalid"
            )
        return replace(self, within=replace(self.within, **conditions))
