"""Out of memory: refused or warned of before, explained after, with the settings that would fit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from brahma.core.config import Config, resolve_config
from brahma.core.errors import TrainingError
from brahma.core.runs import Run
from brahma.core.spec import ModelSpec
from brahma.train import memory
from brahma.train.estimate import Job, estimate, job_of, shape_of
from brahma.train.memory import out_of_memory, refuse_too_large, tight_memory
from brahma.train.remedies import remedies
from brahma.train.room import Room, find_room
from tests.train.small_run import write_rows

MODEL = {"preset": "micro"}


def config(seq_length: int = 512, **training: Any) -> Config:
    return resolve_config(
        {
            "model_config": MODEL,
            "tokenizer": {"train": {"vocab_size": 8192}},
            "data_config": {"train": "rows.jsonl", "seq_length": seq_length},
            "training_config": training,
        }
    ).config


def job(settings: Config, precision: Any = "float32") -> Job:
    return job_of(settings, shape_of(ModelSpec.preset("micro")), precision=precision, device="cpu")


def explained(settings: Config, precision: str = "float32") -> str:
    with pytest.raises(TrainingError) as caught, out_of_memory(job(settings, precision), settings):
        torch.empty(1 << 60, dtype=torch.uint8)  # the system really refuses this
    return str(caught.value)


def room(patch: pytest.MonkeyPatch, free: float, whole: float | None = None) -> None:
    patch.setattr(memory, "find_room", lambda device: Room(free, whole or free))


def test_the_error_names_this_jobs_numbers() -> None:
    text = explained(config(batch_size=8))
    assert "out of memory with batch_size 8 × seq_length 512 = 4,096 tokens" in text
    assert "29.9M parameters in float32 take 120 MB" in text
    assert "can't allocate memory" in text


def test_each_remedy_has_its_key_its_number_and_whether_it_fits() -> None:
    text = explained(config(batch_size=8, gradient_accumulation_steps=3))
    hint = text.partition("hint:")[2]
    for line in ("batch_size 4, gradient_accumulation_steps 6", "gradient_checkpointing true", "bf16 true"):
        (found,) = [row for row in hint.splitlines() if line in row]
        assert " GB  fits" in found or " MB  fits" in found, found
    assert "lora" not in hint.lower()  # a new model has nothing to adapt
    assert max(map(len, hint.splitlines()[1:])) <= 74


BASE = {"base_model": "someone/some-model"}


def tuning(**sections: Any) -> Config:
    values = {"model_config": BASE, "data_config": {"train": "rows.jsonl", "seq_length": 512}}
    return resolve_config(values | sections).config


def base_job(settings: Config) -> Job:
    return job_of(settings, shape_of(ModelSpec.preset("tiny")), precision="bf16", device="cuda")


@pytest.mark.parametrize(
    ("sections", "offered"),
    [
        ({}, ['"lora_config": {}', '"lora_config": {}, "quantization": {}']),
        ({"lora_config": {"r": 8}}, ['"quantization": {}']),
        ({"lora_config": {}, "quantization": {}}, []),
        ({"training_config": {"freeze": "embeddings"}}, []),
    ],
)
def test_a_base_model_is_told_of_adapters_and_bits_that_it_has_not(
    sections: dict[str, Any], offered: list[str]
) -> None:
    settings = tuning(**sections)
    found = remedies(base_job(settings), settings, 8e9)
    assert [each.setting for each in found if each.setting.startswith('"')] == offered
    assert all(each.needs < estimate(base_job(settings)).total for each in found)


def test_what_a_remedy_writes_is_a_configuration_and_needs_what_it_says() -> None:
    settings = tuning()
    for each in remedies(base_job(settings), settings, 8e9):
        if each.setting.startswith('"'):
            changed = tuning(**json.loads(f"{{{each.setting}}}"))
            assert estimate(base_job(changed)).total == pytest.approx(each.needs)


def test_an_error_under_adapters_says_what_is_trained() -> None:
    settings = tuning(lora_config={"r": 16}, quantization={})
    here = replace(base_job(settings), device="cpu")
    with pytest.raises(TrainingError) as caught, out_of_memory(here, settings):
        raise MemoryError
    text = str(caught.value)
    assert "parameters in 4 bits take" in text
    assert "in adapters are trained: gradients" in text
    assert max(map(len, text.partition("hint:")[2].splitlines()[1:])) <= 74


def test_the_remedies_fit_the_settings() -> None:
    hint = explained(config(batch_size=1, gradient_checkpointing=True, async_save=False), "bf16").partition(
        "hint:"
    )[2]
    for absent in ("batch_size", "gradient_checkpointing", "bf16", "async_save"):
        assert absent not in hint
    assert "data_config.seq_length 256" in hint


def test_what_fits_stands_first_and_needs_less_than_there_is() -> None:
    settings = config(batch_size=64)
    now = job(settings)
    budget = estimate(now).total / 4
    found = remedies(now, settings, budget)
    fits = [each.fits(budget) for each in found]
    assert fits == sorted(fits, reverse=True)
    assert any(fits)
    assert not all(fits)
    assert all(each.needs <= budget for each in found if each.fits(budget))
    (batch,) = [each for each in found if each.setting.startswith("batch_size")]
    assert batch.setting == "batch_size 4, gradient_accumulation_steps 16"
    assert estimate(replace(now, batch_size=8, accumulates=True)).total > 0.9 * budget


def test_a_given_global_batch_needs_no_more_accumulation() -> None:
    settings = config(batch_size=8, global_batch_size=16)
    found = remedies(job(settings), settings, estimate(job(settings)).total)
    assert "batch_size 4" in [each.setting for each in found]


def test_pythons_own_errors_are_explained_too() -> None:
    settings = config()
    for error in (MemoryError(), OSError(12, "Cannot allocate memory")):
        with pytest.raises(TrainingError), out_of_memory(job(settings), settings):
            raise error


def test_other_errors_pass_through() -> None:
    settings = config()
    for error in (RuntimeError("something else"), OSError(28, "No space left on device")):
        with pytest.raises(type(error), match=str(error.args[-1])), out_of_memory(job(settings), settings):
            raise error


def test_what_may_not_fit_is_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(batch_size=32)
    need = estimate(job(settings)).total
    room(monkeypatch, need * 1.01)
    assert tight_memory(job(settings), settings) == []
    room(monkeypatch, need * 0.9)
    (notice,) = tight_memory(job(settings), settings)
    assert "memory may run out" in notice.message
    assert "29.9M parameters" in notice.message
    assert notice.hint.startswith("bf16 true: about")


def test_a_model_that_cannot_fit_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "some words"}\n')
    settings = tmp_path / "huge.json"
    settings.write_text(
        json.dumps(
            {
                "model_config": {"preset": "xxl"},
                "tokenizer": {"train": {"vocab_size": 300}},
                "data_config": {"train": "rows.jsonl"},
                "output_dir": str(tmp_path),
            }
        )
    )
    from brahma.train import Trainer

    with pytest.raises(TrainingError) as caught:
        Trainer.from_config(settings).fit()
    text = str(caught.value)
    assert "too large to train here" in text
    assert "68.5B parameters" in text
    assert "train a smaller model" in text
    assert not (tmp_path / "runs").exists()


def test_a_backend_of_a_plugin_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    room(monkeypatch, 1.0)
    with pytest.raises(TrainingError):
        refuse_too_large(ModelSpec.preset("micro"), config(), "single")
    refuse_too_large(ModelSpec.preset("micro"), config(), "sharded")


def test_the_room_follows_the_limit_of_the_address_space() -> None:
    script = (
        "import resource; from brahma.train.room import find_room\n"
        "resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))\n"
        "print(find_room('cpu').free)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 0 < float(done.stdout) <= 10**9
    assert find_room("cpu").free <= find_room("cpu").whole


CHILD = """
import resource, sys
import psutil
import brahma.train.attempt, brahma.train.loop  # what is imported is not what runs out
from brahma.core.console import run_command
from brahma.train.command import train

space = psutil.Process().memory_info().vms + {more}
resource.setrlimit(resource.RLIMIT_AS, (space, space))
raise SystemExit(run_command(train, program="brahma train"))
"""


def test_a_real_training_that_runs_out_says_what_would_fit_and_keeps_its_state(tmp_path: Path) -> None:
    """The child may take 700 MB on top of its libraries; a step of this batch takes more."""
    write_rows(tmp_path / "rows.jsonl", 400)
    settings = tmp_path / "large.json"
    settings.write_text(
        json.dumps(
            {
                "run_name": "large",
                "output_dir": str(tmp_path),
                "model_config": {"preset": "nano"},
                "tokenizer": {"train": {"vocab_size": 300}},
                "data_config": {"train": "rows.jsonl", "seq_length": 512, "workers": 1},
                "training_config": {"batch_size": 32, "threads": 1, "bf16": True, "trackers": []},
            }
        )
    )
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(more=700 * 10**6), "--config", str(settings)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"},
    )
    assert done.returncode == 2, done.stderr
    assert "error: out of memory with batch_size 32" in done.stderr
    assert "MB  fits" in done.stderr
    assert "warning: this training needs about" in done.stderr
    assert "Traceback" not in done.stderr
    state = Run(tmp_path / "runs" / "large").state
    assert (state.status, state.message.partition(" with")[0]) == ("failed", "out of memory")
    assert "Traceback" in (tmp_path / "logs" / "large.log").read_text()


def test_a_model_far_too_large_is_answered_with_the_largest_preset_that_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room(monkeypatch, 25e9)
    monkeypatch.setitem(MODEL, "preset", "large")
    settings = config(batch_size=4)
    with pytest.raises(TrainingError) as caught:
        refuse_too_large(ModelSpec.preset("large"), settings, "single")
    assert 'train a smaller model, as "preset": "micro" (' in str(caught.value)


def test_all_remedies_together_need_least() -> None:
    settings = config(batch_size=4)
    large = job_of(settings, shape_of(ModelSpec.preset("large")), precision="float32", device="cpu")
    needs = {each.setting: each.needs for each in remedies(large, settings, 25e9)}
    assert min(needs, key=lambda setting: needs[setting]) == "all of these, batch_size 1"
