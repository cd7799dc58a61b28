"""Which addresses lie on the public internet, and which must not be reached for somebody else.

The tables follow the IANA registries of special-purpose addresses (RFC 6890 and its updates). An
IPv6 address that carries an IPv4 address is refused whatever it carries: who is asked to reach an
IPv4 host can be given its own address.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

__all__ = ["IPAddress", "embedded_ipv4", "ipv4_of", "why_not_public"]

IPAddress = IPv4Address | IPv6Address

_METADATA = {
    IPv4Address("169.254.169.254"), IPv4Address("169.254.170.2"), IPv4Address("100.100.100.200"),
    IPv4Address("192.0.0.192"), IPv4Address("168.63.129.16"), IPv6Address("fd00:ec2::254"),
    IPv6Address("fd20:ce::254"),
}  # fmt: skip
"""Where clouds answer their own machines; one of them lies in a public block."""

_IPV4 = tuple(
    (IPv4Network(block), kind)
    for block, kind in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by carriers"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "a DNS service"),
        ("192.52.193.0/24", "multicast tunnels"),
        ("192.88.99.0/24", "6to4 relays"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "a DNS service"),
        ("198.18.0.0/15", "benchmarks"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_IPV6 = tuple(
    (IPv6Network(block), kind)
    for block, kind in (
        ("::1/128", "loopback"),
        ("::/128", "unspecified"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("100::/64", "discarded"),
        ("2001::/32", "Teredo"),
        ("2001:2::/48", "benchmarks"),
        ("2001:db8::/32", "documentation"),
        ("2001::/23", "protocol assignments"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "a DNS service"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_ISATAP = (0x00005EFE, 0x02005EFE)
_EMBEDDING = {
    IPv6Network("::ffff:0:0/96"): 0,
    IPv6Network("::ffff:0:0:0/96"): 0,
    IPv6Network("::/96"): 0,
    IPv6Network("64:ff9b::/96"): 0,
    IPv6Network("64:ff9b:1::/48"): 0,
    IPv6Network("2002::/16"): 80,
}
"""Where the IPv4 address begins, in bits from the right."""


def why_not_public(address: IPAddress) -> str | None:
    """Say what kind of address it is when it is not on the public internet, else None."""
    if address in _METADATA:
        return "a cloud's metadata service"
    if isinstance(address, IPv4Address):
        return next((kind for block, kind in _IPV4 if address in block), None)
    kind = next((kind for block, kind in _IPV6 if address in block), None)
    if kind is None and (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        kind = "ISATAP"
    if kind is None and address not in _GLOBAL_UNICAST:
        return "reserved"
    inner = embedded_ipv4(address)
    if kind is not None and inner is not None:
        return f"{kind}, for {inner} ({why_not_public(inner) or 'public'})"
    return kind


def embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address of a transition mechanism leads to."""
    number = int(address)
    if address.teredo is not None:
        return address.teredo[1]
    for block, shift in _EMBEDDING.items():
        if address in block and number > 1:
            return IPv4Address((number >> shift) & 0xFFFFFFFF)
    if (number >> 32) & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(number & 0xFFFFFFFF)
    return None


def ipv4_of(host: str) -> IPv4Address | None:
    """Read an IPv4 address in every spelling that resolvers know; None when it is a name.

    That is one to four numbers, each decimal, octal (``0…``) or hexadecimal (``0x…``), the last of
    which fills what is left, as ``inet_aton`` has it. Raises ValueError when the last part is a
    number and the whole is no address: such a thing is no name either.
    """
    parts = host.split(".")
    if not _is_number(parts[-1]):
        return None
    if len(parts) > 4:
        raise ValueError("made of too many numbers for an address")
    *heads, tail = [_number(part) for part in parts]
    if any(head > 0xFF for head in heads) or tail >= 256 ** (4 - len(heads)):
        raise ValueError("made of numbers too large for an address")
    value = tail
    for place, head in enumerate(heads):
        value += head << (8 * (3 - place))
    return IPv4Address(value)


def _is_number(part: str) -> bool:
    return part.isascii() and (part.isdigit() or part[:2].lower() == "0x")


def _number(part: str) -> int:
    text, base = part.lower(), 10
    if text.startswith("0x"):
        text, base = text[2:] or "0", 16
    elif text.startswith("0") and len(text) > 1:
        base = 8
    try:
        if not (text.isascii() and text.isalnum()):
            raise ValueError
        return int(text, base)
    except ValueError:
        raise ValueError("made of numbers, but no address") from None
