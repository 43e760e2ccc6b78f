from pathlib import Path

import pytest

from brahma.core.errors import ConfigError
from brahma.data.cleaning.contract import Rewritten
from brahma.data.cleaning.steps.boilerplate import BoilerplateOptions, build

BOILERPLATE = {
    "navigation": [
        "Skip to content",
        "Skip to the main content.",
        "Previous Next",
        "Next | Previous | Up",
        "« Prev | Home »",
        "• Show Source",
        "↑ Back to top",
        "You are here: Home > News",
        "Page 3 of 12",
        "Toggle navigation",
    ],
    "cookies": [
        "We use cookies to improve your experience.",
        "This website uses cookies. Learn more.",
        "Accept all cookies",
        "By continuing to use this site you agree to our policy.",
    ],
    "legal": [
        "All rights reserved.",
        "Copyright (c) 1998 Example Corp. All Rights Reserved.",
        "© 2020 X. Alle Rechte vorbehalten.",
        "Terms of Use | Privacy Policy",
        "Powered by WordPress",
    ],
    "sharing": [
        "Share this on Facebook",
        "Follow us on Twitter",
        "Sign up for our newsletter today!",
        "Tweet",
    ],
    "account": [
        "Log in | Register",
        "Sign up or log in",
        "Forgot your password?",
        "You must be logged in to post a comment.",
    ],
    "page": [
        "Please enable JavaScript to view the comments.",
        "Advertisement",
        "Read more…",
        "Loading...",
        "Leave a comment",
    ],
}

TEXT = [
    "The next chapter tells more.",
    "Up",
    "Next",
    "Home",
    "index = contents",
    "Skip to the end of the file with G.",
    "We use cookies to store the session; see section 4 for the format. " + 240 * "x",
    "Copyright holders keep all rights reserved to them by law, and may grant some.",
    "def previous(self): pass",
    "All rights reserved words of the language are listed here.",
    "Log in as root and type:",
    "Privacy",
    "Read more about it in RFC 1.",
    "Page 3 of the manual",
    "Loading the model takes a minute.",
    "",
    "    ",
    "* item",
    "| a | b |",
    "Advertisements were few.",
]


@pytest.mark.parametrize(
    ("kind", "line"), [(kind, line) for kind, lines in BOILERPLATE.items() for line in lines]
)
def test_a_line_of_boilerplate_goes_and_is_counted_by_its_kind(kind: str, line: str) -> None:
    verdict = build(BoilerplateOptions())(f"Before.\n  {line} \nAfter.")
    assert verdict == Rewritten("Before.\nAfter.", {f"{kind} lines removed": 1})


@pytest.mark.parametrize("line", TEXT)
def test_a_line_of_text_stays(line: str) -> None:
    assert build(BoilerplateOptions())(f"Before.\n{line}\nAfter.") is True


def test_patterns_of_your_own_take_the_place_of_the_list(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("mast:\n  - 'the daily .*'\n")
    step = build(BoilerplateOptions(patterns=str(path)))
    assert step("The Daily  Brahma\nText\nTweet") == Rewritten("Text\nTweet", {"mast lines removed": 1})


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        ("mast: tweet\n", ":1", "mast: expected a name"),
        ("two words:\n  - x\n", ":1", "two words: expected a name"),
        ("mast:\n  - a\n  - '(?:x'\n", ":3", "no regular expression"),
        ("mast:\n  - '(x)'\n", ":2", "has a group"),
        ("mast:\n  - '.*'\n", ":2", "a pattern of a line with text"),
        ("mast:\n  - 3\n", ":2", "a pattern of a line with text"),
        ("", "", "the file is empty"),
    ],
)
def test_a_mistake_in_a_file_of_patterns_is_named_with_its_line(
    tmp_path: Path, content: str, where: str, message: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        build(BoilerplateOptions(patterns=str(path)))
    assert message in caught.value.message
    assert caught.value.where == f"{path}{where}"
    assert caught.value.hint


def test_a_file_of_patterns_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        build(BoilerplateOptions(patterns=str(tmp_path / "nowhere.yaml")))
