"""A corpus tokenised into a folder of its own, for use outside of a run: what `brahma data tokenize` does.

The folder holds a shard for each source (`shards.py` says what is in one; Megatron's readers take
`<source>/tokens` as their prefix) and `manifest.json` about all of them. It is built beside its place, in
`<output>.tokenising/`, by the same code and in the same layout as a run's cache, source by source: started
again after it was stopped, it goes on with the first source that is not done.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.disk import flush
from brahma.core.errors import DataError
from brahma.data._tokenise import Entry, tokenise
from brahma.data.cache import MANIFEST, writing
from brahma.data.encode import Encoder
from brahma.data.report_text import labelled, numbers, place
from brahma.data.shards import Shard, token_dtype
from brahma.data.tokenizer import loaded_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from brahma.data.dataset import Dataset

MANIFEST_VERSION = 1


@dataclass(frozen=True, repr=False)
class CorpusShards:
    """What was written.

    Attributes:
        folder: it holds a folder for each source.
        manifest: what `manifest.json` says.
    """

    folder: Path
    manifest: dict[str, Any]

    @property
    def sources(self) -> list[dict[str, Any]]:
        """Each with `path`, `folder`, `rows`, `documents`, `skipped`, `tokens`, `bytes` and `spelt`."""
        found: list[dict[str, Any]] = self.manifest["sources"]
        return found

    def total(self, key: str) -> int:
        """The sum over the sources."""
        return sum(source[key] for source in self.sources)

    def lines(self, columns: int | None = None) -> Iterator[str]:
        """What was written, as text."""
        yield from labelled(self._facts(), columns)
        if len(self.sources) > 1:
            yield ""
            rows = (
                [source["path"], source["folder"], f"{source['documents']:,}", f"{source['tokens']:,}"]
                for source in self.sources
            )
            yield from numbers(["source", "folder", "rows", "tokens"], rows, columns)

    def _facts(self) -> Iterator[tuple[str, str]]:
        read, done, skipped = (self.total(key) for key in ("rows", "documents", "skipped"))
        yield "rows", f"{read:,} read, {done:,} tokenised, {skipped:,} skipped"
        yield "tokens", f"{self.total('tokens'):,} ({self.manifest['dtype']})"
        if spelt := self.total("spelt"):
            yield "as text", f"{spelt:,} special tokens that rows spell out"
        yield "written", place(self.folder)

    def __repr__(self) -> str:
        rows, tokens = self.total("documents"), self.total("tokens")
        return f"CorpusShards({place(self.folder)}: {rows:,} rows, {tokens:,} tokens)"

    def __str__(self) -> str:
        return "\n".join(self.lines())


def write_shards(
    dataset: Dataset,
    *,
    tokenizer: PreTrainedTokenizerBase | str | Path,
    output: str | Path,
    template: str | Path | None = None,
    workers: int | None = None,
) -> CorpusShards:
    """Tokenise a data set into a new folder; it is there whole or not at all.

    Args:
        dataset: its rows.
        tokenizer: a fast one, its folder or hub id.
        output: the folder, which must not exist or be empty.
        template: a Jinja chat template, instead of the data set's or the tokenizer's own.
        workers: processes; None for one a core.

    Raises:
        RowError: a bad row, unless the data set skips them.
        TokenizerError: the tokenizer is not there, or is not a fast one.
        DataError: something stands in the place of the folder, it cannot be written, or a source is damaged.
    """
    folder = Path(output).expanduser().absolute()
    _require_free(folder)
    work = folder.with_name(folder.name + ".tokenising")
    encoder = Encoder(loaded_tokenizer(tokenizer), template or dataset.template)
    with writing(folder), _kept_if_worth(work):
        entries = tokenise(dataset, encoder, directory=work, workers=workers)
        manifest = _manifest(entries, encoder, dataset)
        _install(work / "whole", entries, manifest, folder)
        shutil.rmtree(work, ignore_errors=True)
    return CorpusShards(folder, manifest)


@contextmanager
def _kept_if_worth(work: Path) -> Iterator[None]:
    """A folder to work in; stopped, it stays when a source is done already."""
    work.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if not any((work / "tokenised").glob("[!.]*")):
            shutil.rmtree(work, ignore_errors=True)
        raise


def _require_free(folder: Path) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        kind = "file" if folder.is_file() else "folder"
        raise DataError(
            f"the {kind} exists already", where=str(folder), hint="Name a new folder, or remove it"
        )


def _manifest(entries: Sequence[Entry], encoder: Encoder, dataset: Dataset) -> dict[str, Any]:
    return {
        "version": MANIFEST_VERSION,
        "format": dataset.format,
        "encoder": encoder.fingerprint,
        "vocab_size": encoder.vocab_size,
        "dtype": token_dtype(encoder.vocab_size).name,
        "bos_id": encoder.bos_id,
        "eos_id": encoder.eos_id,
        "sources": [_source(entry, number) for number, entry in enumerate(entries)],
    }


def _source(entry: Entry, number: int) -> dict[str, Any]:
    shard = Shard(entry.folder)
    stem = re.sub(r"[^\w.-]", "_", Path(entry.path).name.split(".")[0]) or "rows"
    return {
        "path": entry.path,
        "folder": f"{number:03d}-{stem}",
        "content": entry.stamp and entry.stamp.content,
        "rows": entry.rows,
        "documents": entry.documents,
        "skipped": len(entry.skipped),
        "tokens": len(shard.tokens),
        "bytes": int(shard.documents["bytes"].sum()),
        "spelt": entry.spelt,
    }


def _install(whole: Path, entries: Sequence[Entry], manifest: dict[str, Any], folder: Path) -> None:
    """Put the entries into one folder, and that into its place.

    They are linked, not moved: stopped in the middle, the next start finds them where it looks.
    """
    shutil.rmtree(whole, ignore_errors=True)
    for entry, source in zip(entries, manifest["sources"], strict=True):
        shutil.copytree(entry.folder, whole / source["folder"], copy_function=_link)
    (whole / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    flush(whole / MANIFEST)
    _require_free(folder)
    whole.replace(folder)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
        flush(Path(target))
