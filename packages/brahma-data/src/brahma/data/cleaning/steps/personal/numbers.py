"""Numbers with a check digit: payment cards and bank accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from brahma.data.cleaning.steps.personal.stretches import Stretches, matches

# Prefixes and lengths as the issuers publish them (ISO/IEC 7812): Visa, Mastercard, American Express,
# Discover, Diners Club, JCB, UnionPay.
_ISSUED = re.compile(
    r"(?:4\d{12}(?:\d{3}){0,2}|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}|"
    r"(?:6011|65\d\d|64[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17})\Z"
)
_CARD = re.compile(
    r"[2-6](?<![\w.,:+*/=-].)"
    r"(?:\d{12,18}|\d{3}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{3}([ -])\d{6}\2\d{4,5})"
    r"(?![\w+*/=-]|[.,]\d)"
)
_IBAN = re.compile(r"[A-Z](?<![\w-].)[A-Z]\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![\w-])")
_BEFORE, _LONGEST = (
    12,
    42,
)  # characters of a number before its first long run of digits, and in all, with blanks
# The SWIFT registry of IBAN formats: length for each country
_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO", "16": "BE", "18": "DK FI FO GL NL SD", "19": "MK SI", "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH HR LI LV", "22": "BG BH CR DE GB GE IE ME RS VA", "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST", "26": "IS TR",
        "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HU LB NI PL SV", "29": "BR EG PS QA UA", "30": "JO KW MU YE", "31": "MT SC",
        "32": "LC", "33": "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def cards(text: str, digits: Stretches) -> Iterator[tuple[int, int]]:
    """Numbers of payment cards: length and prefix of an issuer, and the check digit of Luhn."""
    for match in matches(_CARD, text, digits):
        number = re.sub(r"\D", "", match[0])
        if _ISSUED.match(number) and _luhn(number) and len(set(number)) > 3:
            yield match.span()


def ibans(text: str, digits: Stretches) -> Iterator[tuple[int, int]]:
    """Numbers of bank accounts by ISO 13616: the country's length, and the remainder 1 by 97."""
    windows = ((max(0, start - _BEFORE), end + _LONGEST) for start, end in digits)
    found = {match.span() for window in windows for match in _IBAN.finditer(text, *window)}
    for start, end in sorted(found):
        number = text[start:end].replace(" ", "")
        if _IBAN_LENGTHS.get(number[:2]) == len(number) and _remainder(number) == 1:
            yield start, end


def _luhn(number: str) -> bool:
    """Whether the check digit is right (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return (sum(doubled) + sum(map(int, number[-1::-2]))) % 10 == 0


def _remainder(number: str) -> int:
    """ISO/IEC 7064, MOD 97-10: the first four characters go to the end, letters count from 10."""
    return int("".join(str(int(each, 36)) for each in number[4:] + number[:4])) % 97
