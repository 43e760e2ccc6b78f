"""What each of our entries has to do, by Brahma's own kit."""

import pytest

from brahma.core.kit import assert_passes


@pytest.mark.parametrize(
    ("kind", "name"), [("optimizer", "signum"), ("augmenter", "word_order"), ("tracker", "loss_file")]
)
def test_it_does_what_its_kind_promises(kind: str, name: str) -> None:
    assert_passes(kind, name)
