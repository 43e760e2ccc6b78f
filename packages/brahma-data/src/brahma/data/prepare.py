"""From a data set to packs: tokenise each source once, hold out documents, pack, account for all tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from brahma.core.progress import progress
from brahma.data._table import OnLongRow, PackSource
from brahma.data._tokenise import Entry, tokenise
from brahma.data.cache import DamagedDataError, read_manifest
from brahma.data.dataset import Dataset
from brahma.data.encode import Encoder
from brahma.data.ledger import FileLedger, Ledger, PackLedger
from brahma.data.packs import Packing, Packs
from brahma.data.split import split_documents
from brahma.data.stamps import SourceStamp
from brahma.data.tokenizer import pad_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

    _Documents = Sequence[NDArray[np.int64]] | None


@dataclass(frozen=True, repr=False)
class PreparedData:
    """Data that is ready to train on.

    Attributes:
        train, validation: packs; no validation when none was asked for.
        ledger: it adds up.
        sources: the files as they were read; rows that were given as a list are not among them.
        entries: folders of the tokenised sources, those of training first.
    """

    train: Packs
    validation: Packs | None
    ledger: Ledger
    sources: tuple[SourceStamp, ...]
    entries: tuple[Path, ...]

    def __repr__(self) -> str:
        held = "" if self.validation is None else f", validation={self.validation!r}"
        return f"PreparedData(train={self.train!r}{held}, {self.ledger!r})"

    def to_dict(self) -> dict[str, Any]:
        """What a run keeps to open the very same data again; JSON-able."""
        return {
            "train": str(self.train.folder),
            "validation": None if self.validation is None else str(self.validation.folder),
            "fingerprint": self.fingerprint,
            "sources": [asdict(source) for source in self.sources],
            "entries": [str(entry) for entry in self.entries],
            "ledger": self.ledger.to_dict(),
        }

    @property
    def fingerprint(self) -> str:
        """Of the content of both parts: equal exactly when the same packs are trained and validated on."""
        held = "" if self.validation is None else self.validation.fingerprint
        return sha256(f"{self.train.fingerprint} {held}".encode()).hexdigest()[:32]

    @classmethod
    def open(cls, saved: dict[str, Any]) -> Self:
        """Open what `to_dict` told, without reading or tokenising a source that was not touched.

        Raises:
            DataError: a source has changed or is gone; it is named.
            DamagedDataError: prepared files are; preparing again brings them back, and an equal `fingerprint`
                tells that it is the same data.
        """
        sources = tuple(SourceStamp(**source) for source in saved["sources"])
        for source in sources:
            source.verify()
        entries = tuple(Path(entry) for entry in saved["entries"])
        for entry in entries:
            if read_manifest(entry) is None:
                raise DamagedDataError(
                    "a tokenised source is missing or damaged",
                    where=str(entry),
                    hint="prepare the data again: the same data gives the same packs",
                )
        validation = None if saved["validation"] is None else Packs.open(Path(saved["validation"]))
        train = Packs.open(Path(saved["train"]))
        return cls(train, validation, Ledger.from_dict(saved["ledger"]), sources, entries)


def prepare(
    dataset: Dataset,
    *,
    tokenizer: PreTrainedTokenizerBase,
    template: str | Path | None = None,
    seq_length: int,
    packing: Packing = "auto",
    on_long_row: OnLongRow = "error",
    directory: Path,
    workers: int | None = None,
    validation: float | Dataset | None = None,
    seed: int = 0,
) -> PreparedData:
    """Tokenise and pack a data set, or open what was prepared before.

    Args:
        dataset: to train on.
        tokenizer: a fast one.
        template: a Jinja chat template, instead of the data set's or the tokenizer's own.
        seq_length: pairs that a pack holds.
        packing: see `brahma.data.packs`.
        on_long_row: see `Packs.build`.
        directory: where prepared data lives, `<output_dir>/data/.cache`.
        workers: processes that tokenise; None for one a core, 1 for this process alone.
        validation: a fraction of whole documents to hold out, or a data set of its own.
        seed: of the held-out choice.

    Raises:
        RowError: a bad row (with `on_bad_row` error) or an over-long one, named by file and line.
        DataError: a damaged file, nothing to train on, or a place that cannot be written.
        LedgerError: rows or tokens got lost.
    """
    directory = directory.absolute()  # it is pinned, and a resume may start elsewhere

    def tokenised(data: Dataset) -> list[Entry]:
        encoder = Encoder(tokenizer, template or data.template)
        return tokenise(data, encoder, directory=directory, workers=workers)

    def packed(data: Dataset, entries: list[Entry], documents: _Documents = None) -> Packs:
        with progress("packing"):
            return Packs.build(
                _sources(entries, documents),
                directory / "packs",
                seq_length=seq_length,
                packing=packing,
                on_long_row=on_long_row,
                running_text=data.format == "text",
                pad_id=pad_id(tokenizer),
            )

    entries = tokenised(dataset)
    if validation is None:
        return _finish(entries, packed(dataset, entries))
    if isinstance(validation, Dataset):
        own = tokenised(validation)
        return _finish(entries, packed(dataset, entries), packed(validation, own), own)
    chosen, held_out = split_documents([entry.documents for entry in entries], validation, seed)
    return _finish(entries, packed(dataset, entries, chosen), packed(dataset, entries, held_out))


def _sources(entries: list[Entry], documents: _Documents) -> list[PackSource]:
    return [
        PackSource(entry.path, entry.folder.name, entry.folder, documents[number] if documents else None)
        for number, entry in enumerate(entries)
    ]


def _finish(
    entries: list[Entry], train: Packs, validation: Packs | None = None, own: list[Entry] | None = None
) -> PreparedData:
    """Draw up the ledger and hold its laws.

    Args:
        entries: of the training files.
        own: entries of the validation files, if validation is not held out from the training files.
    """
    files = [replace(_file(entry), train=counts) for entry, counts in zip(entries, train.counts, strict=True)]
    if validation is not None:
        held = [_file(entry) for entry in own] if own else files
        held = [
            replace(file, validation=counts) for file, counts in zip(held, validation.counts, strict=True)
        ]
        files = files + held if own else held
    ledger = Ledger(tuple(files), train.ledger, validation.ledger if validation else PackLedger())
    ledger.check()
    everything = [*entries, *(own or [])]
    return PreparedData(
        train,
        validation,
        ledger,
        sources=tuple(entry.stamp for entry in everything if entry.stamp),
        entries=tuple(entry.folder for entry in everything),
    )


def _file(entry: Entry) -> FileLedger:
    return FileLedger(
        entry.path,
        entry.rows,
        entry.documents,
        entry.skipped,
        spelt=entry.spelt,
        spelt_lines=entry.spelt_lines,
    )
