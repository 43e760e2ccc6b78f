"""E-mail addresses and telephone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from brahma.data.cleaning.steps.personal.stretches import Stretches, matches

# The address syntax that people use, of what RFC 5322 allows; the ends are looked at from the `@` outwards.
_LOCAL = re.compile(r"[\w](?:[\w.+%'-]{0,62}[\w+-])?\Z")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}(?![\w@])")
_LONGEST_LOCAL = 64  # characters, RFC 5321 section 4.5.3.1.1
_RESERVED = re.compile(  # RFC 2606 and RFC 6761: nobody's
    r"(?:.*\.)?(?:example\.(?:com|org|net|edu)|(?:.*\.)?(?:example|invalid|test|localhost|local|localdomain))\Z",
    re.I,
)
_NO_DOMAIN = frozenset(  # `logo@2x.png`, `getty@tty1.service`
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "ico",
        "css",
        "js",
        "json",
        "html",
        "htm",
        "xml",
        "txt",
        "md",
        "rst",
        "py",
        "so",
        "service",
        "socket",
        "target",
        "mount",
        "timer",
        "slice",
        "scope",
        "device",
        "swap",
        "path",
        "automount",
        "yaml",
        "yml",
        "conf",
    ]
)

_INTERNATIONAL = re.compile(
    r"\+[1-9]\d{0,2}(?:[ .\-/\u00a0]?(?:\(\d{1,5}\)|\d{1,5})){2,6}(?!\w|[.,]\d|[*/+=]\w)"
)
_AMERICAN = re.compile(
    r"[(1-9](?<![\w.+/#$-].)"
    r"(?:(?<=1)[ .-](?:\([2-9]\d\d\) ?|[2-9]\d\d-)|(?<=\()[2-9]\d\d\) ?|(?<=[2-9])\d\d-)"
    r"[2-9]\d\d-\d{4}(?![\w-]|\.\d)"
)
_NATIONAL = re.compile(
    r"[(0-9](?<![\w.+/-].)(?:(?<=\()\d{1,5}\)|(?<=\d)\d{0,4})(?:[ ./-]{1,3}\d{2,8}){1,5}(?![\w-]|[.,]\d)"
)
_CUE = re.compile(  # not in a placeholder, which may be called <PHONE>
    r"(?:(?<![<\w])(?:tel|tél|phone|telephone|telefon|téléphone|teléfono|telefono|telefoon|fax|telefax|mobile|mobil|"
    r"handy|cell|call|ring|whatsapp|sms|hotline|helpline|тел|телефон)|[☎📞]|電話)"
    r"(?:[^\w\n<]{1,4}(?:numbers?|no|nr|nummer|office|home|work|us|me|at|is|or)){0,3}[^\w\n]{0,5}\Z",
    re.I,
)
_CUE_REACH = 40
_FICTION = re.compile(r"\D*1?\D*\d{3}\D*555\D*01\d\d\Z")  # numbers set aside for stories and documentation
_DATE = re.compile(r"(?:19|20)\d\d[-./ ](?:0?\d|1[0-2])\b|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d\Z")
_FOUR_BYTES = re.compile(r"\+(?:\d{1,3}\.){3}\d{1,3}\Z")  # an Internet address with a sign before it
_COUNTRY = re.compile(  # E.164 country codes; after 1 an area of North America
    r"1[2-9]\d\d|7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|21[12368]|2[2-6]\d|29[0179]|35\d|37\d|38\d|"
    r"42[013]|50\d|59\d|67\d|68\d|69[0-2]|8[05]0|85[2356]|88[0-6]|96\d|97\d|99[2-68]"
)


def emails(text: str, _: Stretches) -> Iterator[tuple[int, int]]:
    """Addresses, but for those of reserved names such as example.com, and `git@host:path`."""
    at, end = text.find("@"), 0
    while at >= 0:
        found = _email(text, at, end)
        if found:
            yield found
            end = found[1]
        at = text.find("@", max(at + 1, end))


def _email(text: str, at: int, after: int) -> tuple[int, int] | None:
    domain = _DOMAIN.match(text, at + 1)
    local = _LOCAL.search(text[max(after, at - _LONGEST_LOCAL) : at]) if domain else None
    if not domain or not local or ".." in local[0] or _RESERVED.match(domain[0]):
        return None
    if domain[0].rpartition(".")[2].lower() in _NO_DOMAIN:
        return None
    if local[0] == "git" and text[domain.end() : domain.end() + 1] in (":", "/"):
        return None
    return at - len(local[0]), domain.end()


def phones(text: str, digits: Stretches) -> Iterator[tuple[int, int]]:
    """Numbers with `+` and the country's code, American ones, and others after a word such as `Tel.`."""
    places = set[tuple[int, int]]()
    if "+" in text:
        places.update(each.span() for each in _INTERNATIONAL.finditer(text) if _is_international(text, each))
    places.update(each.span() for each in matches(_AMERICAN, text, digits) if not _FICTION.match(each[0]))
    places.update(each.span() for each in matches(_NATIONAL, text, digits) if _is_national(text, each))
    end = 0
    for place in sorted(places):
        if place[0] >= end:
            yield place
            end = place[1]


def _is_international(text: str, match: re.Match[str]) -> bool:
    digits = _digits(match[0])
    before = text[match.start() - 1 : match.start()]
    return (
        10 <= len(digits) <= 15
        and _COUNTRY.match(digits) is not None
        and not (before.isalnum() or before in ("+", "_", ")", "]", ".", "@"))
        and not _FICTION.match(match[0])
        and not _FOUR_BYTES.match(match[0])
    )


def _is_national(text: str, match: re.Match[str]) -> bool:
    return (
        7 <= len(_digits(match[0])) <= 13
        and not _DATE.match(match[0].strip("() "))
        and not _FICTION.match(match[0])
        and _CUE.search(text[max(0, match.start() - _CUE_REACH) : match.start()]) is not None
    )


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
