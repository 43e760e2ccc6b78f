"""The Evaluator: measures of a model on data of one's own, and named tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from brahma.core.entries import Entry
from brahma.core.errors import DataError, ModelError, PluginError
from brahma.core.modes import attention, evaluating
from brahma.core.plugins import get_plugins
from brahma.evaluation.loaded import LoadedModel
from brahma.evaluation.losses import evaluate_packs
from brahma.evaluation.results import Results
from brahma.evaluation.totals import LossTotals

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from brahma.data.dataset import Data, Dataset
    from brahma.data.prepare import PreparedData

MAX_DEFAULT_SEQ_LENGTH = 2048
"""Longer sequences are scored if they are asked for; by default memory stays bounded."""


class Evaluator(LoadedModel):
    """Evaluates one model.

        results = Evaluator("runs/my-run").evaluate_custom("held_out.jsonl")
        results["bits_per_byte"]

    Args:
        model_path: a run's name or folder (its best checkpoint is taken), a checkpoint's or model's folder,
            or a hub id. Nothing is loaded before it is used.
        device: `auto` (an accelerator if there is one), `cpu`, `cuda`, `cuda:1`, `mps`.
        dtype: `float32`, `bfloat16` or `float16`; None: as it was saved.
        batch_size: sequences scored at once.
        seq_length: tokens of a sequence; None: the model's context, 2,048 at most. A longer document is
            scored in pieces that do not see each other, and counted in `Results.split`.
        trust_remote_code: run code that the model's folder or repository ships.

    Raises:
        ModelError: there is no such model.
    """

    def __init__(
        self,
        model_path: str | Path,
        *,
        device: str = "auto",
        dtype: str | None = None,
        batch_size: int = 8,
        seq_length: int | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        super().__init__(model_path, device=device, dtype=dtype, trust_remote_code=trust_remote_code)
        self.batch_size = batch_size
        self._seq_length = seq_length

    @classmethod
    def from_model(
        cls,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        batch_size: int = 8,
        seq_length: int | None = None,
    ) -> Self:
        """An evaluator of a model that is in memory; it stays where it is and as it is."""
        evaluator = super().from_model(model, tokenizer)
        evaluator.batch_size = batch_size
        evaluator._seq_length = seq_length
        return evaluator

    @property
    def seq_length(self) -> int:
        """Tokens of a sequence.

        Raises:
            ModelError: more were asked for than the model has positions for.
        """
        context = int(getattr(self.model.config, "max_position_embeddings", None) or MAX_DEFAULT_SEQ_LENGTH)
        if self._seq_length is None:
            return min(context, MAX_DEFAULT_SEQ_LENGTH)
        if self._seq_length > context:
            raise ModelError(
                f"seq_length {self._seq_length:,} is longer than the model's context of {context:,}",
                where=self.model_path,
                hint=f"Use {context:,} or less; longer documents are scored in pieces",
            )
        return self._seq_length

    def evaluate_custom(self, data: Data) -> Results:
        """Loss, perplexity and bits per byte of the model on data of one's own.

        Every document is scored from its own beginning and sees no other. Of a conversation or completion
        the answers alone are scored.

        Args:
            data: a path, folder or glob; a list of paths; a list of rows (`{"text": …}`, `{"messages": …}`,
                `{"prompt": …, "completion": …}`, or strings as running text); or a `Dataset`.

        Raises:
            DataError: a file or row that cannot be read, or no text at all.
            ModelError: the model cannot keep documents apart.
        """
        from tempfile import TemporaryDirectory

        from brahma.data import Dataset

        dataset = Dataset.of(data)
        self._check_packable()
        with TemporaryDirectory(prefix="brahma-evaluation-") as directory:
            return self._score(self._prepare(dataset, Path(directory)))

    def evaluate(self, tasks: Sequence[str] | str) -> dict[str, dict[str, float]]:
        """Run tasks by name, in a list or with commas between them: task -> its figures.

        Raises:
            PluginError: no installed package brings a task of that name.
        """
        from brahma.core.config.sections import Choice

        names = tasks.split(",") if isinstance(tasks, str) else tasks
        entries = [_find_task(name.strip()) for name in names]  # all are checked before one runs
        plugins = get_plugins()
        return {
            entry.name: dict(
                plugins.load("task", entry.name)(self, plugins.options(entry, Choice(name=entry.name)))
            )
            for entry in entries
        }

    def __repr__(self) -> str:
        return f"Evaluator({self._description}, batch_size={self.batch_size})"

    def _check_packable(self) -> None:
        from brahma.core.models import PACKED, check_packable, register_packed_attention

        register_packed_attention()
        with evaluating(self.model), attention(self.model, PACKED):
            check_packable(self.model, longest=self.seq_length)

    def _prepare(self, dataset: Dataset, directory: Path) -> PreparedData:
        from brahma.data.prepare import prepare

        return prepare(
            dataset,
            tokenizer=self.tokenizer,
            seq_length=self.seq_length,
            packing="best_fit",
            on_long_row="split",
            directory=directory,
            workers=1,
        )

    def _score(self, prepared: PreparedData) -> Results:
        from brahma.data.shards import Shard

        totals = evaluate_packs(self.model, prepared.train, batch_size=self.batch_size)
        if totals.bytes == 0:
            raise _nothing_to_score("its rows hold no text that a model could be asked for")
        lengths = [Shard(entry).lengths for entry in prepared.entries]
        return Results(
            metrics=compute_metrics(totals),
            tokens=totals.tokens,
            bytes=totals.bytes,
            documents=prepared.ledger.train_tokens.documents,
            skipped=prepared.ledger.skipped,
            split=sum(int((tokens - 1 > self.seq_length).sum()) for tokens in lengths),
        )


def compute_metrics(totals: LossTotals) -> dict[str, float]:
    """Every installed metric of these totals, by name."""
    plugins = get_plugins()
    names = plugins.entries("metric")
    return {name: float(plugins.load("metric", name)(totals)) for name in names}


def _nothing_to_score(why: str) -> DataError:
    return DataError("there is nothing to evaluate on", why=why, hint="Give at least one document with text")


def _find_task(name: str) -> Entry:
    plugins = get_plugins()
    if name in plugins.entries("task"):
        return plugins.find("task", name)
    known = ", ".join(plugins.entries("task")) or "none"
    raise PluginError(
        f"no task is called {name!r}",
        why=f"tasks installed: {known}. The lm-eval tasks (hellaswag, mmlu, truthfulqa, …) come with a "
        "later version of brahma-eval",
        hint="Measure loss, perplexity and bits per byte on data of your own: evaluate_custom(…)",
    )
