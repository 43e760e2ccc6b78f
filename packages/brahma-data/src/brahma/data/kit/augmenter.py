"""What an augmenter does (`brahma.data.augmentation.contract`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from brahma.core.kit.checks import Check, CheckSkippedError, Subject, expect
from brahma.data.augmentation.checks import check
from brahma.data.augmentation.contract import Augmenter, Failed, Outcome
from brahma.data.augmentation.protection import has_prose, lost
from brahma.data.augmentation.techniques import outcomes_of
from brahma.data.kit.texts import ODD, ORDINARY, PROTECTED

PASSAGES = (*ORDINARY, *PROTECTED)
_SEED, _COUNT = 7, 3


def makes_variants(subject: Subject) -> None:
    """Of ordinary passages at least one variant passes the checks of the job."""
    with _augmenter(subject) as augmenter:
        refused: Counter[str] = Counter()
        for passage, outcome in zip(PASSAGES, _outcomes(subject, augmenter, PASSAGES), strict=True):
            if isinstance(outcome, Failed):
                refused[outcome.reason] += 1
                continue
            for variant in outcome:
                verdict = check(passage, variant)
                if verdict is None:
                    return
                refused[verdict.reason] += 1
    why = ", ".join(f"{reason} ({times})" for reason, times in refused.most_common()) or "it gives none"
    expect(False, f"no variant of {len(PASSAGES)} passages is taken: {why}")


def keeps_the_count(subject: Subject) -> None:
    """An outcome for each passage, with as many variants as asked for at most."""
    with _augmenter(subject) as augmenter:
        for count in (1, _COUNT):
            found = [
                len(each) for each in augmenter.variants(PASSAGES, count) if not isinstance(each, Failed)
            ]
            expect(
                max(found, default=0) <= count,
                f"{max(found, default=0)} variants where {count} were asked for",
            )


def is_seeded(subject: Subject) -> None:
    """The same seed makes the same variants."""
    with _augmenter(subject) as one, _augmenter(subject) as other:
        first, second = _outcomes(subject, one, PASSAGES), _outcomes(subject, other, PASSAGES)
    _expect_same(PASSAGES, first, second, "the second time, with the same seed,")


def is_resumable(subject: Subject) -> None:
    """What becomes of a passage does not depend on those beside it nor before it: a job goes on anywhere."""
    with _augmenter(subject) as augmenter:
        together = _outcomes(subject, augmenter, PASSAGES)
    with _augmenter(subject) as augmenter:
        alone = [_outcomes(subject, augmenter, [each])[0] for each in reversed(PASSAGES)][::-1]
    _expect_same(PASSAGES, together, alone, "alone, in another order,")


def keeps_what_is_protected(subject: Subject) -> None:
    """Names, numbers, addresses and code come back in each variant, in their order."""
    with _augmenter(subject) as augmenter:
        for passage, outcome in zip(PROTECTED, _outcomes(subject, augmenter, PROTECTED), strict=True):
            for variant in () if isinstance(outcome, Failed) else outcome:
                gone = lost(passage, variant)
                expect(gone is None, f"{gone!r} is lost: {passage!r} becomes {variant!r}")


def takes_odd_passages(subject: Subject) -> None:
    """Any passage of three words, in any script and of any length."""
    passages = [each for each in ODD if has_prose(each)]
    with _augmenter(subject) as augmenter:
        _outcomes(subject, augmenter, passages)


def says_what_it_is(subject: Subject) -> None:
    """The attributes that a job reads: what made the variants, how many passages at once."""
    with _augmenter(subject) as augmenter:
        engine, batch = getattr(augmenter, "engine", None), getattr(augmenter, "batch_size", None)
    expect(isinstance(engine, str) and bool(engine.strip()), f"`engine` is {engine!r}, no text")
    expect(isinstance(batch, int) and batch > 0, f"`batch_size` is {batch!r}, no number of passages")


@contextmanager
def _augmenter(subject: Subject) -> Iterator[Augmenter]:
    with subject.load()(subject.options, _SEED) as augmenter:
        if augmenter.language not in (None, "en"):
            raise CheckSkippedError(f"it takes {augmenter.language} alone, and the passages are English")
        yield augmenter


def _outcomes(subject: Subject, augmenter: Augmenter, passages: Sequence[str]) -> list[Outcome]:
    return outcomes_of(subject.entry.name, augmenter, passages, _COUNT)


def _expect_same(
    passages: Sequence[str], first: Sequence[Outcome], second: Sequence[Outcome], which: str
) -> None:
    for passage, one, other in zip(passages, first, second, strict=True):
        shown = f"{passage!r} becomes {one!r:.160}, and {which} {other!r:.160}"
        same = (
            one == other if isinstance(one, Failed) else not isinstance(other, Failed) and [*one] == [*other]
        )
        expect(same, shown)


CHECKS = (
    Check("says what makes the variants", says_what_it_is),
    Check("makes variants that are taken", makes_variants),
    Check("makes as many as asked for", keeps_the_count),
    Check("is seeded", is_seeded),
    Check("goes on anywhere", is_resumable),
    Check("keeps what is protected", keeps_what_is_protected),
    Check("takes odd passages", takes_odd_passages),
)
