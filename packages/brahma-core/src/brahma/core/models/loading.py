"""Models built from a specification, or loaded from a folder or hub id. No pickle is ever loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from brahma.core.error_text import first_line
from brahma.core.errors import ModelError
from brahma.core.hub import reachable_source
from brahma.core.model_files import is_adapter
from brahma.core.models.attention import PACKED, register_packed_attention
from brahma.core.progress import progress
from brahma.core.spec import ModelSpec


def build_model(spec: ModelSpec, *, seed: int, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A model with new weights. The generator is seeded here and restored after, so nothing else shifts them.

    Args:
        spec: its architecture; `spec.base_model` must be None.
        dtype: of the weights. They are drawn in float32 and rounded, so each dtype starts from one model.
            Buffers stay as they are: rotary frequencies in bf16 would be another model than tools load.
    """
    register_packed_attention()
    with progress("building the model"), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = AutoModelForCausalLM.from_config(
            spec.hf_config(), attn_implementation=PACKED, dtype=torch.float32
        )
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
    model.config.dtype = dtype
    return ready(model)


def load_model(
    path: str | Path,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    trust_remote_code: bool = False,
    attention: str = PACKED,
) -> PreTrainedModel:
    """A model from a local folder or a hub id; from an adapter's folder, its base with the adapter on it.

    Args:
        dtype: of the weights; None: as they are stored.
        device: where they go; None: the CPU.
        trust_remote_code: run code that the repository ships.
        attention: `brahma_packed` to train and score, `sdpa` to generate.

    Raises:
        ModelError: there is no such model, it is damaged, or it holds no safetensors.
    """
    from brahma.core.models.adapters.loading import load_adapted

    source = reachable_source(path)
    register_packed_attention()
    if is_adapter(source):
        return load_adapted(
            source, dtype=dtype, device=device, trust_remote_code=trust_remote_code, attention=attention
        ).model
    with loading_errors(path), no_progress_bar(), progress("loading the model"):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=dtype or "auto",
            attn_implementation=attention,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
        )
        model, info = loaded
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            f"{len(missing)} weights are not in the files, {missing[0]} first",
            where=str(path),
            hint="the files belong to another model, or are only a part of one",
        )
    nn.Module.to(model, device)
    return ready(model)


@contextmanager
def loading_errors(path: str | Path) -> Iterator[None]:
    """What transformers and safetensors raise while they load a model, as what a user can act on.

    Raises:
        ModelError: there is no such model, it is damaged, or it cannot run with packed attention.
    """
    try:
        yield
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        raise ModelError(
            "the model cannot be loaded",
            where=str(path),
            why=first_line(error),
            hint="name a folder with config.json and model.safetensors of a causal language model, "
            "or a hub id; weights in pickle files (.bin) are not loaded",
        ) from error
    except KeyError as error:  # some architectures choose their attention from a list of their own
        raise ModelError(
            "the model's attention cannot be exchanged",
            where=str(path),
            why=f"its code knows no attention called {error}",
            hint="choose a model with plain causal attention (Llama, Mistral, Qwen, …)",
        ) from error
    except Exception as error:  # safetensors raises a type of its own for a damaged file
        if type(error).__name__ != "SafetensorError":
            raise
        raise ModelError(
            "the weights are damaged",
            where=str(path),
            why=first_line(error),
            hint="copy or download them again",
        ) from error


def ready(model: PreTrainedModel) -> PreTrainedModel:
    """Each row of the embedding is trained, the padding row too, and tied weights are tied."""
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            module.padding_idx = None  # with one, torch would stop that row's gradient
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    if (
        getattr(model.config, "tie_word_embeddings", False)
        and head is not None
        and head.weight is not embedding.weight
    ):
        model.tie_weights()
        if head.weight is not embedding.weight:
            raise ModelError(
                f"{type(model).__name__} ties its output head otherwise than to its embedding",
                hint="choose another base model",
            )
    return model


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """Loading a local model is no news."""
    was_on = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            transformers_logging.enable_progress_bar()
