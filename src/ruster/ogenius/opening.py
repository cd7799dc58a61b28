"""From what a command line chooses to the facade that does it."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from ruster.config.loader import load, process_environment
from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.errors import ModelError
from ruster.genius import Genius, Lifecycle
from ruster.ogenius.homes import with_homes
from ruster.ogenius.options import DEFAULT_MODEL, STUB
from ruster.ogenius.warnings import show_warnings

__all__ = ["Choice", "check_engine", "lifecycle", "open_genius"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a command line says of models; None leaves it to the settings."""

    model: str = DEFAULT_MODEL
    quant: str | None = None
    context_size: int | None = None
    lifecycle: Lifecycle | None = None
    stub: bool = False


def open_genius(choice: Choice) -> Genius:
    """Build the facade with the user's settings; raises ConfigError.

    The engine runs in a child process: what goes wrong in native code is one error. No model stands
    in for another.
    """
    show_warnings()
    environment = process_environment()
    loaded = load(Paths.of(environment), environment)
    for warning in loaded.warnings:
        print(f"ogenius: {warning}", file=sys.stderr)
    return Genius(
        STUB if choice.stub else choice.model,
        embed_model=STUB if choice.stub else choice.model,
        lifecycle=choice.lifecycle or Lifecycle.keep_alive(),
        isolation="process",
        settings=_chosen(loaded.settings, choice),
        environment=with_homes(environment),
    )


def lifecycle(unload_after_s: float, *, no_unload: bool) -> Lifecycle:
    """Return when models give their memory back."""
    return Lifecycle.keep_alive() if no_unload else Lifecycle.hibernate(unload_after_s)


def check_engine(genius: Genius, *models: str) -> None:
    """Say that the engine is missing before anything is downloaded for it; raises ModelError."""
    if any(genius.is_local(model) for model in models) and genius.engine_missing is not None:
        raise ModelError(genius.engine_missing, code="engine_missing")


def _chosen(settings: Settings, choice: Choice) -> Settings:
    engine, models = settings.engine, settings.models
    if choice.context_size is not None:
        engine = engine.model_copy(update={"context_size": choice.context_size})
    if choice.quant is not None:
        own = {"quantization": choice.quant, "quantization_required": True}
        models = models.model_copy(update=own)
    llm = settings.llm.model_copy(update={"fallback_models": ()})
    return settings.model_copy(update={"engine": engine, "models": models, "llm": llm})
