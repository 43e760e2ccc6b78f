"""The sample files of each peer, what is expected of each, and how to account for keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brahma.core.config.documents import read_document
from brahma.core.config.importers import PEERS, ImportedConfig
from brahma.core.config.importers.rules import Table, objects_in

SAMPLES = Path(__file__).parent / "samples"
TRAINS, NO_MODEL = "is accepted", "is accepted but for the model"

EXPECTED: dict[str, str] = {
    "axolotl/chat_full.yml": TRAINS,
    "axolotl/qlora.yml": TRAINS,
    "axolotl/pretrain_scratch.yml": NO_MODEL,
    "axolotl/preferences.yml": "no training on preferences or rewards",
    "axolotl/pictures.yml": "no training on pictures and sound",
    "axolotl/classifier.yml": "no reward models and classifiers",
    "llamafactory/full_sft.yaml": TRAINS,
    "llamafactory/lora_pretrain.json": TRAINS,
    "llamafactory/optimizers.yaml": TRAINS,
    "llamafactory/preferences.yaml": "no training on preferences (KTO)",
    "llamafactory/export.yaml": "no export and merging of models",
    "llamafactory/generate.yaml": "this file is for generation",
    "llamafactory/pictures.yaml": "no training on pictures and sound",
    "llamafactory/freeze.yaml": TRAINS,
    "trl/sft.yaml": TRAINS,
    "trl/peft.yaml": TRAINS,
    "trl/recipe.yaml": TRAINS,
    "trl/mixer.yaml": TRAINS,
    "trl/grpo.yaml": "no training on preferences or rewards",
    "trl/dpo.yaml": "does not train on preferences (chosen, rejected)",
}
"""File -> what `config check` says of the result, or a part of the reason for which it is refused."""

REFUSED_SECTIONS = {TRAINS: set(), NO_MODEL: {"model_config"}}


def keys_of_file(path: Path, peer: str) -> list[str]:
    """Every key of a file, dotted, that must be accounted for."""
    return keys_under(read_document(path).values, PEERS[peer].rules)


def keys_under(values: dict[str, Any], table: Table, path: tuple[str | int, ...] = ()) -> list[str]:
    """The keys of an object; where the table looks into an object, its keys and not itself."""
    found: list[str] = []
    for key, value in values.items():
        rule = table.get(key)
        if rule is None or rule.inner is None or not isinstance(value, dict | list) or not value:
            found.append(".".join(map(str, (*path, key))))
            continue
        for inner_path, item in objects_in(value, (*path, key)):
            if isinstance(item, dict):
                found += keys_under(item, rule.inner, inner_path)
            else:
                found.append(".".join(map(str, inner_path)))
    return found


def accounted(imported: ImportedConfig) -> list[str]:
    return [found.key for found in imported.findings]


def sections_refused(imported: ImportedConfig) -> set[str]:
    """The sections that `config check` has something against."""
    return {problem.message.partition(":")[0].partition(".")[0] for problem in imported.refused}
