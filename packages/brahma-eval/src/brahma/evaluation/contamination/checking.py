"""Searching what a run consumed for the examples of named tasks."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from brahma.core.errors import DataError, RunError
from brahma.core.progress import Task, progress
from brahma.core.runs import write_json
from brahma.data.cache import DamagedDataError
from brahma.data.consumed import ConsumedText
from brahma.data.order import ORDER_VERSION
from brahma.data.rows import place
from brahma.evaluation.as_tasks import as_tasks
from brahma.evaluation.contamination.clean import clean_results
from brahma.evaluation.contamination.examples import Index, Wordings, wordings_of
from brahma.evaluation.contamination.lineage import Trained, lineage_of, reason
from brahma.evaluation.contamination.report import CleanTask, Contamination, Seen
from brahma.evaluation.harness.results import TaskResults
from brahma.evaluation.results import Results

NGRAM = 13
MIN_WORDS = 8

_RULE_VERSION = 2
"""Raised when the same examples would be found elsewhere: of words, wordings and how they are compared."""

_NOT_JUDGED = None
_NOT_FOUND = ""
Judgements = dict[str, str | None]
"""Of each example, by its wordings: where it stands in what was trained on, `_NOT_FOUND` or `_NOT_JUDGED`."""

_log = logging.getLogger(__name__)


def find_contamination(
    results: TaskResults | Results,
    model_path: str | Path,
    *,
    ngram: int = NGRAM,
    min_words: int = MIN_WORDS,
    cache: bool = True,
) -> Contamination:
    """Each figure again on the examples that have no 13 words in a row in common with what was trained on.

    That is what the run had really consumed by this checkpoint: the packs of its steps, as tokens. Rows that
    were held out, left out or not reached yet do not count; of runs that the model began from, those on this
    machine do. What was found is kept with the run, and an example that is known is not looked for again.

    Args:
        results: of that model, with their samples; those on data of one's own with their examples.
        model_path: a run, or a checkpoint of one; of any other model the answer is that it is not known.
        ngram: words in a row.
        min_words: of the shortest wording that is looked for as a whole.
        cache: keep what is found in the run's folder, and use what is kept.

    Raises:
        DataError: `ngram` or `min_words` is no number of words, or data of one's own have no examples.
    """
    if min(ngram, min_words) < 1:
        raise DataError(
            f"{min(ngram, min_words)} words in a row are none", hint="GPT-3's authors took 13, of 8 at least"
        )
    results = as_tasks(results)
    lineage = lineage_of(model_path)
    wordings = {name: wordings_of(task.samples) for name, task in results.tasks.items() if task.samples}
    unknown = list(lineage.unknown)
    if not wordings:
        unknown.append("the results hold no examples to look for: log_samples was off, or a plugin made them")
    judged: list[tuple[Seen, Judgements]] = []
    for trained in lineage.runs if wordings else ():
        examples = {each.key: each for of_task in wordings.values() for each in of_task}
        try:
            found = _judgements(trained, examples, ngram=ngram, min_words=min_words, cache=cache)
            judged.append((_seen(trained), found))
        except DamagedDataError as error:
            unknown.append(f"what run {trained.run.name} consumed cannot be read: {reason(error)}")
    tasks: dict[str, CleanTask] = {}
    if judged:
        places = {name: [_place(each.key, judged) for each in of_task] for name, of_task in wordings.items()}
        tasks = clean_results(results, places)
    return Contamination(
        ngram=ngram,
        min_words=min_words,
        seen=tuple(seen for seen, _ in judged),
        unknown=tuple(unknown),
        tasks=tasks,
    )


def _place(key: str, judged: list[tuple[Seen, Judgements]]) -> str | None:
    """Where any of the runs saw the example."""
    found = [judgements[key] for _, judgements in judged]
    return next(filter(None, found), found[0])


def _seen(trained: Trained) -> Seen:
    consumed = trained.consumed
    return Seen(trained.run.name, trained.step, consumed.rows, consumed.tokens)


def _judgements(
    trained: Trained, examples: Mapping[str, Wordings], *, ngram: int, min_words: int, cache: bool
) -> Judgements:
    """What is known of the examples; those that are not known yet are looked for.

    Raises:
        DamagedDataError: the tokens that the run was trained on are gone.
    """
    path = _kept_in(trained, ngram, min_words)
    known = _read(path) if cache else {}
    missing = {key: each for key, each in examples.items() if key not in known}
    if missing:
        known |= _look(trained, missing, ngram=ngram, min_words=min_words)
        if cache:
            _keep(path, trained, known)
    return known


def _look(trained: Trained, examples: Mapping[str, Wordings], *, ngram: int, min_words: int) -> Judgements:
    from brahma.data.tokenizer import load_tokenizer

    index = Index[tuple[int, int]](list(examples.values()), ngram=ngram, min_words=min_words)
    consumed = trained.consumed
    # no tokenizer makes that many tokens of so many words, but of rare scripts
    overlap = max(1024, 80 * ngram)
    with progress("looking for the examples in what was trained on", consumed.tokens, "tokens") as task:
        for texts in consumed.texts(load_tokenizer(trained.checkpoint), overlap=overlap):
            index.look(_located(texts, task))
    rows = {number: consumed.row(shard, token) for number, (shard, token) in index.places().items()}
    where = {number: place(Path(row.source), row.line) for number, row in rows.items()}
    return {
        key: where.get(number, _NOT_FOUND) if index.is_judged[number] else _NOT_JUDGED
        for number, key in enumerate(examples)
    }


def _located(texts: list[ConsumedText], task: Task) -> Iterator[tuple[str, tuple[int, int]]]:
    for each in texts:
        yield each.text, (each.shard, each.start)
        task.advance(each.tokens)


def _kept_in(trained: Trained, ngram: int, min_words: int) -> Path:
    """The file for this run, as far as it had got, and these rules."""
    consumed = trained.consumed
    identity = [
        consumed.packs.fingerprint, consumed.order.seed, ORDER_VERSION, consumed.positions,
        ngram, min_words, _RULE_VERSION,
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    return trained.run.directory / "contamination" / f"step-{trained.step}-{digest}.json"


def _read(path: Path) -> Judgements:
    try:
        examples = json.loads(path.read_bytes())["examples"]
        return {key: value for key, value in examples.items() if value is None or isinstance(value, str)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}  # nothing is kept, or it is damaged: it is found anew


def _keep(path: Path, trained: Trained, known: Judgements) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        write_json(path, {"run": trained.run.name, "step": trained.step, "examples": known})
    except (OSError, RunError) as error:  # somebody else's run, or a full disk: the answer stays good
        _log.info("what was found is not kept: %s", error)
