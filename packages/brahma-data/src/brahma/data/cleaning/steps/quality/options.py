"""Options of the step `quality`: every threshold; the defaults are the published ones.

A threshold of null turns its rule off. Shares are fractions: 0.3 means 30 %.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from brahma.core.config.sections import Count, NotNegative, Section, Text

Share = Annotated[float, Field(ge=0)]
Group = Literal["gopher_repetition", "gopher_quality", "c4", "fineweb"]


class GopherRepetitionRules(Section):
    """Text that repeats itself: Table A1 of https://arxiv.org/abs/2112.11446. Shares are of characters
    unless they say otherwise; a duplicate is every occurrence but the first."""

    max_duplicate_paragraphs: Share | None = 0.3
    """Highest share of paragraphs that are duplicates."""
    max_duplicate_paragraph_characters: Share | None = 0.2
    """Highest share of the characters in duplicate paragraphs."""
    max_duplicate_lines: Share | None = 0.3
    """Highest share of lines that are duplicates."""
    max_duplicate_line_characters: Share | None = 0.2
    """Highest share of the characters in duplicate lines."""
    max_top_2_gram: Share | None = 0.2
    """Highest share of the most frequent pair of words."""
    max_top_3_gram: Share | None = 0.18
    """Highest share of the most frequent run of 3 words."""
    max_top_4_gram: Share | None = 0.16
    """Highest share of the most frequent run of 4 words."""
    max_duplicate_5_grams: Share | None = 0.15
    """Highest share of duplicate runs of 5 words that do not overlap."""
    max_duplicate_6_grams: Share | None = 0.14
    """The same for runs of 6 words."""
    max_duplicate_7_grams: Share | None = 0.13
    """The same for runs of 7 words."""
    max_duplicate_8_grams: Share | None = 0.12
    """The same for runs of 8 words."""
    max_duplicate_9_grams: Share | None = 0.11
    """The same for runs of 9 words."""
    max_duplicate_10_grams: Share | None = 0.10
    """The same for runs of 10 words."""

    @property
    def top_grams(self) -> dict[int, float | None]:
        """Length of a run -> highest share of the most frequent one."""
        return {2: self.max_top_2_gram, 3: self.max_top_3_gram, 4: self.max_top_4_gram}

    @property
    def duplicate_grams(self) -> dict[int, float | None]:
        """Length of a run -> highest share of duplicates."""
        return {
            5: self.max_duplicate_5_grams,
            6: self.max_duplicate_6_grams,
            7: self.max_duplicate_7_grams,
            8: self.max_duplicate_8_grams,
            9: self.max_duplicate_9_grams,
            10: self.max_duplicate_10_grams,
        }


class GopherQualityRules(Section):
    """Text that is no prose: section A.1.1 of https://arxiv.org/abs/2112.11446."""

    min_words: Count | None = 50
    """Fewest words; marks are none."""
    max_words: Count | None = 100_000
    """Most words."""
    min_word_length: NotNegative | None = 3
    """Lowest mean length of the words, characters."""
    max_word_length: NotNegative | None = 10
    """Highest mean length of the words, characters."""
    max_hashes: Share | None = 0.1
    """Most `#` for each word or mark."""
    max_ellipses: Share | None = 0.1
    """Most `...` and `…` for each word or mark."""
    max_bullet_lines: Share | None = 0.9
    """Highest share of lines that begin with `-` or `•`."""
    max_ellipsis_lines: Share | None = 0.3
    """Highest share of lines that end with `...` or `…`."""
    min_alphabetic_words: Share | None = 0.8
    """Lowest share of words and marks in which a letter stands."""
    min_stop_words: Count | None = 2
    """So many different ones of `stop_words` must occur."""
    stop_words: list[Text] = Field(default=["the", "be", "to", "of", "and", "that", "have", "with"])
    """Words that every text of the language has; looked for as they stand here."""


class C4Rules(Section):
    """Lines that are no sentences go, then pages with few of them: https://arxiv.org/abs/1910.10683,
    section 2.2. A rule of lines removes the line; the others drop the document."""

    remove_citations: bool = True
    """Remove `[1]`, `[]`, `[edit]` and `[citation needed]` from the lines that stay."""
    final_punctuation: bool = True
    """Remove lines that do not end in `.`, `?`, `!` or a quotation mark, or end in `...`."""
    min_words_per_line: Count | None = 3
    """Remove lines with fewer words."""
    max_word_length: Count | None = 1000
    """Remove lines with a longer word, characters."""
    javascript: bool = True
    """Remove lines that speak of JavaScript."""
    policies: bool = True
    """Remove lines that speak of terms of use, privacy policies or cookies."""
    lorem_ipsum: bool = True
    """Drop documents in which "lorem ipsum" stands."""
    curly_brackets: bool = True
    """Drop documents in which `{` stands."""
    min_sentences: Count | None = 5
    """Fewest sentences in the lines that stay."""


class FineWebRules(Section):
    """Lists and fragments: section 3.5 of https://arxiv.org/abs/2406.17557."""

    min_punctuated_lines: Share | None = 0.12
    """Lowest share of lines that end in a mark of `final_marks`."""
    allow_no_punctuation: bool = False
    """Keep documents in which no line at all ends in such a mark."""
    final_marks: str | None = None
    """The marks that may end a line, one after the other. Absent: those that end sentences in any script."""
    max_short_lines: Share | None = 0.67
    """Highest share of short lines."""
    short_line: Count = 30
    """A line of so many characters, or fewer, is short."""
    max_duplicate_line_characters: Share | None = 0.01
    """Highest share of the characters in duplicate lines."""
    max_line_breaks: Share | None = 0.3
    """Most line breaks for each word or mark."""


class QualityOptions(Section):
    """Which rules judge, and how strictly."""

    groups: list[Group] = Field(
        default=["gopher_repetition", "gopher_quality", "c4", "fineweb"], min_length=1
    )
    """The groups of rules that judge, in this order; each sees what the one before left."""
    gopher_repetition: GopherRepetitionRules = GopherRepetitionRules()
    """Text that repeats itself."""
    gopher_quality: GopherQualityRules = GopherQualityRules()
    """Text that is no prose."""
    c4: C4Rules = C4Rules()
    """Lines that are no sentences; the only group that rewrites."""
    fineweb: FineWebRules = FineWebRules()
    """Lists and fragments."""
