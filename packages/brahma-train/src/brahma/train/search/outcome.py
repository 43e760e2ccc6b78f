"""What a search came to, in words."""

from __future__ import annotations

from collections.abc import Iterator

from brahma.train.search.importance import importance
from brahma.train.search.records import TrialRecord
from brahma.train.search.results import SearchResult
from brahma.train.search.storage import Definition
from brahma.train.search.table import given_trial, in_words, rung_name


def outcome(result: SearchResult, definition: Definition) -> list[str]:
    """What a search came to, in lines: the best, what it gained, what it took, and what matters."""
    return [*_found(result, definition), *_tokens(result), *_matters(result, definition)]


def _found(result: SearchResult, definition: Definition) -> Iterator[str]:
    best, given = result.best, given_trial(result.trials, definition)
    step = f"step {best.steps[best.rung]:,}"
    step += "" if best.status == "finished" else f" of {best.steps[-1]:,}"
    values = in_words(best.params)
    yield f"best: trial {best.number}, {definition.metric} {result.value:.5g} at {step}: {values}"
    if given is None or not given.values:
        return
    if given.number == best.number:
        yield "that is the configuration as given: none of the others was better"
        return
    yield _gain(best, given, definition)


def _gain(best: TrialRecord, given: TrialRecord, definition: Definition) -> str:
    """Against the configuration as given, where both were compared last."""
    rung = min(best.rung, given.rung)
    now, before = best.values[rung], given.values[rung]
    part = f", {100 * abs(now - before) / abs(before):.3g} %" if before else ""
    way = "less" if now < before else "more"
    where = rung_name(definition, rung)
    return (
        f"the configuration as given had {before:.5g} {where}, the best {now:.5g}: "
        f"{abs(now - before):.3g}{part} {way}"
    )


def _tokens(result: SearchResult) -> Iterator[str]:
    count = len(result.trials)
    yield f"{result.tokens:,} tokens in {count} trial{'s' if count > 1 else ''}"
    if result.tokens_anew > result.tokens:
        yield f"  {result.tokens_anew:,} if those that went on had begun anew at each rung"
    if result.tokens_in_full > result.tokens:
        yield f"  {result.tokens_in_full:,} if each had been trained to its end"


def _matters(result: SearchResult, definition: Definition) -> Iterator[str]:
    if len(definition.space) < 2:
        return
    found = importance(result.trials, definition)
    if found.why:
        yield found.why
    else:
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in found.shares.items())
        yield f"what matters, as far as {found.trials} trials tell: {shares}"


def places(result: SearchResult) -> Iterator[str]:
    """Where the pictures and the best checkpoint are."""
    for path in result.pictures:
        yield f"picture: {path}"
    if result.checkpoint is not None:
        yield f"best checkpoint: {result.checkpoint}"
