"""Things chosen by name are held against what is installed, and named with their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from brahma.core.config import load_config
from brahma.core.config.choices import check_choices
from brahma.core.errors import BrahmaError


def place_of(folder: Path, training: dict[str, Any], *overrides: str) -> str:
    """Where the error stands: of a file in which `training_config` begins in line 5."""
    values = {
        "model_config": {"preset": "nano"},
        "tokenizer": {"path": "there"},
        "data_config": {"train": "my.txt"},
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}," for key, value in values.items()]
    path = folder / "my.json"
    path.write_text("\n".join(["{", *lines, f'"training_config": {json.dumps(training)}', "}"]))
    with pytest.raises(BrahmaError) as caught:
        check_choices(load_config(path, overrides))
    return str(caught.value.where).replace(str(path), "my.json")


@pytest.mark.parametrize(
    ("training", "place"),
    [
        ({"optimizer": "adam"}, "my.json:5: training_config.optimizer"),
        ({"optimizer": {"name": "adamw", "fusd": True}}, "my.json:5: training_config.optimizer"),
        ({"schedule": "cosin"}, "my.json:5: training_config.schedule"),
        ({"trackers": ["tensorboard", "sundial"]}, "my.json:5: training_config.trackers[1]"),
        ({"backend": "ddp"}, "my.json:5: training_config.backend"),
    ],
)
def test_the_line_of_a_choice_is_named(tmp_path: Path, training: dict[str, Any], place: str) -> None:
    assert place_of(tmp_path, training) == place


def test_a_flag_is_named_as_the_place_of_its_choice(tmp_path: Path) -> None:
    place = place_of(tmp_path, {}, "training_config.optimizer=adam")
    assert place == "--set: training_config.optimizer"
