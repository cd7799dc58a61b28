"""Which models others than the daemon's own user may ask for."""

from __future__ import annotations

from ruster.core.errors import SessionError
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.identity import Identity

__all__ = ["check_permitted"]


async def check_permitted(full: str, identity: Identity, parts: ApiParts) -> None:
    """Raise SessionError (``not_permitted``) for a model that a user must not ask for.

    ``full`` is the model's full name. Others than the daemon's own user must not point it at files,
    nor fill its disk.
    """
    if identity.privileged:
        return
    odd = full.partition("/")[2].startswith(("/", "~", "."))
    if odd or not await parts.is_here(full):
        raise SessionError(
            f"only the daemon's own user and root may bring {full} here; choose one of the models "
            "that are listed",
            code="not_permitted",
        )
