"""Data: readers, data sets, templates, tokenizers, shards, packs and the ledger."""

from brahma.data.dataset import Dataset as Dataset
from brahma.data.rows import Message as Message
from brahma.data.rows import Row as Row

__all__ = ["Dataset", "Message", "Row"]
