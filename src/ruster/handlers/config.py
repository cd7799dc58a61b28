"""Settings: config_get, config_set, config_list. For the daemon's own user and root."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from ruster.handlers.caller import Caller, require_privilege
from ruster.protocol.commands import ConfigGet, ConfigList, ConfigSet
from ruster.protocol.events import ConfigListing, ConfigUpdated, ConfigValue

__all__ = ["ConfigHandlers", "SettingsView"]


class SettingsView(Protocol):
    """The daemon's settings, as they can be read and changed while it runs."""

    def read(self, key: str) -> tuple[Any, str]:
        """Return a setting and its source; raises ConfigError (``config_unknown``)."""
        ...

    def read_all(self) -> dict[str, Any]:
        """Return all settings by dotted key, secrets masked."""
        ...

    def change(self, key: str, value: Any) -> tuple[Any, bool]:
        """Keep a new value (blocks); return it and whether a restart is needed."""
        ...


class ConfigHandlers:
    """The commands about settings."""

    def __init__(self, settings: SettingsView) -> None:
        self._settings = settings

    async def get(self, caller: Caller, command: ConfigGet) -> None:
        """Read one setting."""
        require_privilege(caller, "read the configuration")
        value, source = self._settings.read(command.key)
        caller.reply(ConfigValue(key=command.key, value=value, source=source), command)

    async def list(self, caller: Caller, command: ConfigList) -> None:
        """Read all settings."""
        require_privilege(caller, "read the configuration")
        caller.reply(ConfigListing(options=self._settings.read_all()), command)

    async def set(self, caller: Caller, command: ConfigSet) -> None:
        """Change one setting."""
        require_privilege(caller, "change the configuration")
        value, restart = await asyncio.to_thread(self._settings.change, command.key, command.value)
        reply = ConfigUpdated(key=command.key, value=value, restart_needed=restart)
        caller.reply(reply, command)
