"""How a provider is reached and what shows that we may: the proxy, keys, addresses fit to show.

A key is looked up anew for every request - in the environment, a file, or from a command - and
kept nowhere.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ruster.core.errors import ProviderUnreachable
from ruster.llm.settings import LlmSettings

__all__ = ["KeySource", "Variables", "bearer", "proxy_auth", "proxy_base", "without_login"]

Variables = Callable[[str], str | None]
"""Looks up an environment variable; may read a file."""

_COMMAND_TIMEOUT_S = 10.0
_KEY_LIMIT_BYTES = 16_384


def without_login(url: str) -> str:
    """Return ``url`` without the name and password it may carry, fit for messages and logs."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def proxy_base(settings: LlmSettings, prefix: str) -> str | None:
    """Return the proxy's address for ``prefix``, or None when no proxy is set."""
    proxy = (settings.proxy_url or "").rstrip("/")
    return f"{proxy}/{prefix}" if proxy else None


def proxy_auth(settings: LlmSettings) -> Callable[[], Awaitable[Mapping[str, str]]]:
    """Return a maker of the headers that open the proxy."""

    async def headers() -> Mapping[str, str]:
        if settings.proxy_auth_token is None:
            return {}
        token = settings.proxy_auth_token.get_secret_value()
        if settings.proxy_auth_header == "authorization":
            return {"Authorization": f"Bearer {token}"}
        return {"X-Proxy-Auth": token}

    return headers


def bearer(key: str | None) -> Mapping[str, str]:
    """Return the usual header for a key."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the key of the provider ``prefix`` comes from; the first that is set counts.

    ``needed`` says whether requests make sense without one.
    """

    prefix: str
    variables: Variables
    names: tuple[str, ...] = ()
    file: Path | None = None
    command: tuple[str, ...] = ()
    needed: bool = True

    async def key(self) -> str | None:
        """Return the key, None if there is none and none is needed.

        Raises ``ProviderUnreachable`` (``provider_key_missing``); no message shows a key.
        """
        found = await self._find()
        if found is None:
            if self.needed:
                raise self._missing("has no key")
            return None
        key = found.strip()
        if not key or not key.isascii() or not key.isprintable():
            raise self._missing("has a key that no header can carry")
        return key

    async def _find(self) -> str | None:
        if self.command:
            return await self._from_command()
        if self.file is not None:
            return await asyncio.to_thread(self._from_file, self.file)
        return await asyncio.to_thread(self._from_variables)

    def _from_variables(self) -> str | None:
        values = (self.variables(name) for name in self.names)
        return next((value for value in values if value), None)

    def _from_file(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                return file.read(_KEY_LIMIT_BYTES).decode("utf-8", "replace")
        except OSError as error:
            raise self._missing(f"cannot read its key file {path} ({error.strerror})") from error

    async def _from_command(self) -> str:
        """Run the command without a shell; it and its children are killed when they take long."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise self._missing(f"cannot run its key command {self.command[0]!r}") from error
        try:
            async with asyncio.timeout(_COMMAND_TIMEOUT_S):
                said, status = await _output(process)
        except TimeoutError as error:
            detail = f"waited {_COMMAND_TIMEOUT_S:g} seconds for its key command"
            raise self._missing(detail) from error
        finally:
            await _end(process)
        if status != 0:
            raise self._missing(f"got status {status} from its key command")
        return said.decode("utf-8", "replace").strip().partition("\n")[0]

    def _missing(self, what: str) -> ProviderUnreachable:
        ways = [f"set {self.names[0]}"] if self.names else []
        table = f"[providers.{self.prefix}]"
        ways.append(f"set api_key_env, api_key_file or api_key_command in {table}")
        return ProviderUnreachable(
            f"{self.prefix} {what}: {', or '.join(ways)}", code="provider_key_missing"
        )


async def _output(process: asyncio.subprocess.Process) -> tuple[bytes, int]:
    assert process.stdout is not None
    said = bytearray()
    while len(said) < _KEY_LIMIT_BYTES and (piece := await process.stdout.read(4096)):
        said += piece
    return bytes(said), await process.wait() if len(said) < _KEY_LIMIT_BYTES else 0


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
