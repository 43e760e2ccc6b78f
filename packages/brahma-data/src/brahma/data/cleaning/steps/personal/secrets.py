"""Secrets by their shape: keys of services, tokens, private keys, and values of `api_key = "…"`."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from brahma.data.cleaning.steps.personal.stretches import Stretches

# What every key of a service begins with, and the whole key (their makers' documentation).
_KEYS = {
    "AKIA": r"[A-Z2-7]{16}",  # Amazon: long-lived access key
    "ASIA": r"[A-Z2-7]{16}",  # Amazon: temporary access key
    **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), "[A-Za-z0-9]{36,251}"),  # GitHub
    "github_pat_": r"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
    "glpat-": r"[\w-]{20,64}",  # GitLab
    "xox": r"[abposr](?:-[A-Za-z0-9]{8,64}){2,5}",  # Slack
    "hooks.slack.com/services/": r"T\w{6,12}/B\w{6,12}/\w{20,32}",
    # OpenAI and others
    "sk-": r"(?:(?:proj|svcacct|admin|ant-[a-z]+\d\d|or-v1)-[\w-]{20,200}|[A-Za-z0-9]{20,100})",
    "AIza": r"[\w-]{35}",  # Google
    "GOCSPX-": r"[\w-]{28}",
    **dict.fromkeys(("sk_live_", "rk_live_"), "[A-Za-z0-9]{20,247}"),  # Stripe
    "hf_": r"[A-Za-z0-9]{30,40}",  # Hugging Face
    "npm_": r"[A-Za-z0-9]{36}",
    "pypi-AgEIcHlwaS5vcmc": r"[\w-]{50,250}",
    "SG.": r"[\w-]{22}\.[\w-]{43}",  # SendGrid
    "eyJ": r"[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,2000}",  # JSON Web Token, RFC 7519
}
_BY_PREFIX = {
    prefix: re.compile(rf"{re.escape(prefix)}(?<![\w-]{re.escape(prefix)}){rest}(?![\w-])")
    for prefix, rest in _KEYS.items()
}
_BREAK = r"(?:\s|\\[nr])"  # a line break of a block, or its escape in a string
_PEM = re.compile(  # RFC 7468; a block that is cut off is secret too
    rf"-----BEGIN (?P<label>(?:[A-Z0-9]+ ){{0,3}}PRIVATE KEY(?: BLOCK)?)-----"
    rf"(?:{_BREAK}+[A-Za-z-]+: [^\n]{{1,80}}){{0,4}}"
    rf"{_BREAK}+[A-Za-z0-9+/=]{{40,76}}(?:{_BREAK}|[A-Za-z0-9+/=]){{0,20000}}(?:-----END (?P=label)-----)?"
)
_VALUES = [  # one pattern for each mark: a search for one character is the fastest there is
    re.compile(mark + r"[ \t]{0,4}[\"']?(?P<value>[A-Za-z0-9+/_.~-]{16,200}={0,2})(?![\w(/.])")
    for mark in ("=>?", ":=?")
]
_NAME = re.compile(
    r"(?:api[_-]?key|secret(?:[_-]?(?:access)?[_-]?key)?|(?:access|auth|api|bearer|refresh)[_-]?token|"
    r"client[_-]?secret|private[_-]?key|passwo?r?d|passphrase)[\"']?[ \t]{0,4}:?\Z",
    re.I,
)
_REACH = 40
_EXAMPLE = re.compile(
    r"example|your|sample|dummy|placeholder|changeme|redacted|x{4}|\.{3}|1234567|abcdef", re.I
)
_KEY_BITS, _VALUE_BITS = 3.0, 3.5  # of entropy in a character; words joined by _ or - have about 3.3


def secrets(text: str, _: Stretches) -> Iterator[tuple[int, int]]:
    """Everything of these shapes that looks drawn by lot and does not call itself an example."""
    places = [place for prefix in _BY_PREFIX if prefix in text for place in _keys(text, prefix)]
    if "PRIVATE KEY" in text:
        places += [each.span() for each in _PEM.finditer(text)]
    places += _values(text)
    end = 0
    for place in sorted(places):
        if place[0] >= end:
            yield place
            end = place[1]


def _keys(text: str, prefix: str) -> Iterator[tuple[int, int]]:
    for match in _BY_PREFIX[prefix].finditer(text):
        if _is_drawn(match[0], _KEY_BITS) and not _EXAMPLE.search(match[0]):
            yield match.span()


def _values(text: str) -> Iterator[tuple[int, int]]:
    for match in (each for pattern in _VALUES for each in pattern.finditer(text)):
        value = match["value"]
        if (
            _is_drawn(value, _VALUE_BITS)
            and _NAME.search(text[max(0, match.start() - _REACH) : match.start()])
            and not _EXAMPLE.search(value)
        ):
            yield match.span("value")


def _is_drawn(value: str, bits: float) -> bool:
    """Letters and digits without the order of words: so many bits in each character (Shannon)."""
    if not (any(map(str.isdigit, value)) and any(map(str.isalpha, value))):
        return False
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares) >= bits
