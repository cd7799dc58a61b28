"""Whether a web address may be asked, and at which addresses of the network.

A name is looked up once. What is connected to later is exactly what was checked here.
"""

from __future__ import annotations

from ruster.sandbox.addresses import IPAddress, why_not_public
from ruster.sandbox.resolver import Resolver
from ruster.sandbox.urls import WebAddress, read_url, refused
from ruster.sandbox.web_settings import WebSettings

__all__ = ["AddressCheck"]

_INNER_NAMES = {
    "localhost", "metadata", "metadata.goog", "metadata.google.internal", "instance-data",
    "instance-data.ec2.internal", "metadata.azure.internal", "metadata.packet.net",
    "host.docker.internal", "gateway.docker.internal", "host.containers.internal",
    "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "rancher-metadata",
}  # fmt: skip
_INNER_ZONES = (".localhost", ".local", ".localdomain", ".internal", ".home.arpa", ".lan", ".onion")


class AddressCheck:
    """Looks a host up and refuses it when any of its addresses is not public.

    Services in ``settings.allow`` are excepted: an entry stands for the addresses its host has at
    that moment, with that one port.
    """

    def __init__(self, settings: WebSettings, resolver: Resolver) -> None:
        self._ports = frozenset(settings.ports)
        self._allowed = tuple(read_url(f"http://{entry}") for entry in settings.allow)
        self._resolver = resolver

    async def addresses(self, target: WebAddress) -> tuple[IPAddress, ...]:
        """Return where ``target`` may be connected to; raises ToolError (``url_refused``)."""
        entries = [entry for entry in self._allowed if entry.port == target.port]
        named = any(entry.host == target.host for entry in entries)
        if not named:
            self._refuse_by_name(target, maybe_allowed=bool(entries))
        found = await self._resolve(target)
        if not found:
            raise refused(f"{target.host} has no address")
        problems = {address: why for address in found if (why := self._problem(target, address))}
        if problems and not named:
            for address in await self._addresses_of(entries):
                problems.pop(address, None)
            if problems:
                raise refused(next(iter(problems.values())))
        return found

    def _problem(self, target: WebAddress, address: IPAddress) -> str | None:
        if (kind := why_not_public(address)) is not None:
            return f"{target.host} is {address}, which is not public ({kind})"
        if target.port not in self._ports:
            return f"port {target.port} is not asked; web.ports or web.allow can add it"
        return None

    def _refuse_by_name(self, target: WebAddress, *, maybe_allowed: bool) -> None:
        """Refuse what is never public before anybody is asked for it."""
        inner = target.host in _INNER_NAMES or target.host.endswith(_INNER_ZONES)
        if inner and not maybe_allowed:
            raise refused(f"{target.host} is a name of this machine's own networks")

    async def _addresses_of(self, entries: list[WebAddress]) -> set[IPAddress]:
        found: set[IPAddress] = set()
        for entry in entries:
            found.update(await self._resolve(entry))
        return found

    async def _resolve(self, target: WebAddress) -> tuple[IPAddress, ...]:
        if target.literal is not None:
            return (target.literal,)
        return await self._resolver.resolve(target.host)
