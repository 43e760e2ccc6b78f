"""What both sides train on and how: one model, one tokenizer, one set of windows in one order.

Prepared once in a folder, by `prepare`; each measured process opens it, so that none pays for it.
"""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from brahma import Dataset, ModelSpec
from brahma.data.order import Order
from brahma.data.packs import Packs
from brahma.train.quickstart.corpus import read_modules, split_modules

SETTINGS = "workload.json"
MODEL: dict[str, Any] = {
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "intermediate_size": 1408,
    "vocab_size": 8192,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
}
QUICK_MODEL = MODEL | {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "vocab_size": 512,
}
_QUICK_MODULES = 30
_DOCUMENT_CHARACTERS = 1_000_000
_SEEDS = range(42, 10_042)


@dataclass(frozen=True)
class Workload:
    """A training job, as both sides do it.

    Attributes:
        folder: holds everything; also the `output_dir` of our runs, so that their prepared data is found.
        text: rows to train on; tokenizer: folder of it.
        packs: folder of the pack table.
        seq_length: tokens of a window.
        batch_size: windows of a step.
        seed: of the weights and the order; chosen so that every window of the run is full and, where the
            text allows it, lies in one document, so that both sides do the same arithmetic.
        document_length: mean length of the piece of a document that a token of the run lies in.
    """

    folder: Path
    text: Path
    tokenizer: Path
    packs: Path
    steps: int
    seed: int
    document_length: float
    model: dict[str, Any] = field(default_factory=lambda: dict(MODEL))
    seq_length: int = 512
    batch_size: int = 4
    lr: float = 1e-3
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0

    @property
    def tokens_per_step(self) -> int:
        return self.seq_length * self.batch_size

    def spec(self) -> ModelSpec:
        return ModelSpec.from_config(self.model)

    def options(self) -> dict[str, Any]:
        """The keyword arguments of `brahma.Trainer` that every one of our runs shares."""
        return {
            "tokenizer": str(self.tokenizer),
            "output_dir": str(self.folder),
            "seq_length": self.seq_length,
            "packing": "concat",
            "batch_size": self.batch_size,
            "lr": self.lr,
            "weight_decay": self.weight_decay,
            "max_grad_norm": self.max_grad_norm,
            "seed": self.seed,
        }

    def windows(self) -> Iterator[tuple[Any, Any]]:
        """(inputs, targets) of each window in the order that our trainer takes them; int64 [seq_length]."""
        packs = Packs.open(self.packs)
        for number in Order(len(packs), self.seed).packs(0, self.steps * self.batch_size):
            batch = packs.batch([int(number)])
            assert len(batch) == batch.supervised == self.seq_length, "a window with holes"
            yield batch.input_ids, batch.labels

    def save(self) -> None:
        path = self.folder / SETTINGS
        path.write_text(json.dumps(asdict(self), default=str, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Workload:
        values = json.loads((folder / SETTINGS).read_text())
        return cls(**values | {key: Path(values[key]) for key in ("folder", "text", "tokenizer", "packs")})


def prepare(folder: Path, *, steps: int, data: Path | None, quick: bool) -> Workload:
    """Make the text, train the tokenizer and pack, all in `folder`.

    Args:
        steps: optimizer steps of a run.
        data: rows of the user's own; None: the sources of this Python's standard library.
        quick: a tiny model and little text, to see that everything works.
    """
    from brahma.data.prepare import prepare as pack
    from brahma.data.tokenizer import sample_texts, save_tokenizer, train_tokenizer

    model, seq_length = (QUICK_MODEL, 64) if quick else (MODEL, 512)
    text = data.absolute() if data else write_text(folder / "text.jsonl", quick=quick)
    rows = Dataset.from_file(text)
    tokenizer = train_tokenizer(sample_texts(rows, 50_000_000), vocab_size=model["vocab_size"])
    save_tokenizer(tokenizer, folder / "tokenizer")
    packs = pack(
        rows,
        tokenizer=tokenizer,
        seq_length=seq_length,
        packing="concat",
        directory=folder / "data" / ".cache",
    ).train
    seed = _choose_seed(packs, steps * Workload.batch_size)
    chosen = Order(len(packs), seed).packs(0, steps * Workload.batch_size)
    lengths = np.diff(packs.batch(chosen).cu_seqlens).astype(float)
    workload = Workload(
        folder=folder,
        text=text,
        tokenizer=folder / "tokenizer",
        packs=packs.folder,
        steps=steps,
        seed=seed,
        document_length=float((lengths**2).sum() / lengths.sum()),
        model=dict(model),
        seq_length=seq_length,
    )
    workload.save()
    return workload


def write_text(path: Path, *, quick: bool = False) -> Path:
    """The standard library's modules as JSON Lines, without those that the quickstart holds out.

    They are joined to documents of a megabyte, so that few windows hold the border between two.
    """
    modules, _ = split_modules(read_modules(Path(sysconfig.get_path("stdlib"))))
    documents = [""]
    for module in modules[:_QUICK_MODULES] if quick else modules:
        if len(documents[-1]) > _DOCUMENT_CHARACTERS:
            documents.append("")
        documents[-1] += module.text
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents))
    return path


def _choose_seed(packs: Packs, windows: int) -> int:
    """The first seed whose order begins with full windows of one document each, else with full ones."""
    full = packs.supervised == packs.seq_length
    for wanted in (full & (np.diff(packs.offsets) == 1), full):
        for seed in _SEEDS:
            if wanted[Order(len(packs), seed).packs(0, windows)].all():
                return seed
    raise SystemExit(f"error: the text has {int(full.sum())} full windows, too few for a run of {windows}")
