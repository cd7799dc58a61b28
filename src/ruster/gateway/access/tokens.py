"""The tokens of the gateway: made, shown once, kept as hashes, checked, revoked.

A token is 256 random bits, so its plain SHA-256 tells nothing of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ruster.core.clock import Clock
from ruster.core.errors import GatewayError, StorageError
from ruster.core.ids import new_id
from ruster.storage.disk import Disk, storage_error
from ruster.storage.files import write_atomic

__all__ = ["MAX_TOKENS", "Token", "TokenBook"]

MAX_TOKENS = 256
_MARK = "rgw_"
_MAX_SHOWN_CHARS = 256
_MAX_FILE_BYTES = 1 << 20


class Token(BaseModel):
    """What is kept of a token: not the token itself. Times in seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    label: str
    uid: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    created: float
    expires: float | None = None
    revoked: float | None = None

    def usable(self, now: float) -> bool:
        """Whether it opens anything."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tokens: list[Token] = Field(default_factory=list, max_length=MAX_TOKENS)


class TokenBook:
    """All tokens, in a file that only its owner may read and write."""

    def __init__(self, path: Path, disk: Disk, clock: Clock) -> None:
        self._path = path
        self._disk = disk
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._watching: dict[str, set[Callable[[], None]]] = {}
        self._writing = asyncio.Lock()

    def open(self) -> None:
        """Read the file, or make it (blocks); raises StorageError.

        One that others may write, or that cannot be read, lets nobody in.
        """
        try:
            status = self._path.lstat()
        except FileNotFoundError:
            self._write({})
            return
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (os.geteuid(), 0):
            raise _unusable(f"{self._path} is not a file of your own: move it away")
        if status.st_mode & 0o077:
            raise _unusable(f"others may use {self._path}: chmod 600 {self._path}")
        try:
            if status.st_size > _MAX_FILE_BYTES:
                raise _unusable(f"{self._path} is too large: move it away and make new tokens")
            found = _File.model_validate_json(self._path.read_bytes())
        except OSError as error:
            raise storage_error(error, f"read {self._path}") from error
        except ValidationError as error:
            raise _unusable(f"{self._path} is damaged: move it away and make new tokens") from error
        self._tokens = {token.id: token for token in found.tokens}

    def all(self) -> list[Token]:
        """Return all tokens, the oldest first."""
        return sorted(self._tokens.values(), key=lambda it: it.created)

    async def add(self, uid: int, label: str, lasts_s: float | None = None) -> tuple[Token, str]:
        """Make a token; return it and its text, which is nowhere else."""
        text = _MARK + secrets.token_urlsafe(32)
        now = self._clock.now()
        token = Token(
            id=new_id("g"),
            label=label,
            uid=uid,
            sha256=_digest(text),
            created=now,
            expires=None if lasts_s is None else now + lasts_s,
        )
        async with self._writing:
            kept = self._kept(now)
            if len(kept) >= MAX_TOKENS:
                raise GatewayError(
                    f"there are {MAX_TOKENS} tokens: revoke some first", code="token_limit"
                )
            await self._keep({**kept, token.id: token})
        return token, text

    async def revoke(self, token_id: str) -> Token:
        """Make a token useless from now on, and end what its holder has open."""
        async with self._writing:
            token = self._tokens.get(token_id)
            if token is None:
                raise GatewayError(
                    f"there is no token {token_id!r}; gateway_token_list names all",
                    code="token_not_found",
                )
            if token.revoked is None:
                token = token.model_copy(update={"revoked": self._clock.now()})
                self._tokens[token_id] = token  # it counts at once, even if the disk is full
                for end in tuple(self._watching.get(token_id, ())):
                    end()
                await self._keep(dict(self._tokens))
        return token

    def find(self, text: str) -> Token | None:
        """Return the usable token with this text, if there is one; in constant time."""
        found = None
        if len(text) > _MAX_SHOWN_CHARS:
            return None
        digest, now = _digest(text), self._clock.now()
        for token in self._tokens.values():
            if hmac.compare_digest(token.sha256, digest) and token.usable(now):
                found = token
        return found

    def left_s(self, token: Token) -> float | None:
        """Return the seconds until a token expires, None for never."""
        return None if token.expires is None else max(0.0, token.expires - self._clock.now())

    def watch(self, token_id: str, end: Callable[[], None]) -> Callable[[], None]:
        """Call ``end`` when a token is revoked; return what stops that."""
        watching = self._watching.setdefault(token_id, set())
        watching.add(end)

        def forget() -> None:
            watching.discard(end)
            if not watching and self._watching.get(token_id) is watching:
                del self._watching[token_id]

        return forget

    def open_count(self, token_id: str) -> int:
        """Count what a token's holder has under way."""
        return len(self._watching.get(token_id, ()))

    def _kept(self, now: float) -> dict[str, Token]:
        """Return the tokens; of so many, those that open nothing are forgotten."""
        if len(self._tokens) < MAX_TOKENS:
            return self._tokens
        return {key: token for key, token in self._tokens.items() if token.usable(now)}

    async def _keep(self, tokens: dict[str, Token]) -> None:
        await asyncio.to_thread(self._write, tokens)
        self._tokens = tokens

    def _write(self, tokens: dict[str, Token]) -> None:
        data = _File(tokens=list(tokens.values())).model_dump_json(indent=1, exclude_none=True)
        write_atomic(self._path, data.encode() + b"\n", self._disk)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _unusable(message: str) -> StorageError:
    return StorageError(message, code="tokens_unusable")
