"""What a run is made from, before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

from brahma.core.config import Config
from brahma.core.errors import DataError
from brahma.core.spec import ModelSpec
from brahma.data import Dataset


@dataclass(frozen=True)
class Sources:
    """The model to make or load, the rows to train on, and what is held out."""

    spec: ModelSpec
    rows: Dataset
    validation: Dataset | float | None


def open_dataset(config: Config) -> Dataset:
    """The training rows that `data_config` names."""
    data = config.data
    return Dataset.from_files(
        data.train,
        format=data.format,
        text_document=data.text_document,
        on_bad_row=data.on_bad_row,
        template=data.template,
    )


def open_validation(config: Config, train: Dataset) -> Dataset | float | None:
    """What is held out: a fraction, rows of their own, or nothing.

    Raises:
        DataError: the two are of different kinds.
    """
    chosen = config.data.validation
    if chosen is None or isinstance(chosen, float):
        return chosen
    options = train.options
    held = Dataset.from_files(
        chosen,
        format=options.format,
        text_document=options.text_document,
        on_bad_row=options.on_bad_row,
        template=train.template,
    )
    if held.format != train.format:
        raise DataError(
            f"the validation rows are {held.format}, the training rows {train.format}",
            where=str(held.sources[0]),
            hint="give validation rows of the same kind, or a fraction such as 0.01",
        )
    return held
