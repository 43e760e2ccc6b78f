"""The reader of WordNet's files, and paraphrases by it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from brahma.core.errors import DataError, MissingDependencyError
from brahma.data.augmentation.protection import lost
from brahma_augment.paraphrase import WordNetParaphraser
from brahma_augment.synonyms import Synonyms, blocked
from brahma_augment.wordnet import DEFAULT_FOLDER, Lexicon, Reading, read_lexicon
from tests.plugins.augment.small_wordnet import small_wordnet

needs_wordnet = pytest.mark.skipif(
    not (DEFAULT_FOLDER / "data.noun").is_file(), reason="the Debian package wordnet-base is not installed"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_wordnet(tmp_path_factory.mktemp("wordnet"))


@pytest.fixture(scope="module")
def lexicon(folder: Path) -> Lexicon:
    return read_lexicon(folder)


def test_words_senses_names_and_counts_are_read(lexicon: Lexicon) -> None:
    assert lexicon.members["noun", 100] == ("car", "auto")
    assert lexicon.members["adj", 100] == ("huge", "immense", "enormous")
    assert lexicon.names == {"mark", "bergen"}
    assert lexicon.tagged["noun", "car"] == {1: 12}
    assert lexicon.tagged["adj", "huge"] == {1: 5}
    assert ("noun", "big_dog") not in lexicon.senses


@pytest.mark.parametrize(
    ("word", "reading"),
    [
        ("cars", Reading("noun", "car", "s")),
        ("bought", Reading("verb", "buy", "ed")),
        ("buying", Reading("verb", "buy", "ing")),
        ("purchased", Reading("verb", "purchase", "ed")),
        ("purchasing", Reading("verb", "purchase", "ing")),
        ("often", Reading("adv", "often", "base")),
    ],
)
def test_forms_are_led_back_to_their_lemma_and_made_again(
    lexicon: Lexicon, word: str, reading: Reading
) -> None:
    assert reading in lexicon.readings(word)
    assert lexicon.inflected(reading.kind, reading.lemma, reading.form) == word


def test_a_form_that_is_not_certain_is_not_made(lexicon: Lexicon) -> None:
    lexicon.forms["verb", "sew"] = ["sewed", "sewn"]
    assert lexicon.inflected("verb", "sew", "ed") is None
    assert lexicon.inflected("adj", "huge", "er") is None


def test_a_synonym_takes_the_form_of_the_word(lexicon: Lexicon) -> None:
    synonyms = Synonyms(lexicon)
    assert synonyms.of("bought") == ("purchased",)
    assert synonyms.of("buying") == ("purchasing",)
    assert synonyms.of("often") == ("frequently",)


def test_what_is_blocked_a_name_or_rare_has_no_synonym(lexicon: Lexicon) -> None:
    synonyms = Synonyms(lexicon)
    assert "auto" in blocked()
    assert synonyms.of("car") == ()
    assert synonyms.of("mark") == ()
    assert "enormous" not in synonyms.of("huge")


def test_the_article_the_capital_and_everything_protected_are_right(folder: Path) -> None:
    source = 'Ann bought a huge car with "often" on it for $5 in May, and often washed it by `buy 3`.'
    found = {
        variant for seed in range(20) for variant in WordNetParaphraser(seed, folder).variants([source], 3)[0]
    }
    assert found
    assert all(lost(source, variant) is None for variant in found)
    assert any("an immense car" in variant for variant in found)
    assert WordNetParaphraser(0, folder).variants(["We often stay out."], 1) == [["We frequently stay out."]]


def test_the_same_seed_gives_the_same_and_the_batch_does_not_matter(folder: Path) -> None:
    texts = ["We often bought it.", "They bought a huge one, and often.", "Nothing to change."]
    alone = [WordNetParaphraser(7, folder).variants([text], 2)[0] for text in texts]
    assert WordNetParaphraser(7, folder).variants(texts, 2) == alone


def test_files_that_are_not_there_are_named_with_their_package(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match=re.escape(str(tmp_path))) as error:
        read_lexicon(tmp_path)
    assert "apt install wordnet-base" in str(error.value)


def test_files_that_are_damaged_are_named(tmp_path: Path) -> None:
    small_wordnet(tmp_path)
    (tmp_path / "data.adv").write_text("00000100 00\n")
    with pytest.raises(DataError, match="cannot be read"):
        read_lexicon(tmp_path)


@needs_wordnet
def test_the_real_wordnet_paraphrases() -> None:
    sentences = [
        "He usually buys a lot of apples each day.",
        "Generate a list of famous writers.",
        "If it rains on Monday, how many boats are at sea?",
        "The lawyer was almost certainly wrong in total.",
    ]
    variants = WordNetParaphraser(1).variants(sentences, 3)
    assert all(variants)
    assert all(
        lost(source, variant) is None and variant != source
        for source, found in zip(sentences, variants, strict=True)
        for variant in found
    )


@needs_wordnet
def test_what_reads_wrong_is_never_offered() -> None:
    synonyms = Synonyms(read_lexicon())
    words = ("while", "exist", "someone", "server", "child", "buns", "person", "mother", "time")
    assert {word: synonyms.of(word) for word in words if synonyms.of(word)} == {}
