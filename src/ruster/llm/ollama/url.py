"""Where Ollama listens: the spellings of ``OLLAMA_HOST`` as one base URL. No I/O, no environment.

The rules follow Ollama's own reading of the variable (ollama/ollama, ``envconfig.Host``).
"""

from __future__ import annotations

import ipaddress

__all__ = ["base_url"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_OLLAMA_PORT = 11434


def base_url(ollama_host: str) -> str:
    """Return ``scheme://host:port[/path]`` for any spelling of ``OLLAMA_HOST``, also an empty one.

    Without a scheme the port is 11434 unless given; with one it is that scheme's own. An address
    that only makes sense to listen on (``0.0.0.0``, ``[::]``) becomes loopback; a port that is
    none becomes the default. A login before ``@`` is kept.
    """
    text = ollama_host.strip().strip("\"'").strip()
    scheme, separator, rest = text.rpartition("://")
    scheme = scheme.lower() if separator else "http"
    default_port = _DEFAULT_PORTS.get(scheme, _OLLAMA_PORT) if separator else _OLLAMA_PORT
    authority, _, path = rest.partition("/")
    login, at, hostport = authority.rpartition("@")
    host, port = _split_port(hostport, default_port)
    url = f"{scheme}://{login}{at}{_connectable(host)}:{port}/{path}"
    return url.rstrip("/")


def _split_port(hostport: str, default_port: int) -> tuple[str, int]:
    if hostport.isdecimal():
        return "", _port(hostport, default_port)
    if hostport.startswith("[") and "]" in hostport:
        host, _, port = hostport[1:].partition("]")
        return host, _port(port.removeprefix(":"), default_port)
    if hostport.count(":") == 1:
        host, _, port = hostport.partition(":")
        return host, _port(port, default_port)
    return hostport, default_port


def _port(text: str, default_port: int) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else 0
    return number if 0 < number <= 65535 else default_port


def _connectable(host: str) -> str:
    if not host:
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return "127.0.0.1" if address.is_unspecified else host
    return "[::1]" if address.is_unspecified else f"[{host}]"
