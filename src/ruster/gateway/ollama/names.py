"""Names of models as Ollama's clients write them, and who may ask for which."""

from __future__ import annotations

from ruster.core.errors import ProviderError
from ruster.core.ports import ModelInfo
from ruster.gateway.api.failures import InvalidRequest
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.api.permitted import check_permitted
from ruster.gateway.identity import Identity

__all__ = ["asked_model", "listed_model"]

_LATEST = ":latest"
_OWN_TAGS = "ollama"
"""The provider whose models have such tags themselves."""


async def asked_model(name: str, identity: Identity, parts: ApiParts) -> str:
    """Return the full name of the model asked for.

    Raises ``InvalidRequest`` for none, ``SessionError`` (``not_permitted``) where others would
    point the daemon at files or fill its disk.
    """
    if not name.strip():
        raise InvalidRequest("model is required", "model")
    full = parts.full_name(name)
    if not full.startswith(f"{_OWN_TAGS}/"):
        full = full.removesuffix(_LATEST)
    await check_permitted(full, identity, parts)
    return full


async def listed_model(full: str, name: str, parts: ApiParts) -> ModelInfo:
    """Return what is known of a model; raises ProviderError (``model_not_found``)."""
    infos = (await parts.models.models()).models
    for info in infos:
        if info.id in (full, full + _LATEST):
            return info
    if full == parts.default_model():
        return ModelInfo(full, await parts.models.context_size(full))
    raise ProviderError(f"model '{name}' not found", code="model_not_found")
