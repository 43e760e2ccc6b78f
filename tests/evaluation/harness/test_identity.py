"""What responses are kept under changes with everything that makes them, and with nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from brahma.evaluation.harness.identity import identity_of_files


@pytest.fixture(scope="module")
def base(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(model_folder, tmp_path_factory.mktemp("bases") / "base")


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapters") / "adapter"
    torch.manual_seed(2)
    config = LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    model: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def hashes(tmp_path: Path) -> Path:
    return tmp_path / "models.json"


def changed(folder: Path, file: str) -> Path:
    """The same folder with one file of another content, its size as before."""
    path = folder / file
    content = path.read_bytes()
    path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    return folder


def test_settings_tell_models_apart(base: Path, hashes: Path) -> None:
    found = {identity_of_files(base, hashes, dtype=dtype) for dtype in (None, "float32", "bfloat16", None)}
    assert len(found) == 3


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_each_file_tells_models_apart(base: Path, hashes: Path, tmp_path: Path, file: str) -> None:
    copy = shutil.copytree(base, tmp_path / "copy")
    assert identity_of_files(copy, hashes) == identity_of_files(base, hashes)
    assert identity_of_files(changed(copy, file), hashes) != identity_of_files(base, hashes)


def test_files_of_a_training_tell_nothing(base: Path, hashes: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(base, tmp_path / "copy")
    for name in ("manifest.json", "trainer_state.json", "optimizer.safetensors"):
        (copy / name).write_text("{}")
    assert identity_of_files(copy, hashes) == identity_of_files(base, hashes)


def test_an_adapter_is_known_by_its_base_too(adapter: Path, base: Path, hashes: Path, tmp_path: Path) -> None:
    assert identity_of_files(adapter, hashes) != identity_of_files(base, hashes)
    own_base = shutil.copytree(base, tmp_path / "base")
    other = shutil.copytree(adapter, tmp_path / "adapter")
    config = json.loads((other / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(
        json.dumps({**config, "base_model_name_or_path": str(own_base)})
    )
    before = identity_of_files(other, hashes)
    changed(own_base, "model.safetensors")
    assert identity_of_files(other, hashes) != before


def test_a_file_that_was_not_touched_is_not_read_again(base: Path, hashes: Path) -> None:
    first = identity_of_files(base, hashes)
    stamps = json.loads(hashes.read_text())
    for stamp in stamps:
        stamp["content"] = "as remembered"
    hashes.write_text(json.dumps(stamps))
    assert identity_of_files(base, hashes) != first
