"""The steps of the quickstart: each takes files and gives files or figures, and prints nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brahma.core.runs import Run, list_runs
from brahma.core.spec import ModelSpec
from brahma.data import Dataset
from brahma.evaluation import Evaluator, Results
from brahma.train.quickstart.corpus import Corpus, Pair
from brahma.train.quickstart.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CONTINUATION = 'def count_words(path):\n    """Return how often each word occurs in a file."""\n'


@dataclass(frozen=True)
class Sample:
    """Something a model wrote; `expected` is what stands in the library, if anything does."""

    prompt: str
    text: str
    expected: str | None = None


def free_run_name(output_dir: Path) -> str:
    """`quickstart-1`, or the next number that no run has."""
    taken = {run.name for run in list_runs(output_dir)}
    number = 1
    while f"quickstart-{number}" in taken or f"quickstart-{number}-tuned" in taken:
        number += 1
    return f"quickstart-{number}"


def make_tokenizer(corpus: Corpus, recipe: Recipe, directory: Path) -> PreTrainedTokenizerBase:
    """Train a tokenizer on the training modules and save it."""
    from brahma.data.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(
        (module.text for module in corpus.modules), vocab_size=recipe.vocab_size, min_frequency=2
    )
    tokenizer.save_pretrained(directory)
    return tokenizer


def pretrain(
    text: Path, tokenizer: Path, recipe: Recipe, *, name: str, output_dir: Path, minutes: float, seed: int
) -> Run:
    """Train a new model on running text for so many minutes."""
    from brahma.train import Trainer

    trainer = Trainer(
        ModelSpec.from_config(recipe.model_config()),
        Dataset.from_file(text),
        tokenizer=str(tokenizer),
        run_name=name,
        output_dir=str(output_dir),
        seq_length=recipe.seq_length,
        max_minutes=minutes,
        seed=seed,
        **recipe.pretraining.to_dict(),
    )
    return trainer.fit()


def tune(
    base: Path, pairs: Path, recipe: Recipe, *, name: str, output_dir: Path, minutes: float, seed: int
) -> Run:
    """Tune a checkpoint on pairs for so many minutes: the signature is read, the docstring learned."""
    from brahma.train import Trainer

    trainer = Trainer(
        ModelSpec.from_pretrained(str(base)),
        Dataset.from_file(pairs),
        run_name=name,
        output_dir=str(output_dir),
        seq_length=recipe.seq_length,
        on_long_row="drop",
        max_minutes=minutes,
        seed=seed,
        **recipe.tuning.to_dict(),
    )
    return trainer.fit()


def measure(checkpoint: Path, rows: Path, recipe: Recipe) -> Results:
    """Loss, perplexity and bits per byte on held-out rows."""
    return Evaluator(checkpoint, seq_length=recipe.seq_length).evaluate_custom(rows)


def write_samples(base: Path, tuned: Path, pairs: Sequence[Pair], *, seed: int) -> list[Sample]:
    """One continuation by the base model, then docstrings by the tuned one for held-out signatures."""
    from brahma.evaluation.generate import generate

    writer = Evaluator(base)
    text = generate(writer.model, writer.tokenizer, CONTINUATION, max_new_tokens=80, seed=seed)
    samples = [Sample(CONTINUATION, text)]
    answerer = Evaluator(tuned)
    for pair in _telling_pairs(pairs):
        answer = generate(
            answerer.model, answerer.tokenizer, pair.prompt, max_new_tokens=64, temperature=0.3, seed=seed
        )
        samples.append(Sample(pair.prompt, answer.strip(), pair.completion))
    return samples


def _telling_pairs(pairs: Sequence[Pair], count: int = 2) -> list[Pair]:
    """Pairs that fit a terminal, evenly over the held-out modules."""
    short = [pair for pair in pairs if len(pair.prompt) <= 60 and len(pair.completion) <= 120]
    chosen = short or list(pairs)
    return chosen[:: max(1, len(chosen) // count)][:count]
