"""The Evaluator: measures of a model on data of one's own, and named tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, cast

from brahma.core.entries import MetricEntry
from brahma.core.errors import DataError, ModelError
from brahma.core.modes import attention, evaluating
from brahma.core.plugins import get_plugins
from brahma.evaluation.custom.prompts import Asking
from brahma.evaluation.loaded import LoadedModel, device_called
from brahma.evaluation.losses import evaluate_packs
from brahma.evaluation.results import Results
from brahma.evaluation.sampling import SamplingOptions
from brahma.evaluation.totals import LossTotals

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from brahma.data.dataset import Data, Dataset
    from brahma.data.prepare import PreparedData
    from brahma.evaluation.custom.judging import Score
    from brahma.evaluation.harness.results import TaskResults

MAX_DEFAULT_SEQ_LENGTH = 2048
"""Longer sequences are scored if they are asked for; by default memory stays bounded."""

_PACKS_AT_ONCE = 8


class Evaluator(LoadedModel):
    """Evaluates one model.

        results = Evaluator("runs/my-run").evaluate_custom("held_out.jsonl")
        results["bits_per_byte"]

    Args:
        model_path: a run's name or folder (its best checkpoint is taken), a checkpoint's or model's folder,
            or a hub id. Nothing is loaded before it is used.
        device: `auto` (an accelerator if there is one), `cpu`, `cuda`, `cuda:1`, `mps`.
        dtype: `float32`, `bfloat16` or `float16`; None: as it was saved.
        batch_size: sequences scored at once; `auto`: as many as the device is good for.
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
        batch_size: int | Literal["auto"] = 8,
        seq_length: int | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        super().__init__(model_path, device=device, dtype=dtype, trust_remote_code=trust_remote_code)
        self.batch_size: int | Literal["auto"] = batch_size
        self._seq_length = seq_length

    @classmethod
    def from_model(
        cls,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        batch_size: int | Literal["auto"] = 8,
        seq_length: int | None = None,
    ) -> Self:
        """An evaluator of a model that is in memory; it stays where it is and as it is."""
        evaluator = super().from_model(model, tokenizer)
        evaluator.batch_size = batch_size
        evaluator._seq_length = seq_length
        return evaluator

    @property
    def packs_at_once(self) -> int:
        """The batch size as a number."""
        return _PACKS_AT_ONCE if self.batch_size == "auto" else self.batch_size

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

    def evaluate_custom(
        self,
        data: Data,
        *,
        metrics: Sequence[str] | str | None = None,
        score: Score | None = None,
        limit: int | None = None,
        examples: bool = False,
        chat_template: bool | str = False,
        system_instruction: str | None = None,
        **sampling: Unpack[SamplingOptions],
    ) -> Results:
        """Measure the model on data of one's own: its loss, answers, choices, or by a function of one's own.

            evaluator.evaluate_custom("held_out.jsonl")["bits_per_byte"]
            evaluator.evaluate_custom("questions.jsonl", metrics=["exact_match", "f1"])["f1"]
            evaluator.evaluate_custom("exam.jsonl")["acc"]  # rows with choices
            evaluator.evaluate_custom(rows, score=lambda example, output: example["city"] in output)["score"]

        Loss, perplexity and bits per byte are what is measured by default. Every document is scored from its
        own beginning and sees no other. Of a conversation or completion the answers alone are scored.

        Metrics of answers (`exact_match`, `verbatim_match`, `f1`, `bleu`, `rouge_l`, those of plugins) and
        `score` let the model write: after a prompt, or as the last turn of a conversation. What stands there
        in the row, and its `references` (a list of texts), are the right answers.

        Rows `{"question": …, "choices": […], "answer": …}` are recognised; `answer` is a number from 0, a
        letter, or a choice's text. They give `acc`, `acc_norm` (log-likelihood by characters) and `acc_bytes`
        (by UTF-8 bytes), as lm-eval computes them.

        Args:
            data: a path, folder or glob; a list of paths; a list of rows (`{"text": …}`, `{"messages": …}`,
                `{"prompt": …, "completion": …}`, or strings as running text); or a `Dataset`.
            metrics: names, in a list or with commas between them. None: all of the loss; of choices all
                three; none beside `score`.
            score: `score(example, output)`, given the row as a dictionary and what the model wrote (or the
                choice that it finds likeliest); returns a number or truth value, the figure `score`, or a
                dictionary of them. One that raises, or returns anything else, does not stop the others: see
                `Results.failures`.
            limit: rows that are measured, the first ones; None: all.
            examples: give each row with what the model gave, in `Results.examples`.
            chat_template: ask prompts and questions as a user's message, through the tokenizer's chat
                template, its one of that name, or that of a file.
            system_instruction: a system message for conversations that have none.
            sampling: the settings of `Sampling`; the likeliest token is taken unless `temperature` is given.
                `max_new_tokens` is by default 256, or a fourth of the model's context if that is less. A
                prompt that leaves no room for these is cut from the left and counted in `Results.truncated`.

        Raises:
            DataError: a file or row that cannot be read, that has nothing to compare with, or no text at all.
            ConfigError: an unknown metric, one that the rows have not, a setting that nothing would use, a
                limit below 1, or a scoring function that fails on every example.
            ModelError: the model cannot keep documents apart.
            TemplateError: conversations for a tokenizer without a chat template.
            MissingDependencyError: `bleu` or `rouge_l` without `brahma-eval[tasks]`.
        """
        from brahma.evaluation.custom.evaluating import evaluate

        return evaluate(
            self,
            data,
            metrics=metrics,
            score=score,
            limit=limit,
            examples=examples,
            asking=Asking(chat_template, system_instruction),
            sampling=sampling,
        )

    def measure_loss(self, data: Data, metrics: Sequence[str] | None = None) -> Results:
        """Metrics of the summed loss; all of them, or those of these names. See `evaluate_custom`."""
        from tempfile import TemporaryDirectory

        from brahma.data import Dataset

        dataset = Dataset.of(data)
        self._check_packable()
        with TemporaryDirectory(prefix="brahma-evaluation-") as directory:
            return self._score(self._prepare(dataset, Path(directory)), metrics)

    def evaluate(
        self,
        tasks: Sequence[str] | str,
        *,
        limit: int | None = None,
        num_fewshot: int | None = None,
        data_dir: str | Path | None = None,
        batch_size: int | Literal["auto"] | None = None,
        chat_template: bool | str = False,
        system_instruction: str | None = None,
        include_path: str | Path | None = None,
        allow_code: Sequence[str] = (),
        cache: bool | Path = True,
        log_samples: bool = True,
        seed: int | None = None,
    ) -> TaskResults:
        """Run tasks by name: those of lm-eval, which gives the same scores, and those of plugins.

            results = evaluator.evaluate(["hellaswag", "mmlu"], limit=100)
            results["hellaswag"]["acc_norm"]

        All names and all data are found before the model is loaded. Responses are kept as they come: an
        evaluation that was stopped goes on, and one that is repeated computes nothing.

        Args:
            tasks: names of tasks, groups and tags, in a list or with commas between them; `truthfulqa` is
                mc1, mc2 and gen. A plugin's task comes before one of lm-eval's with its name, and takes none
                of the settings below.
            limit: examples of each task, the first ones; None: all.
            num_fewshot: solved examples before each question; None: as each task has it. A task that says 0
                keeps it, as in lm-eval.
            data_dir: where the tasks' data lie, see `brahma evaluate --data-dir`; None: on the hub.
            batch_size: sequences computed at once; None: the evaluator's own.
            chat_template: ask as conversations: in the model's own chat template, its one of that name, or
                that of a file.
            system_instruction: a system message before each question.
            include_path: a folder with further tasks, in lm-eval's YAML.
            allow_code: tasks that may execute what the model writes.
            cache: keep responses, in the folder given, or of True in the user's cache folder; False: neither
                read nor keep any.
            log_samples: give each example's record, in `TaskResult.samples`.
            seed: of few-shot examples and of texts that are drawn; None: lm-eval's own seeds.

        Raises:
            ConfigError: unknown names, each with the nearest one; or a number out of its range.
            DataError: a task's data are not there, or not as it needs them.
            TemplateError: a chat template is asked for, and the tokenizer has none.
            ModelError: the model cannot do what a task asks for.
            MissingDependencyError: lm-eval is not installed.
        """
        from brahma.evaluation.harness.evaluating import evaluate
        from brahma.evaluation.harness.options import TaskOptions

        options = TaskOptions(
            limit=limit,
            num_fewshot=num_fewshot,
            data_dir=data_dir,
            include_path=include_path,
            allow_code=tuple(allow_code),
            batch_size=self.batch_size if batch_size is None else batch_size,
            chat_template=chat_template,
            system_instruction=system_instruction,
            cache=cache,
            log_samples=log_samples,
            seed=seed,
        )
        return evaluate(self, tasks, options)

    @property
    def asked_length(self) -> int | None:
        """Tokens of a sequence as they were asked for; None: the model's context.

        Raises:
            ModelError: more than that.
        """
        return None if self._seq_length is None else self.seq_length

    @property
    def settings(self) -> dict[str, Any]:
        """What the model computes with, beside its files: dtype, kind of device, length. Loads nothing."""
        known: dict[str, Any] = {"seq_length": self._seq_length}
        if self.is_given:
            return {**known, "dtype": str(self.model.dtype).split(".")[-1], "device": self.model.device.type}
        return {**known, "dtype": self._dtype, "device": device_called(self._device).type}

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

    def _score(self, prepared: PreparedData, metrics: Sequence[str] | None) -> Results:
        from brahma.data.shards import Shard

        totals = evaluate_packs(self.model, prepared.train, batch_size=self.packs_at_once)
        if totals.bytes == 0:
            raise _nothing_to_score("its rows hold no text that a model could be asked for")
        lengths = [Shard(entry).lengths for entry in prepared.entries]
        return Results(
            metrics=compute_metrics(totals, metrics),
            tokens=totals.tokens,
            bytes=totals.bytes,
            documents=prepared.ledger.train_tokens.documents,
            skipped=prepared.ledger.skipped,
            split=sum(int((tokens - 1 > self.seq_length).sum()) for tokens in lengths),
        )


def compute_metrics(totals: LossTotals, names: Sequence[str] | None = None) -> dict[str, float]:
    """Every installed metric of these totals, by name; or those of these names."""
    plugins = get_plugins()
    found = {name: cast(MetricEntry, entry).of for name, entry in plugins.entries("metric").items()}
    wanted = [name for name, of in found.items() if of == "totals"] if names is None else names
    return {name: float(plugins.load("metric", name)(totals)) for name in wanted}


def _nothing_to_score(why: str) -> DataError:
    return DataError("there is nothing to evaluate on", why=why, hint="Give at least one document with text")
