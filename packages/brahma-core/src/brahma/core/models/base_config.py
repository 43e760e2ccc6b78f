"""What of a base model's `config.json` decides what it computes, so that a change of it is told.

The weights have a hash of their own (`weight_files`); the same weights under another `rope_theta` are another
model all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from brahma.core.hub import reachable_source
from brahma.core.model_files import MODEL_CONFIG

Values = Mapping[str, Any]

_OTHER_KEYS = """
    _attn_implementation _attn_implementation_internal _commit_hash _name_or_path architectures
    attn_implementation auto_map chunk_size_feed_forward dtype finetuning_task gradient_checkpointing
    id2label label2id output_attentions output_hidden_states problem_type return_dict task_specific_params
    tokenizer_class torch_dtype torchscript transformers_version use_bfloat16 use_cache use_return_dict

    init_std initializer_factor initializer_range

    bos_token_id cls_token_id decoder_start_token_id eos_token_id forced_bos_token_id forced_eos_token_id
    pad_token_id sep_token_id

    bad_words_ids begin_suppress_tokens diversity_penalty do_sample early_stopping
    encoder_no_repeat_ngram_size exponential_decay_length_penalty length_penalty max_length max_new_tokens
    min_length no_repeat_ngram_size num_beam_groups num_beams num_return_sequences output_scores
    remove_invalid_values repetition_penalty return_dict_in_generate suppress_tokens temperature
    tf_legacy_loss top_p typical_p
"""
"""Where it came from and how it is held in memory; how new weights begin; ids; rules of a generation."""

_NOT_COMPUTED = frozenset(_OTHER_KEYS.split())

_IN_TRAINING = re.compile(r"drop")
"""Dropout is nothing to a model that is only run."""

_ROPE = ("rope_parameters", "rope_scaling")
_ABSENT = object()


def computing_values(path: str | Path) -> dict[str, Any] | None:
    """The `config.json` of a model's folder or hub id, without what does not change its results.

    Returns:
        None: it has none that can be read, which whoever loads the model will say.
    """
    from transformers.utils.hub import cached_file

    found = cached_file(reachable_source(path), MODEL_CONFIG, _raise_exceptions_for_missing_entries=False)
    try:
        values = None if found is None else json.loads(Path(found).read_bytes())
    except (OSError, ValueError):
        return None
    return _computing(values) if isinstance(values, dict) else None


def changed_values(
    before: Values, now: Values, *, training: bool = False, apart: Collection[str] = ()
) -> list[str]:
    """`rope_theta was 10000.0, is 500000.0` for each value that is another one.

    Both are read as this version of transformers reads them: what is not written has its usual value, and a
    key under an older name is the same key.

    Args:
        training: it goes on, so that what plays a part only in training counts too.
        apart: keys that may differ.
    """
    if before == now:
        return []
    now = _same_part(before, now)
    old, new = (dict(_leaves(_as_read(values))) for values in (before, now))
    changed = [
        key for key in sorted(old.keys() | new.keys()) if old.get(key, _ABSENT) != new.get(key, _ABSENT)
    ]
    return [
        f"{_written(key, before, now)} was {_shown(old, key)}, is {_shown(new, key)}"
        for key in changed
        if key.rpartition(".")[2] not in apart and (training or not _IN_TRAINING.search(key))
    ]


def _computing(values: Values) -> dict[str, Any]:
    return {
        key: _computing(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if key not in _NOT_COMPUTED
    }


def _same_part(before: Values, now: Values) -> Values:
    """The section of a model of several parts that the other one is alone, such as its language model."""
    kind = before.get("model_type")
    if kind == now.get("model_type"):
        return now
    parts = (each for each in now.values() if isinstance(each, dict) and each.get("model_type") == kind)
    return next(parts, now)


def _as_read(values: Values) -> Values:
    """With the usual values of what is not written; of a type that transformers does not know, as written."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = str(values.get("model_type"))
    if kind not in CONFIG_MAPPING:
        return _computing(values)
    try:
        read: dict[str, Any] = CONFIG_MAPPING[kind].from_dict(dict(values)).to_dict()
    except Exception:  # whatever a configuration class makes of values that it refuses
        return _computing(values)
    return _computing(read)


def _leaves(values: Values, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", list(value) if isinstance(value, tuple) else value


def _written(key: str, *files: Values) -> str:
    """As the file has it: older ones have `rope_theta` at the top."""
    section, _, last = key.partition(".")
    return last if section in _ROPE and any(last in values for values in files) else key


def _shown(values: Values, key: str) -> str:
    return repr(values[key]) if key in values else "not set"
