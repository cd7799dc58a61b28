"""Talking to the daemon from Python: ``Client`` (asynchronous) and ``SyncClient`` (for scripts)."""

from ruster.client.client import DEFAULT_SOCKET_PATH, Client
from ruster.client.sync import SyncClient
from ruster.protocol.parsed import GenericEvent, ParsedEvent

__all__ = ["DEFAULT_SOCKET_PATH", "Client", "GenericEvent", "ParsedEvent", "SyncClient"]
