"""A model that cannot be had is named soon: no hub, no weights, no tokenizer, no such device."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from brahma.core.errors import BrahmaError, DeviceError, ModelError, TokenizerError
from brahma.evaluation.generator import Generator


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("name", ["owner/no-such-model", "no-such-model"])
def test_a_hub_that_cannot_be_asked_is_told_within_seconds(name: str) -> None:
    begun = time.monotonic()
    with pytest.raises(ModelError, match="no such model") as raised:
        _ = Generator(name).model
    assert time.monotonic() - begun < 6
    assert raised.value.where == name
    assert "the hub cannot be asked" in str(raised.value.why)
    assert "brahma runs list" in str(raised.value.hint)


def test_a_copy_in_the_cache_is_used_when_the_hub_is_silent(no_hub: Path, model_folder: Path) -> None:
    repository = no_hub / "models--owner--tiny"
    snapshot = repository / "snapshots" / "0123"
    shutil.copytree(model_folder, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123", encoding="utf-8")
    assert Generator("owner/tiny", device="cpu").generate("a", max_new_tokens=2) is not None


def without(folder: Path, copy: Path, name: str) -> Path:
    shutil.copytree(folder, copy)
    for path in copy.glob(name):
        path.unlink()
    return copy


@pytest.mark.parametrize(
    ("missing", "kind"), [("tokenizer*", TokenizerError), ("model.safetensors", ModelError)]
)
def test_a_folder_that_lacks_a_part_is_named(
    missing: str, kind: type[BrahmaError], model_folder: Path, tmp_path: Path
) -> None:
    folder = without(model_folder, tmp_path / "model", missing)
    with pytest.raises(kind) as raised:
        Generator(folder, device="cpu").generate("a", max_new_tokens=2)
    assert raised.value.where == str(folder)
    assert raised.value.why
    assert not raised.value.why.strip().endswith(":")  # no first half of a library's sentence
    assert raised.value.hint


def test_a_configuration_of_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"a": 1}), encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be loaded") as raised:
        _ = Generator(tmp_path, device="cpu").model
    assert raised.value.where == str(tmp_path)


def test_a_device_and_a_dtype_that_are_none_are_named(model_folder: Path) -> None:
    with pytest.raises(DeviceError, match="'warp'"):
        _ = Generator(model_folder, device="warp").model
    with pytest.raises(DeviceError, match="'float8'"):
        Generator(model_folder, dtype="float8")  # nothing is loaded to tell
