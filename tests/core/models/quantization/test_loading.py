"""A model loaded quantized is the model that is loaded plainly and then quantized, in far less memory."""

from __future__ import annotations

import copy
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from brahma.core.config.sections import LoraSection
from brahma.core.errors import ModelError, PluginError
from brahma.core.models import load_model
from brahma.core.models.adapters import attach
from brahma.core.models.quantization import (
    dequantize_model,
    dequantized,
    is_quantized,
    load_quantized,
    quantize_model,
    quantized,
    quantized_layers,
    quantizer_of,
)
from tests.core.models.architectures import TRAINED
from tests.core.models.architectures import saved as saved_kind
from tests.core.models.quantization.toys import apart, chosen, logits, saved
from tests.plugin_factory import install_distribution, install_documented, plugin_site

DOWN = "model.layers.0.mlp.down_proj"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return saved(tmp_path / "model")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "site").mkdir()
    with plugin_site(tmp_path / "site", monkeypatch) as place:
        yield place


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("quantizer", "keys"),
    [("hqq", {"group_size": 64}), ("hqq", {"bits": 8}), ("bitsandbytes", {"group_size": 64})],
    ids=str,
)
def test_the_logits_are_those_of_the_model_quantized_in_memory(
    folder: Path, dtype: torch.dtype, quantizer: str, keys: dict[str, Any]
) -> None:
    asked = chosen(quantizer, **keys)
    model, report = load_quantized(folder, asked, dtype=dtype)
    plain = load_model(folder, dtype=dtype)
    exact = logits(plain)
    assert quantize_model(plain, asked, dtype) == report
    assert torch.equal(logits(model), logits(plain))
    assert 0 < apart(logits(model), exact) < (0.05 if asked.format.bits == 8 else 0.6)
    assert {p.dtype for p in model.parameters() if p.is_floating_point()} == {dtype}
    assert model.config.dtype == dtype
    assert not model.training


KINDS = [name for name, kind in TRAINED.items() if kind.quantized]
RENAMED = ("gpt_neox", "mixtral", "qwen2_moe", "qwen3_moe", "deepseek_v3")
"""What transformers stores under other names than it computes with: merged experts, another head."""


@pytest.mark.parametrize("model_type", KINDS)
def test_all_but_the_quantized_layers_is_as_it_is_loaded_plainly(
    tmp_path: Path, model_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With eight bits, so that buffers that are not in the files would show in the logits."""
    folder = saved_kind(tmp_path, model_type)
    asked = chosen(bits=8)
    with caplog.at_level(logging.INFO):
        model, _ = load_quantized(folder, asked, dtype=torch.bfloat16)
    plain = load_model(folder, dtype=torch.bfloat16)
    ours, theirs = dict(model.named_buffers()), dict(plain.named_buffers())
    for name, buffer in theirs.items():
        assert torch.equal(ours[name], buffer), name
        assert ours[name].dtype == buffer.dtype, name
    quantize_model(plain, asked, torch.bfloat16)
    assert torch.equal(logits(model), logits(plain))
    whole = [record for record in caplog.records if "loaded whole" in record.getMessage()]
    assert bool(whole) == (model_type in RENAMED)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_tied_weights_are_one_tensor(tmp_path: Path, dtype: torch.dtype) -> None:
    model, _ = load_quantized(saved(tmp_path, tie_word_embeddings=True), chosen(group_size=64), dtype=dtype)
    head = model.get_output_embeddings()
    assert isinstance(head, nn.Linear)
    assert head.weight is model.get_input_embeddings().weight
    assert head.weight.dtype == dtype
    assert not head.weight.is_meta


def test_the_padding_row_is_no_exception(tmp_path: Path) -> None:
    model, _ = load_quantized(saved(tmp_path, pad_token_id=0), chosen(group_size=64), dtype=torch.float32)
    embedding = model.get_input_embeddings()
    assert isinstance(embedding, nn.Embedding)
    assert embedding.padding_idx is None


def test_nothing_is_left_without_values_and_the_generators_are_not_touched(folder: Path) -> None:
    torch.manual_seed(5)
    drawn = torch.rand(3)
    torch.manual_seed(5)
    model, _ = load_quantized(folder, chosen("bitsandbytes", group_size=64), dtype=torch.float32)
    assert torch.equal(torch.rand(3), drawn)
    assert not any(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])


def test_shards_are_read_like_one_file(tmp_path: Path, folder: Path) -> None:
    shards = saved(tmp_path / "shards", shards="200KB")
    assert len(list(shards.glob("*.safetensors"))) > 3
    asked = chosen(group_size=64)
    one, many = (load_quantized(each, asked, dtype=torch.float32)[0] for each in (folder, shards))
    assert torch.equal(logits(one), logits(many))


def test_generation_settings_come_with_it(folder: Path) -> None:
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_new_tokens": 7}))
    model, _ = load_quantized(folder, chosen(group_size=64), dtype=torch.float32)
    assert model.generation_config is not None
    assert model.generation_config.max_new_tokens == 7


def test_gradients_pass_through_the_layers_and_reach_none_of_their_weights(folder: Path) -> None:
    for quantizer in ("hqq", "bitsandbytes"):
        model, _ = load_quantized(folder, chosen(quantizer, group_size=64), dtype=torch.float32)
        model.requires_grad_(False)
        embedding = model.get_input_embeddings().weight
        assert isinstance(embedding, torch.Tensor)
        embedding.requires_grad_()
        loss = model(input_ids=torch.tensor([[3, 4, 5]]), use_cache=False).logits.square().mean()
        torch.autograd.backward(loss)
        assert embedding.grad is not None
        assert embedding.grad.any()
        assert all(p.grad is None for _, layer in quantized_layers(model) for p in layer.parameters())


def test_a_quantized_layer_knows_its_quantizer_and_a_copy_does_too(folder: Path) -> None:
    model, _ = load_quantized(folder, chosen(group_size=64), dtype=torch.float32)
    layer = model.get_submodule(DOWN)
    assert is_quantized(layer)
    mark = quantized(copy.deepcopy(layer))
    assert mark is not None
    assert (mark.group_size, mark.in_features, mark.out_features) == (64, 192, 128)
    assert quantizer_of(model) is not None
    assert quantizer_of(load_model(folder)) is None
    assert not is_quantized(nn.Linear(2, 2))


@pytest.mark.parametrize("quantizer", ["hqq", "bitsandbytes"])
def test_a_dequantized_model_computes_the_same_with_plain_layers(folder: Path, quantizer: str) -> None:
    model, _ = load_quantized(folder, chosen(quantizer, group_size=64), dtype=torch.float32)
    before = logits(model)
    dequantize_model(model)
    assert type(model.get_submodule(DOWN)) is nn.Linear
    assert not any(quantized_layers(model))
    assert apart(logits(model), before) < 1e-5


def test_layers_inside_adapters_are_dequantized_as_well(folder: Path) -> None:
    model, _ = load_quantized(folder, chosen(group_size=64), dtype=torch.float32)
    layer = model.get_submodule(DOWN)
    around = nn.Module()
    around.base_layer = layer
    model.set_submodule(DOWN, around)
    dequantize_model(model)
    assert type(model.get_submodule(f"{DOWN}.base_layer")) is nn.Linear


def test_a_dequantized_layer_has_the_very_bias(folder: Path) -> None:
    model = load_model(saved(folder / "biased", mlp_bias=True), dtype=torch.float32)
    quantize_model(model, chosen(group_size=64), torch.float32)
    layer: Any = model.get_submodule(DOWN)
    assert dequantized(layer).bias is layer.bias
    assert not layer.bias.requires_grad


def refused(path: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_quantized(path, chosen(group_size=64), dtype=torch.float32)
    assert caught.value.hint
    return caught.value


def test_a_model_that_is_quantized_already_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))
    error = refused(folder)
    assert "quantized already (by gptq" in error.message
    assert error.where == str(folder)
    assert "in full precision" in str(error.hint)


def test_a_model_is_not_quantized_twice(folder: Path) -> None:
    model, _ = load_quantized(folder, chosen(group_size=64), dtype=torch.float32)
    with pytest.raises(ModelError, match="quantized already"):
        quantize_model(model, chosen(group_size=64), torch.float32)


def test_no_folder(tmp_path: Path) -> None:
    assert "no such model" in refused(tmp_path / "none").message


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "no safetensors" in refused(folder).message


def test_weights_cut_short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "damaged" in refused(folder).message


def test_weights_that_are_missing_are_not_made_up(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    del tensors[f"{DOWN}.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    assert f"{DOWN}.weight" in refused(folder).message


def test_weights_of_another_shape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 64}))
    assert "mismatched" in str(refused(folder).why)


def test_weights_under_other_names_are_loaded_whole_first(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As a file of the model without its head has them; transformers finds them by itself."""
    asked = chosen(group_size=64)
    expected = logits(load_quantized(folder, asked, dtype=torch.float32)[0])
    path = folder / "model.safetensors"
    tensors = {name.removeprefix("model."): value for name, value in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    with caplog.at_level(logging.INFO):
        model, _ = load_quantized(folder, asked, dtype=torch.float32)
    assert "the model is loaded whole and then quantized" in caplog.text
    assert torch.equal(logits(model), expected)


@pytest.mark.slow
def test_never_more_than_the_largest_shard_is_held_above_the_finished_model(tmp_path: Path) -> None:
    sizes = {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 4, "head_dim": 64}
    shards = saved(tmp_path / "large", shards="60MB", num_attention_heads=16, vocab_size=4096, **sizes)
    files = [file.stat().st_size for file in shards.glob("*.safetensors")]
    assert len(files) >= 3
    assert sum(files) > 150e6
    command = [sys.executable, "-m", "tests.core.models.quantization.peak", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    above, layers = map(int, done.stdout.split())
    assert layers == 4 * 7
    assert above <= 1.2 * max(files), f"{above / 1e6:.0f} MB above the finished model"


def test_a_strangers_quantizer_works_the_same_way(site: Path, folder: Path) -> None:
    install_documented(site, "quantizer")
    asked = chosen("rounding", bits=8, group_size=64)
    model, report = load_quantized(folder, asked, dtype=torch.float32)
    plain = load_model(folder, dtype=torch.float32)
    exact = logits(plain)
    quantize_model(plain, asked, torch.float32)
    assert set(report.group_sizes.values()) == {64}
    assert torch.equal(logits(model), logits(plain))
    assert apart(logits(model), exact) < 0.05
    dequantize_model(model)
    assert apart(logits(model), logits(plain)) < 1e-5


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise RuntimeError('no kernel')", "quantizer 'bad' of brahma-bad 1.0 failed at model.layers.0"),
        ("return torch.nn.Identity()", "its layer's in_features is not 128"),
        ("return torch.nn.Linear(128, linear.out_features)", "its layer's bias is not the linear layer's"),
    ],
)
def test_a_strangers_mistakes_are_named(site: Path, folder: Path, body: str, message: str) -> None:
    plugin = f"""
        import torch
        from brahma.core.entries import QuantizedFormat, QuantizerEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_quantizers():
            form = QuantizedFormat(type="odd", bits=4, group_sizes=(64,))
            yield QuantizerEntry(name="bad", target="bad:Bad", formats=(form,))

        class Bad:
            def __init__(self, settings, options):
                pass

            def quantize(self, linear, group_size):
                {body}
        """
    install_distribution(site, "brahma-bad", files={"bad.py": plugin}, entry_points={"bad": "bad"})
    with pytest.raises(PluginError) as caught:
        load_quantized(folder, chosen("bad"), dtype=torch.float32)
    assert message in caught.value.message
    assert "brahma-bad" in str(caught.value.hint)


@pytest.mark.parametrize("quantizer", ["hqq", "rounding"])
def test_adapters_come_on_layers_that_peft_does_not_know(site: Path, folder: Path, quantizer: str) -> None:
    install_documented(site, "quantizer")
    model, _ = load_quantized(folder, chosen(quantizer, bits=8, group_size=64), dtype=torch.bfloat16)
    before = logits(model)
    attach(model, LoraSection(r=4), base_model=str(folder), seed=0)
    trained = [p for p in model.parameters() if p.requires_grad]
    assert len(trained) == 2 * 2 * 7
    assert {p.dtype for p in trained} == {torch.bfloat16}
    assert torch.equal(logits(model), before)  # B is zero
