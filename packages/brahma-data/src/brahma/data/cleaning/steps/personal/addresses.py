"""Public addresses of the Internet Protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from brahma.data.cleaning.steps.personal.stretches import Stretches, matches

_V4 = re.compile(r"[1-9](?<![\w.-].)\d{0,2}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w-]|\.\w)")
_V6 = re.compile(r":(?<=[23][0-9A-Fa-f]{3}:)(?<![\w:.].{5})[0-9A-Fa-f:]{2,34}(?![\w:])")
_V6_BEFORE = 4  # characters before the first colon, which is where the search begins
_NO_ADDRESS = re.compile(  # what stands before a number of a version, section or object
    r"(?:\b(?:versions?|ver|v|rev|revision|releases?|sections?|sect|chapter|clause|paragraph|annex|table|figure|"
    r"fig|oid|build|firmware|driver|kernel|update|since|upgrade to)[.:=\s\"'(]{0,3}|(?:[=<>~!]=|[§~^])\s?)\Z",
    re.I,
)
_HEADING = re.compile(r"(?:\A|\n)[ \t*•>#-]*\Z")  # before the number of a section: `49.6.4.14. Stream Start`
_REACH = 16
_SMALL = 40
"""Four numbers all below this are taken for a version or a section: of addresses 6 in 10,000 are such."""
_V6_GLOBAL = ip_network("2000::/3")
_V6_DOCUMENTATION = ip_network("3fff::/20")  # RFC 9637, which Python 3.11 does not know


def addresses(text: str, digits: Stretches) -> Iterator[tuple[int, int]]:
    """IPv4 and IPv6 addresses that are somebody's: not private, loopback, of documentation or reserved."""
    v4 = [each.span() for each in matches(_V4, text, digits) if _is_v4(text, each)]
    v6 = [(each.start() - _V6_BEFORE, each.end()) for each in _V6.finditer(text)]
    yield from sorted([*v4, *(place for place in v6 if _is_v6(text[slice(*place)]))])


def _is_v4(text: str, match: re.Match[str]) -> bool:
    address = _parsed(match[0])
    before = text[max(0, match.start() - _REACH) : match.start()]
    return (
        isinstance(address, IPv4Address)
        and address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and max(address.packed) >= _SMALL
        and address.packed[0] > 0
        and not _NO_ADDRESS.search(before)
        and not (text.startswith((". ", ".\u00a0"), match.end()) and _HEADING.search(before))
    )


def _is_v6(text: str) -> bool:
    address = _parsed(text)
    return (
        isinstance(address, IPv6Address)
        and address in _V6_GLOBAL
        and address not in _V6_DOCUMENTATION
        and address.is_global
    )


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:  # 999.1.1.1, or a leading zero
        return None
