"""Architectures of transformers: each is trained on packs exactly as on documents alone, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from brahma.core.config.sections import LoraSection
from brahma.core.errors import ModelError
from brahma.core.models import Inputs, attention, check_packable, load_model, packed_loss
from brahma.core.models.adapters import attach
from brahma.core.models.adapters.targets import target_names
from brahma.core.models.heads import head_of
from tests.core.models.architectures import REFUSED, SIZES, TRAINED, WINDOW, saved
from tests.core.models.tiny import documents, gradients, packed_logits

LENGTHS = [9, 40, 1, 21]  # two go beyond the window
assert max(LENGTHS) > 2 * WINDOW

every = pytest.mark.parametrize("model_type", TRAINED)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Model type -> its folder, written when it is first asked for."""
    root = tmp_path_factory.mktemp("architectures")

    def folder(model_type: str) -> Path:
        place: Path = root / model_type
        return place if place.exists() else saved(place, model_type)

    return folder


def batch(*, masked: float = 0.0) -> Inputs:
    """Without the padding token, whose row is zero in a new model: its gradient would outweigh all others."""
    inputs = documents(LENGTHS, masked=masked)
    return inputs._replace(input_ids=inputs.input_ids.clamp_min(3))


def loaded(folder: Path) -> PreTrainedModel:
    model = load_model(folder, dtype=torch.float32)
    model.train(False)
    return model


def alone(folder: Path) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits [N, V] of each document by itself, and gradients, by the model's own eager attention."""
    inputs = batch()
    plain = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    parts = inputs.input_ids.split(LENGTHS, dim=1)
    logits = torch.cat([plain(input_ids=part, use_cache=False).logits[0].float() for part in parts])
    loss = F.cross_entropy(logits, inputs.labels, reduction="sum")
    return logits.detach(), gradients(plain, loss)


@every
def test_packed_documents_have_the_logits_and_gradients_that_each_has_alone(
    folders: Any, model_type: str
) -> None:
    folder, inputs = folders(model_type), batch()
    model = loaded(folder)
    check_packable(model, longest=max(LENGTHS))
    logits, expected = alone(folder)
    with torch.no_grad():
        difference = (packed_logits(model, inputs) - logits).abs().max()
    assert difference <= 1e-4 * max(1.0, float(logits.abs().max()))
    loss, total = packed_loss(model, inputs)
    torch.testing.assert_close(
        total, F.cross_entropy(logits, inputs.labels, reduction="sum"), rtol=1e-5, atol=0
    )
    found = gradients(model, loss)
    assert found.keys() == expected.keys()
    floor = 1e-3 * max(float(gradient.norm()) for gradient in expected.values())
    for name, gradient in expected.items():  # some are zero but for rounding, such as those of keys' biases
        assert (found[name] - gradient).norm() <= 1e-4 * (gradient.norm() + floor), name
    assert (head_of(model) is not None) is TRAINED[model_type].chunked


def step_down(model: PreTrainedModel) -> tuple[float, float]:
    """The loss of a batch before and after one short step along its gradient."""
    inputs = batch(masked=0.3)
    loss, before = packed_loss(model, inputs, scale=1e-2)
    steps = gradients(model, loss)
    size = sum(float(step.square().sum()) for step in steps.values()) ** 0.5
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in steps:
                parameter.sub_(steps[name], alpha=0.02 / size)
    return float(before), float(packed_loss(model, inputs)[1])


@every
def test_a_step_of_all_weights_lowers_the_loss(folders: Any, model_type: str) -> None:
    before, after = step_down(loaded(folders(model_type)))
    assert after < before


@every
def test_a_step_of_adapters_lowers_the_loss_and_merged_they_compute_the_same(
    folders: Any, model_type: str
) -> None:
    model, inputs = loaded(folders(model_type)), batch()
    adapter = attach(model, LoraSection(r=4), base_model="base", seed=1)
    before, after = step_down(model)
    assert after < before
    torch.manual_seed(2)
    with torch.no_grad():
        for tensor in adapter.tensors().values():
            tensor.add_(torch.randn_like(tensor), alpha=0.1)
        unmerged = packed_logits(model, inputs)
        merged = packed_logits(adapter.peft.merge_and_unload(), inputs)
    assert (unmerged - merged).abs().max() <= 1e-4 * unmerged.abs().max()


@every
def test_layers_are_found_by_their_place(folders: Any, model_type: str) -> None:
    expected, model = TRAINED[model_type], loaded(folders(model_type))
    assert tuple(target_names(model, "attention")) == expected.attention
    if expected.mlp:
        assert tuple(target_names(model, ["mlp"])) == expected.mlp
    else:
        with pytest.raises(ModelError, match="no linear layer called 'mlp'"):
            target_names(model, "mlp")
    words = [word for word in ("attention", "mlp") if getattr(expected, word)]
    section = LoraSection(r=4, target_modules=words)
    by_words = attach(model, section, base_model="base", seed=1).names
    everywhere = loaded(folders(model_type))
    assert by_words.keys() == attach(everywhere, LoraSection(r=4), base_model="base", seed=1).names.keys()


@pytest.mark.parametrize("model_type", REFUSED)
def test_what_cannot_be_packed_is_refused_with_its_reason(tmp_path: Path, model_type: str) -> None:
    _, changes, reason = REFUSED[model_type]
    folder = saved(tmp_path, model_type, changes)
    with pytest.raises(ModelError) as caught:
        check_packable(load_model(folder), longest=64)
    assert reason in str(caught.value.why)
    assert caught.value.hint


@pytest.mark.parametrize("model_type", ["mixtral", "qwen3_moe"])
def test_a_router_with_a_loss_of_its_own_is_refused(tmp_path: Path, model_type: str) -> None:
    folder = saved(tmp_path, model_type, {"output_router_logits": True})
    with pytest.raises(ModelError, match="auxiliary router loss") as caught:
        check_packable(load_model(folder), longest=64)
    assert "output_router_logits" in str(caught.value.hint)


def test_another_attention_is_refused(folders: Any) -> None:
    with pytest.raises(ModelError, match="was loaded with another attention"):
        check_packable(load_model(folders("qwen3"), attention="sdpa"))


def test_the_check_leaves_the_model_as_it_was(folders: Any) -> None:
    model = load_model(folders("mistral"))
    model.train()
    model.model.layers[1].eval()
    before = model.config.to_dict()
    check_packable(model)
    assert model.training
    assert not model.model.layers[1].training
    assert model.config.to_dict() == before
    assert model.config._attn_implementation == "brahma_packed"
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(
    "model_type", ["mistral", "ministral", "qwen2", "gemma2", "gemma3_text", "phi3", "starcoder2", "cohere2"]
)
def test_a_window_that_packed_attention_overlooks_is_noticed_when_documents_reach_it(
    monkeypatch: pytest.MonkeyPatch, folders: Any, model_type: str
) -> None:
    """However long it is: the check's own documents are short."""
    model = load_model(folders(model_type))
    window = model.config.sliding_window
    monkeypatch.setattr(attention.Rule, "first_key", lambda rule, query: 0)
    monkeypatch.setattr(attention.Rule, "hides", lambda rule, keys: False)
    check_packable(model, longest=window)
    with pytest.raises(ModelError, match="gives other logits"):
        check_packable(model, longest=window + 1)


def test_positions_that_change_with_the_longest_document_are_refused(tmp_path: Path) -> None:
    rope = {
        "rope_type": "longrope",
        "rope_theta": 10_000.0,
        "short_factor": [1.0] * 8,
        "long_factor": [2.0] * 8,
        "original_max_position_embeddings": 32,
    }
    changes = {"rope_parameters": rope, "original_max_position_embeddings": 32}
    model = load_model(saved(tmp_path, "phi3", changes))
    check_packable(model, longest=32)
    with pytest.raises(ModelError, match="when a long one is beside them") as caught:
        check_packable(model, longest=33)
    assert caught.value.hint == "set data_config.seq_length to at most 32"


def test_queries_scaled_by_their_slot_in_the_batch_are_refused(tmp_path: Path) -> None:
    """Llama 4's layers without positions count slots, 8,192 of them: a longer pack would be another model."""
    changes = {"no_rope_layers": [0, 1], "attn_temperature_tuning": True, "floor_scale": 8192}
    with pytest.raises(ModelError, match="gives other logits"):
        check_packable(load_model(saved(tmp_path, "llama4_text", changes)), longest=64)


def test_chunks_that_no_document_exceeds_are_accepted(tmp_path: Path) -> None:
    model = load_model(saved(tmp_path, "llama4_text", {"attention_chunk_size": 32}))
    check_packable(model, longest=32)


REFUSED_NAMES = {
    ("gpt2", "q_proj"): 'layers of that kind are c_attn, c_proj here; "attention" takes them all',
    ("gpt2", "down_proj"): 'layers of that kind are c_fc, c_proj here; "mlp" takes them all',
    ("gpt_neox", "o_proj"): 'layers of that kind are dense, query_key_value here; "attention" takes them all',
    ("llama", "c_attn"): "layers of that kind are k_proj, o_proj, q_proj, v_proj here; "
    '"attention" takes them all',
    ("llama", "q_porj"): 'did you mean "q_proj"?',
    ("llama", "atention"): 'did you mean "attention"?',
    ("mixtral", "experts"): "there are: all-linear, attention, k_proj, mlp, o_proj, q_proj, v_proj",
}


@pytest.mark.parametrize(("model_type", "name"), REFUSED_NAMES)
def test_a_name_of_another_architecture_is_refused_with_what_this_one_calls_it(
    folders: Any, model_type: str, name: str
) -> None:
    with pytest.raises(ModelError, match=f"has no linear layer called '{name}'") as caught:
        target_names(loaded(folders(model_type)), ["attention", name])
    assert caught.value.hint == REFUSED_NAMES[model_type, name]


def test_a_name_that_other_modules_have_too_means_the_linear_layers_alone(tmp_path: Path) -> None:
    """Two routers called `gate`: one is a linear layer, the other a module that can have no adapter."""
    model = loaded(saved(tmp_path, "mixtral", {"num_hidden_layers": 2}))
    model.model.layers[0].mlp.gate = torch.nn.Linear(64, 4)
    assert target_names(model, ["gate"]) == ["0.mlp.gate"]


def test_gpt2s_transposed_layers_are_stored_as_such(
    folders: Any, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    from peft import PeftModel
    from safetensors.torch import save_file

    model, inputs = loaded(folders("gpt2")), batch()
    adapter = attach(model, LoraSection(r=4, target_modules="attention"), base_model="base", seed=1)
    with torch.no_grad():
        for tensor in adapter.tensors().values():
            tensor.add_(0.05)
        expected = packed_logits(model, inputs)
    adapter.write_config(tmp_path)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["fan_in_fan_out"] is True
    save_file(
        {k: v.contiguous() for k, v in adapter.tensors().items()}, tmp_path / "adapter_model.safetensors"
    )
    plain = PeftModel.from_pretrained(load_model(folders("gpt2"), dtype=torch.float32), str(tmp_path)).eval()
    with torch.no_grad():
        torch.testing.assert_close(packed_logits(plain, inputs), expected)  # type: ignore[arg-type]
    assert not [str(each.message) for each in recwarn if "fan_in_fan_out" in str(each.message)]


def test_of_a_model_that_sees_the_part_for_text_is_tuned(tmp_path: Path) -> None:
    from transformers import Gemma3Config, Gemma3TextConfig

    known = {*Gemma3TextConfig.__dataclass_fields__, *Gemma3TextConfig.attribute_map}
    text = {key: value for key, value in SIZES.items() if key in known}
    text |= dict(TRAINED["gemma3_text"].changes)
    vision = {"num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    torch.manual_seed(0)
    config = Gemma3Config(
        text_config=text,
        vision_config=vision | {"hidden_size": 32, "intermediate_size": 32},
        mm_tokens_per_image=4,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    model = loaded(tmp_path)
    check_packable(model, longest=max(LENGTHS))
    assert head_of(model) is not None
    adapter = attach(model, LoraSection(r=4), base_model="base", seed=1)
    assert len(adapter.names) == 2 * 2 * 7  # two matrices for each of seven layers in two blocks
    assert all("language_model" in name for name in adapter.names.values())
    model.train()
    before, after = step_down(model)
    assert after < before
