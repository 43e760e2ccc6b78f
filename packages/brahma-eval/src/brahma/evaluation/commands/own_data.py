"""The part of `brahma evaluate` that measures on data of one's own: `--data` and what goes with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brahma.core.console import print_table, print_warning
from brahma.core.errors import ConfigError
from brahma.core.layout import columns_of, folded

if TYPE_CHECKING:
    from brahma.evaluation.custom.judging import Score
    from brahma.evaluation.evaluator import Evaluator
    from brahma.evaluation.results import Results
    from brahma.evaluation.sampling import SamplingOptions

OWN_DATA = ("data", "metrics", "score", "max_new_tokens", "temperature", "stop")
"""Arguments of the options here."""
_SHOWN = 5  # failures of a scoring function
_OPTIONS = (
    click.option("--data", metavar="PATH", help="Measure on data of your own: a file, folder or glob."),
    click.option(
        "--metrics",
        metavar="NAMES",
        help="Of --data: loss, perplexity, bits_per_byte, exact_match, verbatim_match, f1, bleu, rouge_l, "
        "those of plugins; of choices acc, acc_norm, acc_bytes. By default all of the loss, or of choices.",
    ),
    click.option(
        "--score", metavar="MODULE:FUNCTION", help="Of --data: your own function score(example, output)."
    ),
    click.option(
        "--max-new-tokens", type=int, help="Of --data: tokens of an answer; by default 256 at most."
    ),
    click.option(
        "--temperature", type=float, help="Of --data: draw answers; by default the likeliest token is taken."
    ),
    click.option("--stop", multiple=True, help="Of --data: a text that ends an answer. Can be given again."),
)


@dataclass(frozen=True, kw_only=True)
class OwnData:
    """What was typed about data of one's own.

    Attributes:
        metrics: None: as `Evaluator.evaluate_custom` has it.
        limit: rows, the first ones; None: all.
        examples: keep what the model gave for each row, where it gives anything.
        beside_tasks: the template, system message and seed are given for named tasks as well, so that they
            need not be of use here.
    """

    data: str
    metrics: str | None
    score: Score | None
    limit: int | None
    sampling: SamplingOptions
    chat_template: bool | str
    system: str | None
    beside_tasks: bool

    def measure(self, evaluator: Evaluator) -> Results:
        """Raises BrahmaError as `Evaluator.evaluate_custom`."""
        from brahma.evaluation.custom.evaluating import asks_model

        asks = asks_model(self.data, self.metrics, self.score)
        told = asks or not self.beside_tasks
        return evaluator.evaluate_custom(
            self.data,
            metrics=self.metrics,
            score=self.score,
            limit=self.limit,
            examples=asks,
            chat_template=self.chat_template if told else False,
            system_instruction=self.system if told else None,
            **self.sampling,
        )


def own_data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options, as the arguments `data`, `metrics`, `score`, `max_new_tokens`, `temperature`, `stop`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def own_data(
    *,
    data: str | None,
    metrics: str | None,
    score: str | None,
    max_new_tokens: int | None,
    temperature: float | None,
    stop: tuple[str, ...],
    limit: int | None,
    seed: int | None,
    chat_template: bool | str,
    system: str | None,
    beside_tasks: bool,
) -> OwnData | None:
    """What is to be measured on data of one's own; None: nothing. Names are looked up, nothing is read.

    Raises:
        ConfigError: an unknown metric or function, or one of these options without `--data`.
    """
    given = {
        "--metrics": metrics is not None,
        "--score": score is not None,
        "--max-new-tokens": max_new_tokens is not None,
        "--temperature": temperature is not None,
        "--stop": bool(stop),
    }
    if data is None:
        if unused := [name for name, is_given in given.items() if is_given]:
            raise ConfigError(
                f"{unused[0]} is of data of your own, and none is given", hint="Add --data FILE"
            )
        return None
    from brahma.evaluation.custom.judging import load_score
    from brahma.evaluation.custom.metrics import sort_out

    if metrics is not None:
        sort_out(metrics)
    sampling: SamplingOptions = {}
    if max_new_tokens is not None:
        sampling["max_new_tokens"] = max_new_tokens
    if stop:
        sampling["stop"] = stop
    if temperature is not None:
        sampling["temperature"] = temperature
        if seed is not None:
            sampling["seed"] = seed
    return OwnData(
        data=data,
        metrics=metrics,
        score=None if score is None else load_score(score),
        limit=limit,
        sampling=sampling,
        chat_template=chat_template,
        system=system,
        beside_tasks=beside_tasks,
    )


def show_own(results: Results) -> None:
    """The figures on stdout; on stderr, what the scoring function failed on."""
    errors = results.stderr
    rows = [
        (name, _number(value), _number(errors[name]) if name in errors else "")
        for name, value in results.items()
    ]
    if errors:
        print_table(("figure", "value", "error"), rows)
    else:
        print_table(("figure", "value"), [row[:2] for row in rows])
    for failure in results.failures[1:_SHOWN]:  # a warning has named the first one
        for part in folded(f"{failure.where}: {failure.message}", columns_of(sys.stderr) or sys.maxsize):
            click.echo(part, err=True)
    if (more := len(results.failures) - _SHOWN) > 0:
        click.echo(f"and {more:,} more examples that the scoring function failed on", err=True)
    if results.truncated:
        print_warning(f"{results.truncated:,} questions were cut from the left to the model's context")


def document_of(results: Results) -> dict[str, Any]:
    """The figures, with their errors and the failures where there are any."""
    document: dict[str, Any] = dict(results)
    if results.stderr:
        document["stderr"] = dict(results.stderr)
    if results.failures:
        document["failures"] = [asdict(failure) for failure in results.failures]
    return document


def write_own(results: Results, folder: Path) -> Path | None:
    """Each row with what the model gave, as `data.jsonl` in the folder; None: there is none, of a loss."""
    if not results.examples:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "data.jsonl"
    lines = [json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in results.examples]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
