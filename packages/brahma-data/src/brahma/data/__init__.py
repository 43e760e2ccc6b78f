"""Data: readers, data sets, tools for corpora, templates, tokenizers, shards, packs and the ledger."""

from typing import TYPE_CHECKING

from brahma.core.lazy import exports

if TYPE_CHECKING:
    from brahma.data.augmentation.augment import augment as augment
    from brahma.data.cleaning.clean import clean as clean
    from brahma.data.cleaning.dedup import dedup as dedup
    from brahma.data.conversion.job import convert as convert
    from brahma.data.corpus_shards import write_shards as write_shards
    from brahma.data.dataset import Dataset as Dataset
    from brahma.data.rows import Message as Message
    from brahma.data.rows import Row as Row
    from brahma.data.splitting.files import split_files as split_files
    from brahma.data.statistics import stats as stats

__all__ = [
    "Dataset",
    "Message",
    "Row",
    "augment",
    "clean",
    "convert",
    "dedup",
    "split_files",
    "stats",
    "write_shards",
]

if not TYPE_CHECKING:
    __getattr__ = exports(
        __name__,
        {
            "Dataset": "dataset",
            "Message": "rows",
            "Row": "rows",
            "augment": "augmentation.augment",
            "clean": "cleaning.clean",
            "convert": "conversion.job",
            "dedup": "cleaning.dedup",
            "split_files": "splitting.files",
            "stats": "statistics",
            "write_shards": "corpus_shards",
        },
    )
