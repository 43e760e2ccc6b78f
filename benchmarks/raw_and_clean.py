"""Does cleaning a corpus make a better model? Two models, equal tokens, the raw and the cleaned corpus.

    python benchmarks/corpus.py /tmp/corpus
    python benchmarks/raw_and_clean.py --corpus /tmp/corpus --write

Whole documents are held out before anything is cleaned. Three texts are scored: the held-out documents as
they were; the same, cleaned; and of these the ones that are new (at most a tenth of their long lines stands
anywhere in the raw training text), since a model can know by heart what it saw in a copy.
Everything but the training text is the same for both models: tokenizer, initial weights for a seed, steps.
"""

from __future__ import annotations

import hashlib
import json
import random
import statistics
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.arguments import parse, parser
from benchmarks.report import facts, table, write_section

_HELD_OUT = 50
"""One document in so many."""
_SCORED = 100
"""Documents of each held-out text that are scored at most, each up to `_LENGTH` characters."""
_LENGTH = 4000
_VOCABULARY = 8192
_SEQ_LENGTH = 512
_BATCH = 8
_LONG_LINE = 40
"""Characters; shorter lines stand in many documents that have nothing to do with each other."""
TEXTS = ("raw", "cleaned", "cleaned, and new")


_PACKAGES = (
    "git-doc", "manpages", "manpages-dev", "octave-doc", "postgresql-doc-15", "python3.11-doc", "vim-doc",
)  # fmt: skip
"""Packages in English: a training of minutes sees a good part of them."""


def build(corpus: Path, work: Path, profile: str) -> dict[str, Path]:
    """Split, clean and sample: training files `raw` and `cleaned`, and one file for each of `TEXTS`."""
    from brahma.data import clean

    train, held_out = work / "raw.jsonl", work / "held_out.jsonl"
    with train.open("w") as kept, held_out.open("w") as out:
        for line in _lines(corpus):
            kept_out = int(hashlib.sha256(line).hexdigest(), 16) % _HELD_OUT == 0
            (out if kept_out else kept).write(line.decode())
    files = {"train raw": train, "raw": held_out}
    files["train cleaned"], files["cleaned"] = work / "cleaned.jsonl", work / "held_out_cleaned.jsonl"
    for before, after in (("train raw", "train cleaned"), ("raw", "cleaned")):
        report = clean(files[before], files[after], profile=profile)
        assert report is not None  # nothing was handed to a scheduler
        print(f"{before}: {json.dumps(report.to_dict(), ensure_ascii=False)[:2000]}")
    files[TEXTS[2]] = work / "new.jsonl"
    _write_new(files["cleaned"], train, files[TEXTS[2]])
    return files


def _lines(corpus: Path) -> Iterator[bytes]:
    for package in _PACKAGES:
        with (corpus / f"{package}.jsonl").open("rb") as lines:
            yield from lines


def _write_new(source: Path, train: Path, target: Path) -> None:
    """The documents of `source` of whose long lines at most a tenth stands in the training text."""
    documents = [json.loads(line)["text"] for line in source.open()]
    wanted = {line for text in documents for line in _long_lines(text)}
    seen: set[str] = set()
    for row in train.open():
        seen.update(wanted.intersection(_long_lines(json.loads(row)["text"])))
    with target.open("w") as file:
        for text in documents:
            lines = _long_lines(text)
            if lines and sum(line in seen for line in lines) <= len(lines) / 10:
                file.write(json.dumps({"text": text}) + "\n")


def _long_lines(text: str) -> list[str]:
    return [line for each in text.split("\n") if len(line := each.strip()) >= _LONG_LINE]


def sample(path: Path) -> list[dict[str, str]]:
    """The beginnings of some of its documents, the same ones each time."""
    rows = [json.loads(line)["text"][:_LENGTH] for line in path.read_text().splitlines()]
    random.Random(0).shuffle(rows)
    return [{"text": text} for text in rows[:_SCORED] if text.strip()]


def train_and_score(
    name: str, files: dict[str, Path], tokenizer: Path, *, seed: int, steps: int, work: Path
) -> dict[str, float]:
    """Bits per byte of each text, after a training on `train <name>`."""
    from brahma import Dataset, Evaluator, ModelSpec, Trainer

    spec = ModelSpec.preset("nano", vocab_size=_VOCABULARY)
    run = Trainer(
        spec, Dataset.from_file(files[f"train {name}"]), tokenizer=tokenizer, output_dir=work,
        run_name=f"{name}-{seed}", seq_length=_SEQ_LENGTH, batch_size=_BATCH, max_steps=steps, lr=2e-3,
        warmup_steps=steps // 20, seed=seed, save_steps=steps, logging_steps=20,
    ).fit()  # fmt: skip
    losses = [row["train/loss"] for row in run.metrics() if "train/loss" in row]
    assert losses[-1] < losses[0], "the model learned nothing"
    evaluator = Evaluator(run.checkpoints[-1])
    return {text: evaluator.evaluate_custom(sample(files[text])).bits_per_byte for text in TEXTS}


def section(
    scores: dict[str, list[dict[str, float]]], files: dict[str, Path], arguments: Namespace, machine: str
) -> str:
    """The tables and what they were made of."""
    rows = []
    for text in TEXTS:
        columns = []
        for name in ("raw", "cleaned"):
            values = [score[text] for score in scores[name]]
            columns.append(f"{statistics.mean(values):.4f} ({', '.join(f'{value:.4f}' for value in values)})")
        gains = [
            cleaned[text] - raw[text] for raw, cleaned in zip(scores["raw"], scores["cleaned"], strict=True)
        ]
        rows.append(
            [f"{text} ({len(sample(files[text]))} documents)", *columns, f"{statistics.mean(gains):+.4f}"]
        )
    sizes = {name: files[f"train {name}"].stat().st_size / 1e6 for name in ("raw", "cleaned")}
    tokens = arguments.steps * _BATCH * _SEQ_LENGTH
    about = (
        f"Two models of 5 million parameters for each of {arguments.repeats} seeds, {tokens / 1e6:.1f}"
        f" million tokens each ({arguments.steps} steps of {_BATCH} × {_SEQ_LENGTH}), one tokenizer of"
        f" {_VOCABULARY:,} ids trained on both corpora in equal parts. Packages: {', '.join(_PACKAGES)}."
        f" Raw: {sizes['raw']:.0f} MB of training rows; cleaned by the profile `{arguments.profile}`:"
        f" {sizes['cleaned']:.0f} MB."
    )
    header = ["held-out text, bits per byte", "trained on raw", "trained on cleaned", "difference"]
    return f"## Raw and cleaned\n\n{about}\n\n{machine}\n\n{table(header, rows)}"


def main(argv: Sequence[str] | None = None) -> None:
    """Build, train and print; write the section when asked to."""
    from brahma import Dataset
    from brahma.data.tokenizer import sample_texts, save_tokenizer, train_tokenizer

    made = parser(__doc__ or "", repeats=3)
    made.add_argument("--corpus", type=Path, required=True, help="folder that benchmarks/corpus.py made")
    made.add_argument("--profile", default="docs", help="of the cleaning")
    made.add_argument("--steps", type=int, default=200, help="optimizer steps of each training")
    arguments = parse(made, argv)
    machine = facts(f"python benchmarks/raw_and_clean.py {' '.join(argv or sys.argv[1:])}")
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        files = build(arguments.corpus, work, arguments.profile)
        texts = [
            text
            for name in ("raw", "cleaned")
            for text in sample_texts(Dataset.from_file(files[f"train {name}"]), 10_000_000)
        ]
        save_tokenizer(train_tokenizer(texts, _VOCABULARY), work / "tokenizer")
        scores: dict[str, list[dict[str, float]]] = {"raw": [], "cleaned": []}
        for seed in range(arguments.repeats):
            for name, found in scores.items():
                found.append(
                    train_and_score(
                        name, files, work / "tokenizer", seed=seed, steps=arguments.steps, work=work
                    )
                )
                print(name, seed, found[-1], flush=True)
        body = section(scores, files, arguments, machine)
        print(body)
        if arguments.write:
            write_section(arguments.write, "raw_and_clean", body)


if __name__ == "__main__":
    main()
