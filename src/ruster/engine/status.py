"""What the daemon knows about its local models: which are loaded, and what a reload is told as."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ruster.core.inference import Notice
from ruster.core.orchestration import ModelReady, ModelState

__all__ = ["ModelBoard", "ModelStatus", "reload_notice"]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model that was needed at least once: its window in tokens, its size in bytes.

    ``loads`` counts how often it was loaded in this daemon's life; ``load_s`` is how long the last
    time took.
    """

    path: str
    state: ModelState = ModelState.UNLOADED
    context_size: int | None = None
    size_bytes: int | None = None
    loads: int = 0
    load_s: float | None = None
    unloaded: bool = False


class ModelBoard:
    """Follows the models through what the worker tells."""

    def __init__(self) -> None:
        self._known: dict[str, ModelStatus] = {}
        self.loading: str | None = None

    def of(self, path: str) -> ModelStatus:
        """Return what is known of a model."""
        return self._known.get(path) or ModelStatus(path)

    def all(self) -> tuple[ModelStatus, ...]:
        """Return all models that were needed, in order of their path."""
        return tuple(self._known[path] for path in sorted(self._known))

    def started(self, path: str) -> None:
        """A model begins to load."""
        self.loading = path
        self._known[path] = replace(self.of(path), state=ModelState.LOADING)

    def failed(self) -> None:
        """The model that was loading could not be loaded."""
        if self.loading is not None:
            self._known[self.loading] = replace(
                self.of(self.loading), state=ModelState.UNLOADED, context_size=None
            )
            self.loading = None

    def ready(self, body: ModelReady) -> Notice | None:
        """A model is loaded; return what to tell when it had to be loaded again."""
        before, was_loading = self.of(body.path), self.loading == body.path
        if was_loading:
            self.loading = None
        self._known[body.path] = ModelStatus(
            body.path,
            ModelState.LOADED,
            body.context_size or None,
            body.size_bytes,
            before.loads + was_loading,
            body.load_s if was_loading else before.load_s,
        )
        return reload_notice(body.load_s) if was_loading and before.unloaded else None

    def unloaded(self, path: str) -> None:
        """A model has given its memory back."""
        self._known[path] = replace(
            self.of(path), state=ModelState.UNLOADED, context_size=None, unloaded=True
        )

    def lost(self) -> None:
        """The worker is gone, and all models with it."""
        self.loading = None
        for path, status in self._known.items():
            self._known[path] = replace(status, state=ModelState.UNLOADED, context_size=None)


def reload_notice(took_s: float) -> Notice:
    """Say how long a user had to wait for a model that had been unloaded, and what helps."""
    return Notice(
        "model_reloaded",
        f"NOTICE: Model reload took {took_s:.2f}s.\n"
        "Increase --unload-after or use --no-unload to avoid delay.",
    )
