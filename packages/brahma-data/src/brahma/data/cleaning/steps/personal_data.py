"""Step `personal_data`: what could identify or harm somebody is masked, or drops the document.

The rules look at shapes and check digits, never at meaning: names and postal addresses of people are not
found. They rather miss a few than damage tables, versions and dates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from brahma.core.config.sections import Section, Text
from brahma.core.errors import ConfigError
from brahma.data.cleaning.contract import Dropped, Rewritten, TextStep, Verdict
from brahma.data.cleaning.steps.personal.addresses import addresses
from brahma.data.cleaning.steps.personal.contacts import emails, phones
from brahma.data.cleaning.steps.personal.numbers import cards, ibans
from brahma.data.cleaning.steps.personal.secrets import secrets
from brahma.data.cleaning.steps.personal.stretches import Stretches, stretches

Finder = Callable[[str, Stretches], Iterator[tuple[int, int]]]

_KIND = "{kind}"


class PersonalDataOptions(Section):
    """What is looked for, and what becomes of it."""

    mode: Literal["mask", "drop"] = "mask"
    """`mask` puts a placeholder in its place; `drop` drops the whole document."""
    placeholder: Text = f"<{_KIND}>"
    """What stands in its place; `{kind}` becomes EMAIL, IP_ADDRESS, PHONE, CARD_NUMBER, IBAN or SECRET."""
    email: bool = True
    """E-mail addresses, but for those of reserved names (example.com)."""
    ip_address: bool = True
    """Public IPv4 and IPv6 addresses: no private, loopback or documentation ones, no versions (v1.2.3.4)."""
    phone: bool = True
    """Telephone numbers: with `+` and the country's code, American ones, others after a word such as Tel."""
    card_number: bool = True
    """Numbers of payment cards: prefix and length of an issuer, and a check digit that is right."""
    iban: bool = True
    """Numbers of bank accounts whose check digits are right."""
    secret: bool = True
    """Keys of well-known services, tokens (JWT), private keys (PEM), values of names such as `api_key`."""


@dataclass(frozen=True)
class _Kind:
    """One kind of personal data; where two begin at one place, the earlier in `_KINDS` counts."""

    option: str
    label: str
    find: Finder


_KINDS = (
    _Kind("secret", "secrets", secrets),
    _Kind("email", "e-mail addresses", emails),
    _Kind("iban", "bank accounts", ibans),
    _Kind("card_number", "card numbers", cards),
    _Kind("ip_address", "IP addresses", addresses),
    _Kind("phone", "phone numbers", phones),
)


@dataclass(frozen=True)
class _PersonalData:
    """The step."""

    kinds: tuple[_Kind, ...]
    placeholder: str
    drops: bool

    def __call__(self, text: str) -> Verdict:
        found = self._found(text)
        if not found:
            return True
        counts = Counter(kind.label for _, _, kind in found)
        if self.drops:
            return Dropped("personal data", ", ".join(f"{label}: {each:,}" for label, each in counts.items()))
        return Rewritten(
            self._masked(text, found), {f"{label} masked": each for label, each in counts.items()}
        )

    def _found(self, text: str) -> list[tuple[int, int, _Kind]]:
        """Places and kinds, in order, none over another: the one that begins first counts."""
        digits = stretches(text)
        places = [(start, end, kind) for kind in self.kinds for start, end in kind.find(text, digits)]
        kept: list[tuple[int, int, _Kind]] = []
        for place in sorted(places, key=lambda each: each[0]):
            if not kept or place[0] >= kept[-1][1]:
                kept.append(place)
        return kept

    def _masked(self, text: str, found: list[tuple[int, int, _Kind]]) -> str:
        pieces, at = list[str](), 0
        for start, end, kind in found:
            pieces += [text[at:start], self.placeholder.replace(_KIND, kind.option.upper())]
            at = end
        return "".join([*pieces, text[at:]])


def build(options: PersonalDataOptions) -> TextStep:
    """The step with these options.

    Raises:
        ConfigError: every kind is switched off.
    """
    kinds = tuple(kind for kind in _KINDS if getattr(options, kind.option))
    if not kinds:
        raise ConfigError(
            "personal_data is asked for nothing",
            where="personal_data",
            hint="Take the step out of the profile",
        )
    return _PersonalData(kinds, options.placeholder, options.mode == "drop")
