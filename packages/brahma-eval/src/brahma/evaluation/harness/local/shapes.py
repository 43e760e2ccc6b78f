"""The data sets whose files people have in shapes of their own, and how their rows become the tasks'."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from brahma.evaluation.harness.local import gsm8k, hellaswag, mmlu, truthfulqa, wikitext
from brahma.evaluation.harness.local.columns import read_columns
from brahma.evaluation.harness.local.request import Request

TABLES = (".jsonl", ".json", ".parquet", ".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a data set lies in files.

    Attributes:
        read: rows as the task's code wants them, of one file.
        example: a row, for errors and for who has no file yet.
        wanted: the file to make for who has none, below the data set's folder; `{name}`, `{split}`.
        folders: what its folder may be called besides the task and the data set.
        stems: names of files that hold a split under another name than the split's, without ending.
        endings: those of its files, the first one found is taken.
        replaced: a word in the rows that tells another edition of the data than the task's.
        holds_all_names: a file without the configuration's name in it is good for each configuration.
    """

    read: Callable[[Path, Request], Iterable[Mapping[str, object]]]
    example: str
    wanted: str = "{split}.jsonl"
    folders: tuple[str, ...] = ()
    stems: Mapping[str, tuple[str, ...]] | None = None
    endings: tuple[str, ...] = TABLES
    replaced: str = ""
    holds_all_names: bool = True


_HELLASWAG = Shape(read=hellaswag.read, example=hellaswag.EXAMPLE, folders=("hellaswag",))
_MMLU = Shape(
    read=mmlu.read, example=mmlu.EXAMPLE, wanted="{split}/{name}_{split}.csv", folders=("mmlu", "mmlu_data")
)
_TRUTHFULQA = Shape(
    read=truthfulqa.read,
    example=truthfulqa.EXAMPLE,
    wanted="TruthfulQA.csv",
    folders=("truthfulqa", "truthful_qa"),
    stems={"validation": ("TruthfulQA", "mc_task")},
)
_GSM8K = Shape(read=gsm8k.read, example=gsm8k.EXAMPLE, folders=("gsm8k", "grade_school_math"))
_WIKITEXT = Shape(
    read=wikitext.read,
    example=wikitext.EXAMPLE,
    wanted="wiki.test.raw",
    folders=("wikitext",),
    endings=(".raw", ".txt", ".tokens", *TABLES),
    replaced=wikitext.REPLACED,
)
GENERIC = Shape(read=read_columns, example='{"<column>": "…", …}', holds_all_names=False)

_SHAPES = {
    "rowan/hellaswag": _HELLASWAG,
    "hellaswag": _HELLASWAG,
    "cais/mmlu": _MMLU,
    "hails/mmlu_no_train": _MMLU,
    "truthfulqa/truthful_qa": _TRUTHFULQA,
    "truthful_qa": _TRUTHFULQA,
    "openai/gsm8k": _GSM8K,
    "gsm8k": _GSM8K,
    "eleutherai/wikitext_document_level": _WIKITEXT,
}


def shape_of(request: Request) -> Shape:
    """The data set's own shape, or the general one: the task's own columns."""
    return _SHAPES.get(request.data_set.lower(), GENERIC)
