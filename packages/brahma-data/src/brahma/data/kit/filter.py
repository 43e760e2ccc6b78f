"""What a step of a cleaning does, in each of the three scopes (`brahma.data.cleaning.contract`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from brahma.core.config.sections import Section
from brahma.core.entries import Entry, FilterEntry, resolve
from brahma.core.kit.checks import Check, Subject, expect
from brahma.core.kit.child import in_child
from brahma.data.cleaning.contract import CorpusStep, Counted, Document, Dropped, Rewritten, TextStep, Verdict
from brahma.data.kit.texts import EMPTY, LONG, ODD, ORDINARY, PROTECTED

TEXTS = (*ORDINARY, *PROTECTED, *ODD, *EMPTY)
_SHOWN = 60
"""Characters of a text in a message."""


def gives_verdicts(subject: Subject) -> None:
    """A text or document step answers each ordinary text by one of the five verdicts."""
    _check_verdicts(_text_step(subject), (*ORDINARY, *PROTECTED))


def takes_odd_texts(subject: Subject) -> None:
    """Whatever a file may hold is answered: nothing, one letter, other scripts, marks, much text."""
    _check_verdicts(_text_step(subject), (*ODD, *EMPTY))


def holds_no_state(subject: Subject) -> None:
    """A text gets the same verdict again, after other texts and in another order, from another instance."""
    first, second = _text_step(subject), _text_step(subject)
    verdicts = [first(text) for text in TEXTS]
    for which, found in (
        ("a second time", [first(text) for text in TEXTS]),
        ("in another order", [second(text) for text in reversed(TEXTS)][::-1]),
    ):
        _expect_same(verdicts, found, which)


def works_in_another_process(subject: Subject) -> None:
    """Workers build it anew from its options, and judge the same."""
    step = _text_step(subject)
    found = in_child(
        f"{judged.__module__}:{judged.__qualname__}", subject.entry.target, subject.options, TEXTS
    )
    _expect_same([step(text) for text in TEXTS], found, "in another process")


def judged(target: str, options: Section | None, texts: Sequence[str]) -> list[Verdict]:
    """The verdicts of a step that is built here."""
    step = cast(Callable[[Any], TextStep], resolve(target))(options)
    return [step(text) for text in texts]


def makes_keys(subject: Subject) -> None:
    """A corpus step gives each document 128-bit keys, the same ones each time."""
    import numpy as np

    step, again = _corpus_step(subject), _corpus_step(subject)
    for document in _documents((*ORDINARY, *ODD, LONG)):
        keys = step.keys(document)
        is_right = isinstance(keys, np.ndarray) and keys.dtype == np.uint64 and keys.shape[1:] == (2,)
        shape = f"{getattr(keys, 'dtype', type(keys).__name__)}{list(getattr(keys, 'shape', ()))}"
        expect(is_right, f"keys are {shape}; wanted: uint64[n, 2]")
        expect(
            np.array_equal(keys, again.keys(document)),
            f"keys differ the second time for {_short(document.joined)}",
        )


def cleans_a_corpus(subject: Subject) -> None:
    """A corpus step decides over a corpus, the same however the corpus is cut into files."""
    texts = [*ORDINARY, *PROTECTED, *ORDINARY, *(text for text in ODD if text.strip()), *ODD[:3]]
    whole = _cleaned(subject, [texts], subject.folder / "whole")
    cut = _cleaned(subject, [texts[:4], texts[4:5], texts[5:]], subject.folder / "cut")
    expect(bool(whole), "nothing of an ordinary corpus is left")
    expect(whole == cut, f"{len(whole)} documents stay of one file, {len(cut)} of the same in three files")


def _cleaned(subject: Subject, files: Iterable[Sequence[str]], folder: Path) -> list[str]:
    """The texts that stay when these files are cleaned by this step alone."""
    from brahma.data.cleaning.clean import clean

    folder.mkdir()
    inputs = []
    for number, texts in enumerate(files):
        inputs.append(folder / f"{number}.jsonl")
        inputs[-1].write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    options = {} if subject.options is None else subject.options.model_dump(mode="json")
    profile = folder / "profile.json"
    profile.write_text(json.dumps({"steps": [{"name": subject.entry.name, **options}]}))
    output = folder / "clean.jsonl"
    clean(inputs, output, profile=profile, executor_options={"workers": 1})
    return [json.loads(line)["text"] for line in output.read_text(encoding="utf-8").split("\n") if line]


def _documents(texts: Sequence[str]) -> list[Document]:
    return [Document(0, number, "kit.jsonl", number + 1, (text,)) for number, text in enumerate(texts)]


def _text_step(subject: Subject) -> TextStep:
    return cast(TextStep, subject.load()(subject.options))


def _corpus_step(subject: Subject) -> CorpusStep:
    return cast(CorpusStep, subject.load()(subject.options))


def _judges_texts(entry: Entry) -> bool:
    return not _judges_corpora(entry)


def _judges_corpora(entry: Entry) -> bool:
    return cast(FilterEntry, entry).scope == "corpus"


def _check_verdicts(step: TextStep, texts: Sequence[str]) -> None:
    for text in texts:
        verdict = step(text)
        problem = _problem(verdict)
        expect(problem is None, f"{_short(text)} gets {verdict!r:.80}: {problem}")


def _problem(verdict: object) -> str | None:
    """What is wrong with a verdict."""
    match verdict:
        case bool():
            return None
        case str() | Dropped():
            reason = verdict.reason if isinstance(verdict, Dropped) else verdict
            return None if isinstance(reason, str) and reason.strip() else "it says no reason"
        case Rewritten():
            if not isinstance(verdict.text, str):
                return "the text is none"
            return _problem_of_counts(verdict.counts)
        case Counted():
            return _problem_of_counts(verdict.counts)
    return "wanted: True, False, a string, Dropped, Rewritten or Counted"


def _problem_of_counts(counts: Any) -> str | None:
    is_right = all(isinstance(name, str) and isinstance(count, int) for name, count in dict(counts).items())
    return None if is_right else "counts are names and whole numbers"


def _expect_same(verdicts: Sequence[Verdict], found: Sequence[Verdict], which: str) -> None:
    for text, one, other in zip(TEXTS, verdicts, found, strict=True):
        expect(one == other, f"{_short(text)} gets {one!r:.80}, and {which} {other!r:.80}")


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


CHECKS = (
    Check("gives a verdict on each text", gives_verdicts, applies=_judges_texts),
    Check("takes odd texts", takes_odd_texts, applies=_judges_texts),
    Check("holds no state between texts", holds_no_state, applies=_judges_texts),
    Check("judges the same in another process", works_in_another_process, applies=_judges_texts),
    Check("makes keys of documents", makes_keys, applies=_judges_corpora),
    Check("decides over a corpus however it is cut", cleans_a_corpus, applies=_judges_corpora),
)
