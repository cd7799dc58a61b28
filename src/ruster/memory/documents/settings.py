"""Settings of documents: how much is read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DocumentSettings"]


class DocumentSettings(BaseModel):
    """How large documents may be, and how long reading one may take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_bytes: int = Field(default=32 << 20, ge=1024, le=1 << 30)
    """Largest PDF or web page that is read, and the most that is fetched for one."""
    fetch_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """How long a page may take to come when it is to be remembered, in seconds."""
    text_bytes: int = Field(default=4 << 20, ge=1024, le=64 << 20)
    """Largest file of text or code that is read."""
    max_chunks: int = Field(default=20_000, ge=1, le=1_000_000)
    """Pieces of one document that are kept; the rest of it is left out."""
    parse_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """How long a PDF or a web page may take to read, in seconds."""
    max_files: int = Field(default=5000, ge=1, le=1_000_000)
    """Files of one folder that are taken in."""
