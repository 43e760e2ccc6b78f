"""Imports point one way, cli → train → evaluation → data → core, and heavy libraries are imported on use."""

from __future__ import annotations

import pytest

import brahma
from tests.packaging.workspace import DISTRIBUTIONS, imports_of, modules, targets_of

LAYERS = {module: layer for layer, name in enumerate(DISTRIBUTIONS) for module in modules(name)}
LAYERS |= {f"brahma.{name}": LAYERS[module] for name, (module, _) in brahma._EXPORTS.items()}
HEAVY = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "rich", "matplotlib")
MODELS = "brahma.core.models"
ON_USE = (MODELS, "brahma.core.live")
"""Modules of core that need a heavy library, and that core itself imports inside functions only."""


def layer_of(name: str) -> int | None:
    """The layer of the module that an import names, itself or an attribute of it; None for a stranger's."""
    while name:
        if name in LAYERS:
            return LAYERS[name]
        name = name.rpartition(".")[0]
    return None


def belongs_to(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_imports_point_one_way(distribution: str) -> None:
    own = DISTRIBUTIONS.index(distribution)
    upward = [
        f"{path}:{found.line} imports {found.name}"
        for module, path in modules(distribution).items()
        for found in imports_of(path)
        if module != "brahma"  # the facade names all packages, and imports one on use
        and (layer_of(found.name) or 0) > own
    ]
    assert upward == []


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_entries_name_targets_of_their_own_layer_or_below(distribution: str) -> None:
    own = DISTRIBUTIONS.index(distribution)
    upward = [
        (str(path), target)
        for path in modules(distribution).values()
        for target in targets_of(path)
        if (layer_of(target) or 0) > own
    ]
    assert upward == []


def test_core_imports_nothing_heavy_at_import_time() -> None:
    heavy = [
        f"{path}:{found.line} imports {found.name}"
        for module, path in modules("brahma-core").items()
        for found in imports_of(path)
        if found.at_import
        and not any(belongs_to(module, package) for package in ON_USE)
        and any(belongs_to(found.name, package) for package in (*HEAVY, *ON_USE))
    ]
    assert heavy == []


@pytest.mark.parametrize("distribution", ["brahma-data", "brahma-cli"])
def test_data_and_cli_import_no_torch_at_import_time(distribution: str) -> None:
    heavy = [
        f"{path}:{found.line} imports {found.name}"
        for path in modules(distribution).values()
        for found in imports_of(path)
        if found.at_import and any(belongs_to(found.name, package) for package in ("torch", MODELS))
    ]
    assert heavy == []


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_lm_eval_is_imported_by_the_harness_alone(distribution: str) -> None:
    others = [
        f"{path}:{found.line} imports {found.name}"
        for module, path in modules(distribution).items()
        for found in imports_of(path)
        if belongs_to(found.name, "lm_eval") and not belongs_to(module, "brahma.evaluation.harness")
    ]
    assert others == []


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_optuna_is_imported_on_use(distribution: str) -> None:
    early = [
        f"{path}:{found.line} imports {found.name}"
        for path in modules(distribution).values()
        for found in imports_of(path)
        if found.at_import and belongs_to(found.name, "optuna")
    ]
    assert early == []
