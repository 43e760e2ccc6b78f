"""Adapters that cannot be used are named, with the cause and what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from brahma.core.errors import ModelError
from brahma.core.models import load_model
from brahma.core.models.adapters.merging import merge
from brahma.core.models.adapters.reading import read_config
from tests.core.models.adapters.adapted import (
    NF4,
    adapted,
    base_model,
    ids,
    largest_difference,
    logits,
    stored,
)
from tests.core.run_folders import write_run


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("base") / "model")


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    return stored(base, tmp_path / "adapter")[0]


def pickled(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


def cut(folder: Path) -> None:
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-40])


def no_weights(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()


def broken_config(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{")


def no_base(folder: Path) -> None:
    (folder / "brahma_adapter.json").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": None}))


def one_layer_less(folder: Path) -> None:
    tensors = load_file(folder / "adapter_model.safetensors")
    del tensors[min(tensors)]
    save_file(tensors, folder / "adapter_model.safetensors")


def changed(name: str, **values: Any) -> Callable[[Path], None]:
    """Other values in one of the adapter's two files of settings."""

    def change(folder: Path) -> None:
        found = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(found | values))

    return change


def record(**values: Any) -> Callable[[Path], None]:
    return changed("brahma_adapter.json", **values)


def not_a_number(folder: Path) -> None:
    tensors = load_file(folder / "adapter_model.safetensors")
    tensors[min(tensors)][0, 0] = float("nan")
    save_file(tensors, folder / "adapter_model.safetensors")


def base_gone(folder: Path) -> None:
    (folder / "brahma_adapter.json").unlink()
    changed("adapter_config.json", base_model_name_or_path="/gone")(folder)


@pytest.mark.parametrize(
    ("damage", "what", "where", "hint"),
    [
        (pickled, "in a pickle file", "adapter_model.bin", "save_pretrained"),
        (cut, "weights are damaged", "adapter_model.safetensors", "copy them again"),
        (no_weights, "has no weights", "adapter_model.safetensors", "name a folder with"),
        (broken_config, "cannot be read", "adapter", "name a folder with"),
        (no_base, "does not say which base", "adapter_config.json", "base_model_name_or_path"),
        (not_a_number, "hold NaN or infinity", "adapter_model.safetensors", "earlier checkpoint"),
        (base_gone, "is not where it was", "adapter", "adapter_config.json"),
        (changed("adapter_config.json", target_modules="(("), "does not fit", "adapter", "base model"),
        (record(dtype="nn"), "record cannot be read", "brahma_adapter.json", "another checkpoint"),
        (record(base_model=5), "record cannot be read", "brahma_adapter.json", "another checkpoint"),
        (record(rows="x"), "record cannot be read", "brahma_adapter.json", "another checkpoint"),
        (record(rows=10**13), "record cannot be read", "brahma_adapter.json", "another checkpoint"),
        (record(quantization={"bits": 3}), "record cannot be read", "brahma_adapter.json", "another"),
        (record(stack=5), "record cannot be read", "brahma_adapter.json", "another checkpoint"),
        (record(unknown=1), "record cannot be read", "brahma_adapter.json", "another checkpoint"),
        (one_layer_less, "not one of this Llama", "adapter_model.safetensors", "base model that it was"),
    ],
)
def test_a_damaged_adapter_is_named(
    damage: Callable[[Path], None], what: str, where: str, hint: str, adapter: Path
) -> None:
    damage(adapter)
    with pytest.raises(ModelError, match=what) as caught:
        load_model(adapter)
    assert Path(str(caught.value.where)).name == where
    assert hint in str(caught.value.hint)


def test_an_adapter_that_is_no_lora_is_named(base: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(base)
    other: Any = get_peft_model(model, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3))
    other.save_pretrained(tmp_path / "prompt")
    with pytest.raises(ModelError, match="no LoRA but PROMPT_TUNING"):
        load_model(tmp_path / "prompt")


def test_the_adapter_of_another_base_is_refused_by_its_hash(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(base, tmp_path / "other"))
    tensors = load_file(other / "model.safetensors")
    tensors["model.norm.weight"][3] += 1e-3
    save_file(tensors, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="belongs to another base model") as caught:
        merge(adapter, base_model=str(other))
    assert str(base) in str(caught.value.why)
    assert str(other) in str(caught.value.why)
    whole = merge(adapter, base_model=str(shutil.copytree(base, tmp_path / "moved")))
    assert whole.base_model == str(tmp_path / "moved")


def test_a_base_of_another_size_is_refused_also_for_other_tools_adapters(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    wide = base_model(tmp_path / "wide", hidden_size=48)
    with pytest.raises(ModelError, match="belongs to another base model"):
        merge(adapter, base_model=str(wide))
    (adapter / "brahma_adapter.json").unlink()
    with pytest.raises(ModelError, match="not one of this LlamaForCausalLM") as caught:
        merge(adapter, base_model=str(wide))
    assert "lora_B.weight is (32, 16), and the model takes (48, 16)" in str(caught.value.why)
    deep = base_model(tmp_path / "deep", num_hidden_layers=3)
    with pytest.raises(ModelError, match="not one of this LlamaForCausalLM") as caught:
        merge(adapter, base_model=str(deep))
    assert "it has no base_model.model.model.layers.2." in str(caught.value.why)
    assert merge(adapter, base_model=str(base)).parity.within


def test_a_base_that_was_moved_can_be_named_anew(base: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(base, tmp_path / "own"))
    folder, adapter = stored(own, tmp_path / "adapter")
    own.rename(tmp_path / "moved")
    with pytest.raises(ModelError, match="not where it was") as caught:
        load_model(folder)
    assert str(own) in str(caught.value.why)
    assert str(folder / "brahma_adapter.json") in str(caught.value.hint)
    assert "--base" in str(caught.value.hint)
    record = json.loads((folder / "brahma_adapter.json").read_text())
    (folder / "brahma_adapter.json").write_text(json.dumps(record | {"base_model": str(tmp_path / "moved")}))
    assert largest_difference(logits(load_model(folder), ids()), logits(adapter.model, ids())) == 0


def test_a_lower_adapter_that_changed_or_went_is_named(base: Path, tmp_path: Path) -> None:
    lower, _ = stored(base, tmp_path / "lower")
    upper, _ = stored(base, tmp_path / "upper", stack=[lower])
    shutil.rmtree(lower)
    with pytest.raises(ModelError, match="not where it was") as caught:
        load_model(upper)
    assert str(lower) in str(caught.value.why)
    stored(base, lower, seed=11)
    with pytest.raises(ModelError, match="adapter below this one has changed") as caught:
        load_model(upper)
    assert str(lower) in str(caught.value.why)


@pytest.mark.parametrize(
    ("below", "above", "what"),
    [
        ({"modules_to_save": ["lm_head"]}, {"modules_to_save": ["lm_head"]}, "modules"),
        ({"bias": "all"}, {"bias": "lora_only"}, "biases"),
        ({"modules_to_save": ["lm_head"]}, {"new_rows": 1}, "embedding, one of them whole"),
    ],
    ids=lambda given: " ".join(given),
)
def test_a_stack_that_replaces_the_same_part_twice_is_refused(
    below: dict[str, Any], above: dict[str, Any], what: str, base: Path, tmp_path: Path
) -> None:
    lower, _ = stored(base, tmp_path / "lower", **below)
    with pytest.raises(ModelError, match=what) as caught:
        stored(base, tmp_path / "upper", stack=[lower], **above)
    assert str(lower) in str(caught.value.where)
    assert "brahma merge" in str(caught.value.hint)


def test_a_stack_that_replaces_the_same_rows_is_refused(base: Path, tmp_path: Path) -> None:
    lower, _ = stored(base, tmp_path / "lower", new_rows=2)
    again, _ = stored(base, tmp_path / "again", new_rows=2)
    record = json.loads((again / "brahma_adapter.json").read_text())
    stack = [{"path": str(lower), "sha256": _sha256(lower)}]
    (again / "brahma_adapter.json").write_text(json.dumps(record | {"stack": stack}))
    with pytest.raises(ModelError, match="rows of the embedding"):
        load_model(again)


def _sha256(folder: Path) -> str:
    from brahma.core.models.weight_files import weights_sha256

    return weights_sha256(folder)


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_new_rows_beside_a_head_that_is_trained_whole(tied: bool, tmp_path: Path) -> None:
    base = base_model(tmp_path / "base", tie_word_embeddings=tied)
    options: dict[str, Any] = {"new_rows": 1, "modules_to_save": ["lm_head"]}
    if tied:
        with pytest.raises(ModelError, match="new tokens stand beside"):
            stored(base, tmp_path / "adapter", **options)
        return
    folder, adapter = stored(base, tmp_path / "adapter", **options)
    tensors = load_file(folder / "adapter_model.safetensors")
    assert {tuple(value.shape) for name, value in tensors.items() if "lora" not in name} == {
        (1, 32),
        (62, 32),
    }
    assert largest_difference(logits(load_model(folder), ids(62)), logits(adapter.model, ids(62))) == 0


def test_a_parameter_that_would_be_trained_and_not_stored_is_refused(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brahma.core.models.adapters import attaching

    names = attaching._stored_names

    def some(*args: Any) -> dict[str, str]:
        return dict(list(names(*args).items())[1:])

    monkeypatch.setattr(attaching, "_stored_names", some)
    with pytest.raises(ModelError, match="trained and not stored"):
        stored(base, tmp_path / "adapter")


def test_the_hash_of_weights_does_not_depend_on_files_but_on_each_bit(base: Path, tmp_path: Path) -> None:
    from brahma.core.models.weight_files import weights_sha256

    model = AutoModelForCausalLM.from_pretrained(base)
    model.save_pretrained(tmp_path / "sharded", max_shard_size="20KB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 1
    assert weights_sha256(tmp_path / "sharded") == weights_sha256(base)
    with torch.no_grad():
        model.model.norm.weight[0] = torch.nextafter(model.model.norm.weight[0], torch.tensor(2.0))
    model.save_pretrained(tmp_path / "other")
    assert weights_sha256(tmp_path / "other") != weights_sha256(base)


def test_a_rank_that_no_layer_has_is_refused(base: Path) -> None:
    with pytest.raises(ModelError, match="100000 is more than the rank of any layer") as caught:
        adapted(base, r=100_000)
    assert "the largest can have 32" in str(caught.value.why)
    adapted(base, r=32)


def test_what_is_quantized_is_not_trained_whole(base: Path) -> None:
    for saved in ("q_proj", "mlp"):
        with pytest.raises(ModelError, match="is quantized and cannot be trained whole") as caught:
            adapted(base, quantization=NF4, modules_to_save=[saved])
        assert caught.value.where == "lora_config.modules_to_save"
    adapted(base, quantization=NF4 | {"skip_modules": ["q_proj"]}, modules_to_save=["q_proj"])


def test_a_new_adapter_that_finds_no_layer_is_not_sent_to_another_base(base: Path) -> None:
    with pytest.raises(ModelError, match="does not fit") as caught:
        adapted(base, modules_to_save=["model"])
    assert "modules_to_save" in str(caught.value.hint)


def test_copies_of_the_base_beside_another_tools_adapter_are_passed_over(base: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(r=2, target_modules=["embed_tokens", "lm_head"], init_lora_weights=False)
    plain: Any = get_peft_model(model, config)
    plain.save_pretrained(tmp_path / "plain", save_embedding_layers=True)
    assert any(".base_layer." in name for name in load_file(tmp_path / "plain/adapter_model.safetensors"))
    plain.eval()
    assert largest_difference(logits(load_model(tmp_path / "plain"), ids()), logits(plain, ids())) < 1e-5


def test_a_run_is_no_adapter_but_its_best_checkpoint_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path, "mine", checkpoints=(10,))
    with pytest.raises(ModelError, match="the adapter cannot be read") as raised:
        read_config(run.directory)
    assert raised.value.hint == f'it is a run; its best adapter is "{run.best}"'
