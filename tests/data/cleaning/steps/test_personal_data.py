import random
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.core.errors import ConfigError
from brahma.data.cleaning.contract import Dropped, Rewritten
from brahma.data.cleaning.steps.personal import addresses as ip
from brahma.data.cleaning.steps.personal import contacts, numbers
from brahma.data.cleaning.steps.personal.stretches import matches, stretches
from brahma.data.cleaning.steps.personal_data import PersonalDataOptions, build

KINDS = ("email", "ip_address", "phone", "card_number", "iban", "secret")


def drawn(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Characters drawn by lot, the same ones each time; no key that stands in a file of the project."""
    return "A1b" + "".join(random.Random(length).choices(alphabet, k=length - 3))


UPPER = string.ascii_uppercase + "234567"
JWT = ".".join(("eyJ" + drawn(30), "eyJ" + drawn(60), drawn(43)))
BLOCK = "\n".join(drawn(64) for _ in range(3))

POSITIVE = {
    "email": [
        "ann@mail.org",
        "first.last@sub.domain.co.uk",
        "a+tag@gmail.com",
        "x_y-z@my-host.io",
        "o'neil@irish.ie",
        "UPPER@CASE.DE",
        "müller@post.ch",
        "1234@numbers.net",
        "a@b.museum",
        "mail@xn--bcher-kva.ch",
        "someone%host@relay.gov",
        "a.b.c.d@e.f.g.info",
        "info@exämple.de".replace("ä", "a"),
        "j@k.fr",
        "list-owner@lists.debian.net",
    ],
    "ip_address": [
        "82.50.72.202",
        "212.27.32.176",
        "130.89.148.77",
        "8.8.44.8",
        "1.1.1.99",
        "100.50.200.5",
        "45.33.32.156",
        "193.8.232.2",
        "203.0.114.7",
        "2001:67c:2564:a119::77",
        "2606:2800:220:1:248:1893:25c8:1946",
        "2a00:1450:4001::200e",
        "2400:cb00::1",
        "23.4.5.66",
        "198.52.100.1",
    ],
    "phone": [
        "+49 89 4366 5544",
        "+1 408 492-1542",
        "+44 20 7946 0958",
        "+33 1 42 68 53 00",
        "+81 3 5308 6120",
        "+972-4-8307322",
        "+4915123456789",
        "+1-212-736-5000",
        "(202) 939-6200",
        "(908)668-5252",
        "408-934-7274",
        "1-415-642-4948",
        "+7 495 123-45-67",
        "+86 10 6552 9988",
        "+420 224 811 111",
    ],
    "card_number": [
        "4539578763621486",
        "4539 5787 6362 1486",
        "4539-5787-6362-1486",
        "5425233430109903",
        "5425 2334 3010 9903",
        "2223000048410010",
        "374245455400126",
        "3742 454554 00126",
        "6011000991300009",
        "6011 0009 9130 0009",
        "3566000020000410",
        "3530111333300000",
        "36006666333344",
        "6250941006528599",
        "4917484589897107",
    ],
    "iban": [
        "DE89 3704 0044 0532 0130 00",
        "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "GB29NWBK60161331926819",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NL91 ABNA 0417 1643 00",
        "CH93 0076 2011 6238 5295 7",
        "ES91 2100 0418 4502 0005 1332",
        "IT60 X054 2811 1010 0000 0123 456",
        "AT61 1904 3002 3457 3201",
        "BE68 5390 0754 7034",
        "NO93 8601 1117 947",
        "PL61 1090 1014 0000 0712 1981 2874",
        "SE45 5000 0000 0583 9825 7466",
        "DK50 0040 0440 1162 43",
    ],
    "secret": [
        "AKIA" + drawn(16, UPPER).upper().replace("1", "7"),
        "ASIA" + drawn(16, UPPER).upper().replace("1", "7"),
        "ghp_" + drawn(36),
        "gho_" + drawn(40),
        "github_pat_" + drawn(22) + "_" + drawn(59),
        "glpat-" + drawn(20),
        "xoxb-" + drawn(12) + "-" + drawn(24),
        "sk-" + drawn(48),
        "sk-proj-" + drawn(60),
        "sk-ant-api03-" + drawn(80),
        "AIza" + drawn(35),
        "sk_live_" + drawn(24),
        "hf_" + drawn(34),
        "npm_" + drawn(36),
        "SG." + drawn(22) + "." + drawn(43),
        JWT,
        f"-----BEGIN RSA PRIVATE KEY-----\n{BLOCK}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\\n{BLOCK}\\n-----END PRIVATE KEY-----",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\nComment: mine\n{BLOCK}\n-----END OPENSSH PRIVATE KEY-----",
    ],
}

NEGATIVE = {
    "email": [
        "user@example.com",
        "me@my.example.org",
        "x@host.invalid",
        "git@github.com:owner/repo.git",
        "logo@2x.png",
        "getty@tty1.service",
        "a@b",
        "@decorator.method",
        "foo@@bar.com",
        "user@localhost",
        "pkg@1.2.3",
        "a @ b.com",
        "@",
        "x@.com",
        "name@host.test",
        "a..b@c.de d".replace("a..b@c.de", "..@c.de"),
    ],
    "ip_address": [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.254",
        "172.16.99.1",
        "169.254.7.77",
        "192.0.2.55",
        "198.51.100.77",
        "203.0.113.99",
        "255.255.255.0",
        "0.0.0.0",
        "224.0.0.251",
        "v1.2.3.44",
        "version 6.1.0.99",
        "pkg-2.4.6.88",
        "999.1.1.1",
        "1.2.3.4.55",
        "::1",
        "fe80::1",
        "2001:db8::1",
        "3fff::5",
        "fd00::77",
        "std::vector",
        "12:34:56",
        "2023:10",
        "Section 4.3.2.77",
        "49.6.4.14. Stream Start",
        "==1.2.3.99",
        "4.3.2.1",
        "01.02.03.77",
        "§ 7.1.2.99",
        "1.3.6.1.4.1.99",
    ],
    "phone": [
        "2023-11-23 10:15:00",
        "10.11.2023",
        "3.14159265358979",
        "0x12345678",
        "123456789",
        "1 2 3 4 5 6 7 8 9 10",
        "+2147483647",
        "+192.168.2.100",
        "212 736 5000",
        "(212) 555-0123",
        "202-555-0199",
        "ISBN 978-3-16-148410-0",
        "x+1234567890",
        "1,234,567,890",
        "-2147483648",
        "call 2023-11-23",
        "12/05/2021",
        "RFC 2119-2120",
        "100-200-3000",
        "0123 4567 8901 2345",
        "+0 12 34 56 78 90",
        "call function 12 with 3 and 4",
    ],
    "card_number": [
        "4539578763621487",
        "1234567812345678",
        "4539 5787 63621486",
        "0000000000000000",
        "4444444444444448",
        "9999999999999995",
        "0x4539578763621486",
        "45395787636214861234",
        "1.4539578763621486",
        "4539578763621486.5",
        "id4539578763621486",
        "4539578763621486-7",
        "123456789012",
        "2000000000000006",
        "7992739871300000",
        "4539,5787,6362,1486",
    ],
    "iban": [
        "DE88370400440532013000",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "GB29 NWBK 6016 1331 9268 18",
        "DE89",
        "US64 SVBK US6S 3300 9586 79",
        "AB12 CDEF 3456",
        "FR14 2004 1010",
        "ABDE89370400440532013000",
        "DE89-3704-0044-0532-0130-00",
        "de89370400440532013000",
        "NL91ABNA0417164301",
        "ISO 9001",
        "AA00 0000 0000 0000",
        "CH93007620116238529578",
    ],
    "secret": [
        "AKIAIOSFODNN7EXAMPLE",
        "AKIA",
        "ghp_short",
        "sk-learn is a package",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ghp_" + "x" * 36,
        "api_key = your_api_key_goes_here",
        "api_key = os.environ['API_KEY_NAME_1']",
        "password: secret",
        "token = tokenizer.convert_tokens_to_ids(x1)",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n" + BLOCK,
        "-----BEGIN RSA PRIVATE KEY-----\n... (in base64 encoding) ...\n-----END RSA PRIVATE KEY-----",
        "sha1 = " + drawn(40),
        "eyJhbGciOiJIUzI1NiJ9",
        "secret_key = 'aaaaaaaaaaaaaaaaaaa1'",
        "hf_" + "model_name" * 3,
        "password = abcdefghijklmnopqrstuvwxyz",
        "api_key: ${API_KEY_OF_SERVICE_1}",
    ],
}


ALL = [text for table in (POSITIVE, NEGATIVE) for texts in table.values() for text in texts]


def masked(text: str, **options: object) -> str:
    verdict = build(PersonalDataOptions.model_validate(options))(text)
    return verdict.text if isinstance(verdict, Rewritten) else text


def only(kind: str) -> dict[str, object]:
    return {each: each == kind for each in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_table_of_both_sides(kind: str) -> None:
    assert len(set(POSITIVE[kind])) >= 15
    assert len(set(NEGATIVE[kind])) >= 15


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in KINDS for text in POSITIVE[kind]])
@pytest.mark.parametrize(
    "around", ["{}", "Write to {}, please.", "<{}>", "a line\n{}\nanother", "Tel.: ({})", '"{}"', "値{}値"]
)
def test_what_is_personal_is_masked_whatever_stands_around_it(kind: str, text: str, around: str) -> None:
    if around.startswith("値") and kind not in ("email",):
        around = "値 {} 値"  # numbers and keys end where a letter begins
    if kind == "phone" and "(" in text:
        around = around.replace("(", "").replace(")", "")
    if kind == "email" and around.startswith("値"):
        around = "値 {}。値"
    assert masked(around.format(text), **only(kind)) == around.format(f"<{kind.upper()}>")


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in KINDS for text in NEGATIVE[kind]])
def test_what_only_looks_like_it_stays(kind: str, text: str) -> None:
    assert masked(text, **only(kind)) == text


@pytest.mark.parametrize(
    "text",
    [
        "Tel. 089 / 4366 5544",
        "Téléphone : 01 42 68 53 00",
        "fax: 020 7946 0958",
        "☎ 030 1234567",
        "phone 212.736.5000",
    ],
)
def test_a_national_number_is_found_behind_a_word_for_telephone(text: str) -> None:
    assert masked(text).endswith("<PHONE>")
    assert masked(text.partition("0")[1] + text.partition("0")[2]) != "<PHONE>"


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "API-KEY",
        "client_secret",
        "aws_secret_access_key",
        "password",
        "auth_token",
        "PrivateKey",
        '"apiKey"',
    ],
)
@pytest.mark.parametrize("form", ["{} = {}", "{}='{}'", '{}: "{}"', "{} => '{}'", "{}={}\n"])
def test_a_value_drawn_by_lot_behind_the_name_of_a_secret_is_masked(name: str, form: str) -> None:
    value = drawn(32)
    assert masked(form.format(name, value)) == form.format(name, "<SECRET>")


def test_kinds_are_counted_and_masked_together() -> None:
    text = (
        "ann@mail.org, ben@mail.org: 82.50.72.202, +49 89 4366 5544, DE89370400440532013000, 4539578763621486"
    )
    assert build(PersonalDataOptions())(text) == Rewritten(
        "<EMAIL>, <EMAIL>: <IP_ADDRESS>, <PHONE>, <IBAN>, <CARD_NUMBER>",
        {
            "e-mail addresses masked": 2,
            "IP addresses masked": 1,
            "phone numbers masked": 1,
            "bank accounts masked": 1,
            "card numbers masked": 1,
        },
    )


def test_dropping_says_what_was_found_and_never_shows_it() -> None:
    verdict = build(PersonalDataOptions(mode="drop"))("ann@mail.org at 82.50.72.202")
    assert verdict == Dropped("personal data", "e-mail addresses: 1, IP addresses: 1")


def test_the_placeholder_can_be_another() -> None:
    assert masked("ann@mail.org", placeholder="[{kind}]") == "[EMAIL]"
    assert masked("ann@mail.org", placeholder="***") == "***"


def test_a_text_without_any_is_kept_as_it_is() -> None:
    assert build(PersonalDataOptions())("Nothing here: 1, 2, 3 @ home.") is True
    assert build(PersonalDataOptions())("") is True


def test_a_step_that_looks_for_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="asked for nothing"):
        build(PersonalDataOptions.model_validate(dict.fromkeys(KINDS, False)))


DIGITS = st.text(alphabet="0123456789 .()/-+:\nab", max_size=80)


@given(DIGITS)
def test_looking_in_stretches_of_digits_finds_what_looking_everywhere_finds(text: str) -> None:
    for pattern in (ip._V4, numbers._CARD, contacts._AMERICAN, contacts._NATIONAL):
        everywhere = [each.span() for each in pattern.finditer(text) if len(re.sub(r"\D", "", each[0])) >= 7]
        assert everywhere == [
            each.span()
            for each in matches(pattern, text, stretches(text))
            if len(re.sub(r"\D", "", each[0])) >= 7
        ]


@given(st.lists(st.sampled_from([*ALL, " ", "\n", "x", "="])))
def test_masking_leaves_nothing_to_mask(pieces: list[str]) -> None:
    once = masked(", ".join(pieces))
    assert masked(once) == once


@given(st.text(max_size=100))
def test_any_text_is_taken(text: str) -> None:
    verdict = build(PersonalDataOptions())(text)
    assert verdict is True or (isinstance(verdict, Rewritten) and verdict.text != text)


@pytest.mark.parametrize(
    "text",
    [
        "1" * 200_000,
        "1 " * 100_000,
        "(1" * 100_000,
        "a@" * 100_000,
        "=" * 200_000,
        "+1" * 100_000,
        "2001:" * 50_000,
        "A1" * 100_000,
    ],
)
def test_long_runs_of_one_thing_take_no_time(text: str) -> None:
    assert masked(text) == text
