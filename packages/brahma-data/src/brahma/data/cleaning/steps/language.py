"""Step `language`: counts the languages of documents, and drops those that are not wanted.

The model (lid.176.ftz, 176 languages, https://fasttext.cc/docs/en/language-identification.html) is a file of
the installed package: nothing is ever fetched. It reads 1,000 characters, and of these the letters: digits
and the signs of markup mislead it. They are taken from the middle of a document, for the beginning of a
technical one is often a licence or a list of names in English: on translated manual pages the middle was
right for 97 of 100, the beginning for 78.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from brahma.core.config.sections import Count, Section, Text
from brahma.core.errors import ConfigError
from brahma.core.suggest import suggestion
from brahma.data.cleaning.contract import Counted, Dropped, TextStep, Verdict
from brahma.data.languages import Part, language_of, languages


class LanguageOptions(Section):
    """Which languages stay."""

    keep: list[Text] = Field(default=[])
    """Codes of the languages that stay, such as `[en, de]`; none given: all stay and are only counted."""
    min_score: float = Field(default=0.5, ge=0, le=1)
    """Below this score of the model (0 to 1) a document counts as undecided, and stays."""
    min_letters: Count = 40
    """A document with fewer letters in those 1,000 characters is too short to tell: undecided, and stays."""
    part: Part = "middle"
    """Where the 1,000 characters are taken from."""


@dataclass(frozen=True)
class _Language:
    """The step; the model is loaded in the process that uses it."""

    options: LanguageOptions

    def __call__(self, text: str) -> Verdict:
        given = self.options
        language, score = language_of(
            text, min_score=given.min_score, min_letters=given.min_letters, part=given.part
        )
        if language is None:
            return Counted({"language undecided": 1})
        if given.keep and language not in given.keep:
            return Dropped(f"language {language}", f"score {score:.2f}")
        return Counted({f"language {language}": 1})


def build(options: LanguageOptions) -> TextStep:
    """The step with these options.

    Raises:
        ConfigError: a language that the model does not know.
        MissingDependencyError: another package has overwritten the library that reads the model.
    """
    for code in options.keep:
        if code not in languages():
            hint = suggestion(code, languages(), nothing="")
            raise ConfigError(f"language {code!r} is unknown", where="language.keep", hint=hint)
    return _Language(options)
