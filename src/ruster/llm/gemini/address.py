"""Where Gemini's models answer: the URL forms of AI Studio, Vertex AI and the proxy. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from ruster.llm.hosted import HOSTED, Hosted

__all__ = ["Address", "address_of"]

_PUBLISHED = HOSTED["gemini"].base_url


@dataclass(frozen=True, slots=True)
class Address:
    """``base`` is the host with the path before ``/models``; ``vertex`` tells the form."""

    base: str
    vertex: bool = False

    def stream(self, model: str) -> str:
        """Return the path of a streamed answer of ``model``."""
        name = quote(model.removeprefix("models/"), safe="-._~:@")
        return f"/models/{name}:streamGenerateContent?alt=sse"


def address_of(hosted: Hosted) -> Address:
    """Choose the form: a project means Vertex AI, everything else is AI Studio's."""
    settings = hosted.settings
    if settings.project:
        place = settings.location
        default = f"https://{'' if place == 'global' else place + '-'}aiplatform.googleapis.com"
        own = settings.base_url if settings.base_url != _PUBLISHED else None
        host = (own or default).rstrip("/")
        where = f"projects/{quote(settings.project)}/locations/{quote(place)}"
        return Address(f"{host}/v1/{where}/publishers/google", vertex=True)
    base = (hosted.proxy or settings.base_url or "").rstrip("/")
    versioned = base.endswith(("/v1", "/v1beta"))
    return Address(base if versioned else f"{base}/v1beta")
