"""The quickstart from its first line to its last, on a part of the corpus and with a tiny model."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from brahma.core.config import load_config
from brahma.core.runs import Run
from brahma.train.quickstart import tour
from brahma.train.quickstart.baseline import zlib_bits_per_byte
from brahma.train.quickstart.corpus import Corpus, build_corpus
from brahma.train.quickstart.recipe import DEFAULT, Recipe, Stage
from brahma.train.quickstart.summary import Summary

TINY = Recipe(
    vocab_size=400,
    seq_length=256,
    model={
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "tie_word_embeddings": True,
    },
    pretraining=Stage(lr=1e-2, batch_size=4, warmup_steps=2, logging_steps=1),
    tuning=Stage(lr=1e-3, batch_size=4, warmup_steps=2, logging_steps=1),
    tuning_share=0.4,
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    full = build_corpus()
    return Corpus(full.modules[:8], full.held_out_modules[:2], full.pairs[:40], full.held_out_pairs[:6])


@pytest.fixture(scope="module")
def outcome(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, list[str], Path]:
    output_dir = tmp_path_factory.mktemp("quickstart")
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tour, "build_corpus", lambda: corpus)
        summary = tour.run_tour(minutes=0.02, output_dir=output_dir, seed=1, say=lines.append, recipe=TINY)
    return summary, lines, output_dir


def test_both_trainings_finish_and_are_measured(outcome: tuple[Summary, list[str], Path]) -> None:
    # How much is learned in so short a time depends on the machine's load, so nothing is said of it here.
    summary, _, output_dir = outcome
    for name in (summary.base_run, summary.tuned_run):
        run = Run(output_dir / "runs" / name)
        assert run.status == "finished"
        assert [row for row in run.metrics() if "train/loss" in row]
    for results in (summary.text, summary.pairs_before, summary.pairs_after):
        assert 0 < results["loss"] < 2 * math.log(TINY.vocab_size)
        assert results["perplexity"] == pytest.approx(math.exp(results["loss"]))


def test_the_summary_holds_every_figure(outcome: tuple[Summary, list[str], Path], corpus: Corpus) -> None:
    summary, _, output_dir = outcome
    saved = json.loads((output_dir / "quickstart.json").read_text(encoding="utf-8"))
    assert saved["text"]["bits_per_byte"] == summary.text["bits_per_byte"]
    assert saved["zlib_bits_per_byte"] == zlib_bits_per_byte(m.text for m in corpus.held_out_modules)
    assert saved["beats_zlib"] is (saved["text"]["bits_per_byte"] < saved["zlib_bits_per_byte"])
    assert saved["text"]["bytes"] == sum(module.num_bytes for module in corpus.held_out_modules)
    assert saved["text"]["documents"] == saved["held_out_modules"] == len(corpus.held_out_modules)
    assert saved["pairs_after"]["documents"] == len(corpus.held_out_pairs)
    assert saved["recipe"]["vocab_size"] == TINY.vocab_size
    assert len(saved["samples"]) == 3
    assert all(seconds >= 0 for seconds in saved["seconds"].values())


def test_the_report_fits_a_terminal_and_says_what_comes_next(
    outcome: tuple[Summary, list[str], Path],
) -> None:
    summary, lines, output_dir = outcome
    report = "\n".join(lines)
    here = str(output_dir)
    assert all(len(line) <= 80 for line in report.splitlines() if here not in line)
    assert f"{summary.zlib_bits_per_byte:.3f} for the same text" in report
    assert ("beats zlib" in report) is summary.beats_zlib
    assert ("does not beat zlib" in report) is not summary.beats_zlib
    for command in ("brahma generate", "brahma runs show", "brahma train --config"):
        assert f"  {command}" in lines[-3] + lines[-2] + lines[-1]


def test_the_curve_is_a_picture(outcome: tuple[Summary, list[str], Path]) -> None:
    picture = (outcome[2] / "quickstart.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n")
    assert len(picture) > 10_000


def test_the_example_configuration_is_valid(outcome: tuple[Summary, list[str], Path]) -> None:
    output_dir = outcome[2]
    config = load_config(output_dir / "quickstart-config.json").config
    assert isinstance(config.data.train, str)
    assert Path(config.data.train).is_file()
    assert config.tokenizer is not None
    assert config.tokenizer.path is not None
    assert Path(config.tokenizer.path).is_dir()
    assert Path(config.output_dir) == output_dir
    assert config.model.vocab_size == TINY.vocab_size


def test_a_second_quickstart_takes_the_next_number(outcome: tuple[Summary, list[str], Path]) -> None:
    from brahma.train.quickstart.stages import free_run_name

    summary, _, output_dir = outcome
    assert summary.base_run == "quickstart-1"
    assert summary.tuned_run == "quickstart-1-tuned"
    assert free_run_name(output_dir) == "quickstart-2"


def test_an_unbeaten_zlib_is_said_plainly() -> None:
    assert tour.verdict(1.9, 2.0) == "The model beats zlib by 5.0%."
    assert tour.verdict(2.1, 2.0).startswith("The model does not beat zlib: it needs 5.0% more.")


def test_samples_are_safe_for_a_terminal() -> None:
    shown = tour.quoted("wrote", "\x1b[31mred\x07\n" + "x" * 200)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_the_recipe_is_a_model_of_a_few_million_parameters() -> None:
    from brahma.core.spec import ModelSpec

    assert 2e6 < ModelSpec.from_config(DEFAULT.model_config()).num_parameters < 30e6
