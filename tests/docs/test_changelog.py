"""The fragments of the changelog are called as CONTRIBUTING.md says, so that a release can collect them."""

from __future__ import annotations

import re
from collections import Counter

from tests.docs.pages import ROOT

FRAGMENT = re.compile(r"(?P<issue>\d+)\.(?P<kind>feature|bugfix|doc|removal|misc)(?:\.\d+)?\.md")


def test_each_fragment_is_found_by_towncrier() -> None:
    names = {path.name for path in (ROOT / "docs" / "changelog.d").glob("*.md")}
    assert {name for name in names if not FRAGMENT.fullmatch(name)} == set()


def test_no_fragment_is_empty_or_stands_twice() -> None:
    texts = Counter(path.read_text().strip() for path in (ROOT / "docs" / "changelog.d").glob("*.md"))
    assert "" not in texts
    assert [text for text, count in texts.items() if count > 1] == []
