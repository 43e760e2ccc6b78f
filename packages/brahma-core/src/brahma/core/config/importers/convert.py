"""Conversions of values that more than one peer needs."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

from brahma.core.config.importers.rules import (
    Outcome,
    Rule,
    Source,
    custom,
    is_off,
    items_of,
    not_understood,
)

_TRAINING, _DATA = "training_config", "data_config"

_OPTIMIZERS = {
    **dict.fromkeys(("adamw", "adamw_torch", "adamw_torch_fused", "adamw_hf", "adamw_torch_xla"), "adamw"),
    "adamw_apex_fused": "adamw",
    **dict.fromkeys(("adamw_8bit", "adamw_bnb_8bit"), "adamw_8bit"),
    **dict.fromkeys(("paged_adamw", "paged_adamw_32bit"), "paged_adamw"),
    "paged_adamw_8bit": "paged_adamw_8bit",
    "adafactor": "adafactor",
    "sgd": "sgd",
    **dict.fromkeys(("lion", "lion_32bit", "lion_pytorch"), "lion"),
    "lion_8bit": "lion_8bit",
    "paged_lion_8bit": "paged_lion_8bit",
}
"""The peers' names -> ours."""
_OF_BITSANDBYTES = ("_8bit", "paged_")
_SMALL_STATES = ("8bit", "4bit", "paged", "bnb", "fp8", "int8")


def number(value: Any) -> Any:
    """A number that stands in quotes, as one."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def optimizer(value: Any, source: Source) -> Outcome:
    """The optimizer of the same name, or AdamW where only the storage of its states differs."""
    target, name = f"{_TRAINING}.optimizer", str(value).lower()
    if (ours := _OPTIMIZERS.get(name)) is not None:
        plugin = any(part in ours for part in _OF_BITSANDBYTES)
        return Outcome("mapped", "of the plugin brahma-bitsandbytes" if plugin else "", {target: ours})
    if name == "muon":
        note = (
            "its updates are scaled to the size of AdamW's here, and AdamW has what is no matrix: "
            "give an lr as for AdamW"
        )
        return Outcome("check", note, {target: "muon"})
    if "adamw" in name and any(part in name for part in _SMALL_STATES):
        note = f"{value} keeps its states in few bits or paged; here they are float32 and take more memory"
        return Outcome("check", note, {target: "adamw"})
    note = f"{value} is not installed; adamw is used (`brahma plugins list --kind optimizer`)"
    return Outcome("check", note, {target: "adamw"})


OPTIMIZER = custom(f"`{_TRAINING}.optimizer`", optimizer)

_SCHEDULES = {
    "linear": "linear",
    "cosine": "cosine",
    "constant": "constant",
    "constant_with_warmup": "constant",
    "cosine_with_min_lr": "cosine",
    "polynomial": "polynomial",
    "inverse_sqrt": "inverse_sqrt",
    "warmup_stable_decay": "wsd",
}


def schedule(value: Any, source: Source) -> Outcome:
    """A schedule of the same shape, with the floor that the peer's options give."""
    target, name = f"{_TRAINING}.schedule", _SCHEDULES.get(str(value).lower())
    if name is None:
        note = f"{value} is not installed; cosine is used (`brahma plugins list --kind schedule`)"
        return Outcome("check", note, {target: "cosine"})
    floor = _floor(source)
    if name != "cosine" or floor is None:
        return Outcome("mapped", "", {target: name})
    return Outcome("mapped", "", {target: {"name": name, "min_ratio": floor}})


def _floor(source: Source) -> Any:
    options = source.get("lr_scheduler_kwargs")
    options = options if isinstance(options, dict) else {}
    ratio = number(options.get("min_lr_rate", source.get("cosine_min_lr_ratio")))
    least, most = number(options.get("min_lr")), number(source.get("learning_rate"))
    if ratio is None and _is_number(least) and _is_number(most) and most > 0:
        ratio = least / most
    return ratio if _is_number(ratio) and 0 <= ratio <= 1 else None


SCHEDULE = custom(f"`{_TRAINING}.schedule`", schedule)


def schedule_options(value: Any, source: Source) -> Outcome:
    """`lr_scheduler_kwargs`: the floor goes with the schedule, nothing else exists."""
    if not isinstance(value, dict):
        return not_understood(value)
    name = _SCHEDULES.get(str(source.get("lr_scheduler_type", "lr_scheduler")).lower())
    others = [key for key in value if key not in ("min_lr_rate", "min_lr")]
    if others or name != "cosine":
        return Outcome("check", f"no such options here: {', '.join(others or value)}")
    return Outcome("mapped", "min_ratio of the schedule", about=f"{_TRAINING}.schedule")


def warmup_steps(value: Any, source: Source) -> Outcome:
    """A number of steps; below 1 it is a part of all steps, as in transformers since version 5."""
    value = number(value)
    if isinstance(value, float) and 0 < value < 1:
        return _part_of_steps(value, source)
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return Outcome("mapped", "", {f"{_TRAINING}.warmup_steps": whole})


def warmup_ratio(value: Any, source: Source) -> Outcome:
    """Steps, if the file says how many steps the run has."""
    ratio, target = number(value), f"{_TRAINING}.warmup_steps"
    if is_off(ratio):
        return Outcome("mapped", "", {target: 0})
    if not _is_number(ratio) or not 0 < ratio < 1:
        return Outcome("check", "a number between 0 and 1 was expected: left out", about=target)
    if source.get("warmup_steps"):
        return Outcome("dropped", "warmup_steps goes before it")
    return _part_of_steps(ratio, source)


def _part_of_steps(ratio: float, source: Source) -> Outcome:
    target, steps = f"{_TRAINING}.warmup_steps", source.count("max_steps")
    if steps is not None:
        return Outcome("mapped", f"{ratio:g} × max_steps", {target: math.ceil(steps * ratio)})
    note = (
        f"give {ratio:g} × the steps of the run; they follow from your data: `brahma data inspect --config` "
        "counts the packs, and a step takes batch_size × gradient_accumulation_steps of them"
    )
    return Outcome("check", note, about=target)


WARMUP_STEPS = custom(f"`{_TRAINING}.warmup_steps`", warmup_steps)
WARMUP_RATIO = custom(f"`{_TRAINING}.warmup_steps`, if `max_steps` is given", warmup_ratio)


def precision(name: str) -> Rule:
    """`bf16` or `fp16`: off is written only where both are, which means float32."""
    other, target = {"bf16": "fp16", "fp16": "bf16"}[name], f"{_TRAINING}.{name}"

    def apply(value: Any, source: Source) -> Outcome:
        if value is True or value == "full":
            if name == "fp16" and source.get("bf16") in (True, "full"):
                return Outcome("check", "bf16 is on as well, and one of the two can be: left out")
            note = "weights are kept in float32 beside it, also where the peer has bf16 alone"
            return Outcome("mapped", note if value == "full" else "", {target: True})
        if value is False and source.get(other) is False:
            return Outcome("mapped", "float32", {target: False})
        if value in (False, "auto"):
            return Outcome("dropped", "bf16 or float32 is chosen by measurement, once")
        return not_understood(value)

    return custom(f"`{target}`", apply)


def steps(target: str) -> Rule:
    """A number of steps; a part of all steps where the file says how many there are."""

    def apply(value: Any, source: Source) -> Outcome:
        value, total = number(value), source.count("max_steps")
        if _is_number(value) and 0 < value < 1:
            if total is not None:
                return Outcome("mapped", f"{value:g} × max_steps", {target: math.ceil(total * value)})
            return Outcome("check", f"give {value:g} × the steps of the run as a number", about=target)
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        return Outcome("mapped", "", {target: whole})

    return custom(f"`{target}`", apply)


def max_steps(value: Any, source: Source) -> Outcome:
    if isinstance(value, int) and value < 1:
        return Outcome("dropped", "not limited: epochs count")
    return Outcome("mapped", "", {f"{_TRAINING}.max_steps": value})


MAX_STEPS = custom(f"`{_TRAINING}.max_steps`", max_steps)


def when_to_evaluate(value: Any, source: Source) -> Outcome:
    """`eval_strategy`; the words are the same."""
    word = "no" if value is False else str(value).lower()
    return Outcome("mapped", "", {f"{_TRAINING}.evaluation_strategy": word})


EVALUATION = custom(f"`{_TRAINING}.evaluation_strategy`", when_to_evaluate)


def best_metric(value: Any, source: Source) -> Outcome:
    """`metric_for_best_model`: what is measured here is the loss, and tasks by name."""
    target = "evaluation.metric"
    if str(value).removeprefix("eval_") == "loss":
        return Outcome("mapped", "", {target: "loss"})
    note = (
        f'"{value}" is not measured here, so the best is that of the lowest loss; a task is named in '
        "evaluation.tasks, and its figure is TASK/FIGURE"
    )
    return Outcome("check", note, about=target)


BEST_METRIC = custom("`evaluation.metric`", best_metric)


def patience(value: Any, source: Source) -> Outcome:
    if is_off(value):
        return Outcome("dropped", "off there, and here")
    return Outcome("mapped", "", {"evaluation.patience": value})


PATIENCE = custom("`evaluation.patience`", patience)


def when_to_save(value: Any, source: Source) -> Outcome:
    if str(value) == "steps":
        return Outcome("dropped", "always so here: checkpoints are written every save_steps and at the end")
    note = f'"{value}" there; here a checkpoint is written every save_steps (default 1000) and at the end'
    return Outcome("check", note, about=f"{_TRAINING}.save_steps")


SAVING = custom("a checkpoint is written every `training_config.save_steps` and at the end", when_to_save)


def batch_size(packs: Callable[[Source], bool]) -> Rule:
    """The micro-batch.

    Args:
        packs: of a source: whether the peer packs rows.
    """

    def apply(value: Any, source: Source) -> Outcome:
        note = (
            "counts packs of up to seq_length tokens, as there"
            if packs(source)
            else "counts rows, as there, because packing is off"
        )
        return Outcome("mapped", note, {f"{_TRAINING}.batch_size": value})

    return custom(f"`{_TRAINING}.batch_size`, in packs", apply)


PACKED = "rows are packed without padding, and a row never sees another one"
NOT_PACKED = (
    "one row a pack, as there; without this line rows are packed, which is faster, "
    "and batch_size then counts packs"
)


def packing(value: Any, source: Source) -> Outcome:
    if is_off(value):
        return Outcome("check", NOT_PACKED, {f"{_DATA}.packing": "off"})
    return Outcome("mapped", PACKED, {f"{_DATA}.packing": "auto"})


PACKING = custom(f"`{_DATA}.packing`", packing)


def validation_size(value: Any, source: Source) -> Outcome:
    """A fraction of the training data; a number of rows cannot be said."""
    target, value = f"{_DATA}.validation", number(value)
    if is_off(value):
        return Outcome("dropped", "nothing is held out")
    if _is_number(value) and 0 < value < 1:
        return Outcome("mapped", "whole documents are held out", {target: value})
    return Outcome("check", f"give the fraction that {value} rows are of your data", about=target)


VALIDATION_SIZE = custom(f"`{_DATA}.validation`", validation_size)

_OWN_TRACKERS = ("tensorboard",)


def trackers(value: Any, source: Source) -> Outcome:
    """`report_to`: tensorboard is built in, none is an empty list, others are plugins' business."""
    names = [name.lower() for name in items_of(value)]
    if names in (["none"], []):
        return Outcome("mapped", "metrics.jsonl is written all the same", {f"{_TRAINING}.trackers": []})
    kept = [{"name": name} for name in names if name in _OWN_TRACKERS or name == "all"]
    others = ", ".join(name for name in names if name not in (*_OWN_TRACKERS, "all"))
    values = {f"{_TRAINING}.trackers": [{"name": "tensorboard"}]} if kept else {}
    if not others:
        return Outcome("mapped", "", values)
    note = f"no tracker {others} is built in; metrics.jsonl and TensorBoard events are written"
    return Outcome("mapped" if kept else "dropped", note, values)


TRACKERS = custom(f"`{_TRAINING}.trackers`", trackers)


def checkpointing(value: Any, source: Source) -> Outcome:
    on = value not in (False, "false")
    note = "" if isinstance(value, bool) else f"{value}: recomputed, never offloaded"
    return Outcome("mapped", note, {f"{_TRAINING}.gradient_checkpointing": on})


CHECKPOINTING = custom(f"`{_TRAINING}.gradient_checkpointing`", checkpointing)


def train_on_prompts(is_running_text: Callable[[Source], bool]) -> Rule:
    """Whether prompts are trained on as well, which they are in running text alone."""

    def apply(value: Any, source: Source) -> Outcome:
        if is_off(value):
            return Outcome(
                "dropped", "always so here: only answers are trained on; running text is trained whole"
            )
        if is_running_text(source):
            return Outcome("dropped", "running text is trained whole")
        note = 'prompts are not trained on here; to train on all of a row, write it as {"text": …}'
        return Outcome("check", note)

    return custom("only answers are trained on; running text is trained whole", apply)


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false: left out")
    return value


def model_path(source: Source, text: Any) -> Any:
    """A folder that exists as a path from the new file; anything else may be a hub id and stays."""
    return source.path(text) if isinstance(text, str) and os.path.isdir(os.path.expanduser(text)) else text


def base_model(*from_scratch: str) -> Rule:
    """The model to start from, or the tokenizer alone where a key says that the weights are new."""

    def apply(value: Any, source: Source) -> Outcome:
        path = model_path(source, value)
        if not any(source.get(key) for key in from_scratch):
            return Outcome("mapped", "", {"model_config.base_model": path})
        note = (
            "the weights are new there, of the shape of this model: give a preset or its architecture's keys "
            "as model_config"
        )
        return Outcome("fill", note, {"tokenizer.path": path}, about="model_config")

    return custom("`model_config.base_model`", apply)


def new_weights(key: str) -> Rule:
    """What makes `base_model` name a shape alone."""

    def apply(value: Any, source: Source) -> Outcome:
        return Outcome("dropped", "off, as here" if is_off(value) else f"see {key}")

    return custom("the weights are new: give `model_config`", apply)


def remote_code(value: Any, source: Source) -> Outcome:
    if value is not True:
        return Outcome("dropped", "off, as by default here")
    note = "runs code that the model's repository ships: keep it only if the model needs it and you trust it"
    return Outcome("check", note, {"model_config.trust_remote_code": True})


REMOTE_CODE = custom("`model_config.trust_remote_code`", remote_code)


def revision(value: Any, source: Source) -> Outcome:
    if value == "main":
        return Outcome("dropped", "the default, here too")
    note = f"revision {value} cannot be chosen here: download it and give its folder as base_model"
    return Outcome("check", note, about="model_config.base_model")


REVISION = custom("no revision is chosen here: give a folder", revision)


def output_folder(value: Any, source: Source) -> Outcome:
    """The peer's folder of one model becomes the folder in which runs are made."""
    if not isinstance(value, str):
        return not_understood(value)
    note = "runs/<name>/checkpoints, logs/ and data/ are made in it"
    return Outcome("mapped", note, {"output_dir": source.path(value)})


OUTPUT_FOLDER = custom("`output_dir`", output_folder)


def missing_backend(reason: str) -> Rule:
    """A way to share the work among processes that this version does not have."""

    def apply(value: Any, source: Source) -> Outcome:
        return Outcome("dropped", "off there") if is_off(value) else Outcome("check", reason)

    return custom(f"dropped: {reason}", apply)


def special_tokens(value: Any, source: Source) -> Outcome:
    """Tokens by name: a padding token has no use here, the others are the tokenizer's own."""
    others = [key for key in value if key != "pad_token"] if isinstance(value, dict) else [str(value)]
    if not others:
        return Outcome("dropped", "there is no padding")
    note = f"{', '.join(others)}: the tokenizer's own are used; if yours are others, change its files"
    return Outcome("check", note, about="tokenizer")


SPECIAL_TOKENS = custom("the tokenizer's own are used", special_tokens)


def template_text(value: Any, source: Source) -> Outcome:
    """A chat template by name or as text: here it is the tokenizer's own, or a file."""
    target, text = f"{_DATA}.template", str(value)
    if text.startswith("tokenizer_default"):
        return Outcome("dropped", "the tokenizer's own template is used, here too")
    if "{%" in text or "{{" in text:
        note = "the template stands in the source file: save it as a .jinja file and give that file here"
    elif text.endswith((".jinja", ".jinja2", ".j2", ".txt")):
        return Outcome("mapped", "", {target: source.path(text)})
    else:
        note = (
            f'"{text}" is a built-in of the peer; here the tokenizer\'s own template is used '
            "(if it has none, Brahma's), or a Jinja file that you name here"
        )
    return Outcome("check", note, about=target)


TEMPLATE = custom(f"`{_DATA}.template`: a file; else the tokenizer's own", template_text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
