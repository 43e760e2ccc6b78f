"""Endings of files."""

CONFIG_SUFFIXES = (".json", ".yaml", ".yml", ".toml")
"""Of a configuration."""

LINE_SUFFIXES = (".txt", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")
"""Of data that is text; each may have one of `COMPRESSION_SUFFIXES` after it."""

DATA_SUFFIXES = (*LINE_SUFFIXES, ".parquet")
"""Of data that is read without a plugin."""

COMPRESSION_SUFFIXES = (".gz", ".zst", ".bz2", ".xz")
"""Of compressed files: gzip, Zstandard, bzip2, xz."""
