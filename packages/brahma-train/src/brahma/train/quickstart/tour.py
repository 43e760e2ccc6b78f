"""The quickstart from its first line to its last: runs the stages and says what each one found."""

from __future__ import annotations

import json
import platform
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.sizes import duration
from brahma.core.spec import ModelSpec
from brahma.train.quickstart import stages
from brahma.train.quickstart.baseline import zlib_bits_per_byte
from brahma.train.quickstart.corpus import Corpus, CorpusFiles, build_corpus, write_corpus
from brahma.train.quickstart.curve import draw_curve
from brahma.train.quickstart.recipe import DEFAULT, Recipe
from brahma.train.quickstart.summary import Summary

if TYPE_CHECKING:
    from brahma.core.runs import Run

MAX_SAMPLE_LINES = 12
Say = Callable[[str], object]


def run_tour(*, minutes: float, output_dir: Path, seed: int, say: Say, recipe: Recipe = DEFAULT) -> Summary:
    """Run all stages; write `quickstart.json`, `quickstart.png` and an example configuration.

    Args:
        minutes: training time, both trainings together.
        say: takes each line of the report.

    Raises:
        DataError: this Python ships no sources of its standard library.
    """
    tour = _Tour(minutes=minutes, output_dir=output_dir, seed=seed, say=say, recipe=recipe)
    corpus, files = tour.read_corpus()
    tour.train_tokenizer(corpus)
    base = tour.pretrain(files)
    text, zlib = tour.measure_text(base, corpus, files)
    tuned = tour.tune(base, files)
    before, after = tour.measure_pairs(base, tuned, files)
    samples = tour.show_samples(base, tuned, corpus)
    summary = Summary(
        python=platform.python_version(),
        minutes=minutes,
        seed=seed,
        recipe=asdict(recipe),
        modules=len(corpus.modules),
        held_out_modules=len(corpus.held_out_modules),
        pairs=len(corpus.pairs),
        held_out_pairs=len(corpus.held_out_pairs),
        num_parameters=tour.spec.num_parameters,
        text=dict(text),
        zlib_bits_per_byte=zlib,
        pairs_before=dict(before),
        pairs_after=dict(after),
        samples=tuple(asdict(sample) for sample in samples),
        seconds=tour.seconds,
        base_run=base.name,
        tuned_run=tuned.name,
    )
    tour.close(summary, base, tuned, files)
    return summary


class _Tour:
    """The stages with their headings, times and places."""

    def __init__(self, *, minutes: float, output_dir: Path, seed: int, say: Say, recipe: Recipe) -> None:
        self.recipe = recipe
        self.spec = ModelSpec.from_config(recipe.model_config())
        self.seconds: dict[str, float] = {}
        self._output_dir = output_dir
        self._data = output_dir / "data" / "quickstart"
        self._minutes = minutes
        self._seed = seed
        self._say = say
        self._name = stages.free_run_name(output_dir)

    def read_corpus(self) -> tuple[Corpus, CorpusFiles]:
        with self._step("text", "Text: the standard library of this Python, nothing is downloaded"):
            corpus = build_corpus()
            files = write_corpus(corpus, self._data)
        size = sum(module.num_bytes for module in corpus.modules) / 1e6
        self._tell(
            f"{len(corpus.modules)} modules, {size:.1f} MB; {len(corpus.held_out_modules)} others are held "
            "out: never trained on, only measured on",
            f"{len(corpus.pairs):,} pairs of signature and docstring, {len(corpus.held_out_pairs)} held out",
        )
        return corpus, files

    def train_tokenizer(self, corpus: Corpus) -> None:
        with self._step("tokenizer", f"Tokenizer: {self.recipe.vocab_size:,} pieces learned from the text"):
            tokenizer = stages.make_tokenizer(corpus, self.recipe, self._tokenizer)
        text = "".join(module.text for module in corpus.held_out_modules)
        tokens = len(tokenizer(text, add_special_tokens=False)["input_ids"])
        self._tell(f"{len(text.encode()) / tokens:.1f} bytes a token on held-out text")

    def pretrain(self, files: CorpusFiles) -> Run:
        minutes = self._minutes * (1 - self.recipe.tuning_share)
        millions = self.spec.num_parameters / 1e6
        heading = f"Pre-training: {millions:.1f}M parameters from nothing, {duration(60 * minutes)}"
        with self._step("pretraining", heading):
            return stages.pretrain(
                files.text,
                self._tokenizer,
                self.recipe,
                name=self._name,
                output_dir=self._output_dir,
                minutes=minutes,
                seed=self._seed,
            )

    def measure_text(
        self, base: Run, corpus: Corpus, files: CorpusFiles
    ) -> tuple[Mapping[str, float], float]:
        with self._step("measuring", "Measuring on the held-out modules"):
            text = stages.measure(base.best, files.held_out_text, self.recipe)
            zlib = zlib_bits_per_byte(module.text for module in corpus.held_out_modules)
        self._tell(
            f"loss {text.loss:.3f}   perplexity {text.perplexity:.1f}",
            f"{text.bits_per_byte:.3f} bits per byte; zlib -9 needs {zlib:.3f} for the same text",
            verdict(text.bits_per_byte, zlib),
        )
        return text, zlib

    def tune(self, base: Run, files: CorpusFiles) -> Run:
        minutes = self._minutes * self.recipe.tuning_share
        with self._step("tuning", f"Tuning: signatures to docstrings, {duration(60 * minutes)}"):
            return stages.tune(
                base.best,
                files.pairs,
                self.recipe,
                name=f"{self._name}-tuned",
                output_dir=self._output_dir,
                minutes=minutes,
                seed=self._seed,
            )

    def measure_pairs(
        self, base: Run, tuned: Run, files: CorpusFiles
    ) -> tuple[Mapping[str, float], Mapping[str, float]]:
        with self._step("measuring pairs", "Measuring on the held-out docstrings"):
            before = stages.measure(base.best, files.held_out_pairs, self.recipe)
            after = stages.measure(tuned.best, files.held_out_pairs, self.recipe)
        self._tell(
            f"loss {before.loss:.3f} before tuning, {after.loss:.3f} after",
            f"perplexity {before.perplexity:.1f} before, {after.perplexity:.1f} after",
        )
        return before, after

    def show_samples(self, base: Run, tuned: Run, corpus: Corpus) -> list[stages.Sample]:
        with self._step("samples", "What it writes"):
            samples = stages.write_samples(base.best, tuned.best, corpus.held_out_pairs, seed=self._seed)
        for sample in samples:
            self._say("")
            self._say(quoted("given", sample.prompt))
            self._say(quoted("wrote", sample.text))
            if sample.expected is not None:
                self._say(quoted("real", sample.expected))
        return samples

    def close(self, summary: Summary, base: Run, tuned: Run, files: CorpusFiles) -> None:
        """Write the files that sum it up, and say where everything lies and what to type next."""
        here = self._output_dir
        summary.save(here / "quickstart.json")
        draw_curve(
            here / "quickstart.png",
            base,
            tuned,
            text=summary.text,
            zlib_bits_per_byte=summary.zlib_bits_per_byte,
            pairs_before=summary.pairs_before,
            pairs_after=summary.pairs_after,
        )
        example = here / "quickstart-config.json"
        example.write_text(json.dumps(self._example(files), indent=2) + "\n", encoding="utf-8")
        self._say(f"\nDone in {duration(sum(self.seconds.values()))}. Everything lies here:")
        self._list(
            (here / "quickstart.png", "the loss curves"),
            (here / "quickstart.json", "every figure above"),
            (base.directory, "the pre-trained model"),
            (tuned.directory, "the tuned model"),
            (self._data, "the text and the tokenizer"),
        )
        self._say("\nType next:")
        self._say(f"  brahma generate {self._called(tuned)} --prompt 'def area(width, height):'")
        self._say(f"  brahma runs show {self._called(base)}")
        self._say(f"  brahma train --config {_shown(example)}")

    def _called(self, run: Run) -> str:
        """What a command takes for the run: its name in the working directory, else its folder."""
        return run.name if self._output_dir.absolute() == Path.cwd() else _shown(run.directory)

    @property
    def _tokenizer(self) -> Path:
        return self._data / "tokenizer"

    def _example(self, files: CorpusFiles) -> dict[str, Any]:
        """A configuration that trains the same model in the ordinary way; paths as seen from the file."""
        train, validation, tokenizer = (
            path.relative_to(self._output_dir).as_posix()
            for path in (files.text, files.held_out_text, self._tokenizer)
        )
        return {
            "model_config": self.recipe.model_config(),
            "tokenizer": {"path": tokenizer},
            "data_config": {
                "train": train,
                "validation": validation,
                "seq_length": self.recipe.seq_length,
            },
            "training_config": {
                **self.recipe.pretraining.to_dict(),
                "epochs": 1,
                "evaluation_strategy": "steps",
                "eval_steps": 200,
            },
            "output_dir": ".",
        }

    @contextmanager
    def _step(self, key: str, heading: str) -> Iterator[None]:
        self._say(f"\n{len(self.seconds) + 1}/7  {heading}")
        start = time.perf_counter()
        yield
        self.seconds[key] = round(time.perf_counter() - start, 2)

    def _tell(self, *paragraphs: str) -> None:
        for paragraph in paragraphs:
            self._say(textwrap.fill(paragraph, 76, initial_indent="     ", subsequent_indent="     "))

    def _list(self, *places: tuple[Path, str]) -> None:
        width = max(len(_shown(path)) for path, _ in places)
        for path, what in places:
            self._say(f"  {_shown(path).ljust(width)}  {what}")


def verdict(model: float, zlib: float) -> str:
    share = abs(1 - model / zlib)
    if model < zlib:
        return f"The model beats zlib by {share:.1%}."
    return f"The model does not beat zlib: it needs {share:.1%} more. More --minutes would help."


def quoted(label: str, text: str) -> str:
    """The first lines of `text` beside its label, safe for a terminal and cut to its width."""
    lines = text.rstrip().expandtabs(4).splitlines()[:MAX_SAMPLE_LINES] or [""]
    printable = ("".join(char if char.isprintable() else "·" for char in line) for line in lines)
    shown = [line if len(line) <= 68 else line[:67] + "…" for line in printable]
    return f"     {label:<6} " + ("\n" + " " * 12).join(shown)


def _shown(path: Path) -> str:
    """As the user would type it: relative to the working directory where that is shorter."""
    absolute = path.absolute()
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
