"""`brahma merge`: an adapter becomes a plain model; what cannot be merged is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brahma.core.console import run_command
from brahma.evaluation import Evaluator, Generator, MergeReport, merge_adapter
from brahma.evaluation.commands.merge import merge as command
from tests.evaluation.conftest import TEXTS


@pytest.fixture(scope="module")
def adapter(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter as plain peft saves it: without a tokenizer, and without a record of ours."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapters") / "adapter"
    torch.manual_seed(2)
    config = LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    model: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(model_folder), config)
    model.save_pretrained(folder)
    return folder


def run(*arguments: object) -> int:
    return run_command(command, program="brahma merge", args=[str(each) for each in arguments])


def test_stdout_holds_the_path_and_stderr_the_difference(
    adapter: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(adapter, "--output", tmp_path / "merged") == 0
    output, errors = capsys.readouterr()
    assert output == f"{tmp_path / 'merged'}\n"
    assert f"base: {model_folder}\n" in errors
    assert "merged in float32: over " in errors
    assert "rounding explains" in errors
    before, after, bare = (
        Evaluator(each, device="cpu").evaluate_custom(TEXTS)["loss"]
        for each in (adapter, tmp_path / "merged", model_folder)
    )
    assert after == pytest.approx(before, rel=1e-5)
    assert abs(bare - before) > 0.01
    options: dict[str, Any] = {"max_new_tokens": 8, "temperature": 0}
    texts = [
        Generator(each, device="cpu").generate("The", **options) for each in (adapter, tmp_path / "merged")
    ]
    assert texts[0] == texts[1]


def test_an_adapter_that_rounding_swallows_is_told() -> None:
    facts: dict[str, Any] = {
        "path": Path("merged"), "base_model": "base", "dtype": "bfloat16", "quantized": True, "tokens": 9,
        "difference": 0.01, "precision_error": 0.02, "loss_before": 2.0, "loss_after": 2.00001,
    }  # fmt: skip
    weak, strong = (str(MergeReport(adapter_effect=effect, **facts)) for effect in (0.019, 0.5))
    assert "does less than rounding in bfloat16" in weak
    assert "--dtype float32" in weak
    assert "does less" not in strong
    assert "base, dequantized first" in strong
    assert "loss before 2.00000, after 2.00001" in strong


def test_what_is_there_is_not_written_over(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(adapter, "--output", tmp_path) == 2
    assert "the output exists already" in capsys.readouterr().err


@pytest.mark.usefixtures("no_hub")
def test_a_whole_model_and_nothing_at_all_are_named(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model_folder, "--output", tmp_path / "merged") == 2
    assert "this is a whole model: there is no adapter to merge" in capsys.readouterr().err
    assert run(tmp_path / "nothing", "--output", tmp_path / "merged") == 2
    assert "no such model" in capsys.readouterr().err
    assert run("owner/adapter", "--output", tmp_path / "merged") == 2
    assert "no run and no folder here is called so" in capsys.readouterr().err
    assert not (tmp_path / "merged").exists()


def test_a_moved_base_is_named_on_the_command_line(adapter: Path, model_folder: Path, tmp_path: Path) -> None:
    import json
    import shutil

    own = Path(shutil.copytree(adapter, tmp_path / "adapter"))
    config = json.loads((own / "adapter_config.json").read_text())
    (own / "adapter_config.json").write_text(
        json.dumps(config | {"base_model_name_or_path": str(tmp_path / "gone")})
    )
    report = merge_adapter(own, tmp_path / "merged", base=model_folder, dtype="bfloat16")
    assert report.base_model == str(model_folder)
    assert report.dtype == "bfloat16"
    assert report.difference < 4 * report.precision_error < report.adapter_effect
