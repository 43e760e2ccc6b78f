"""Whole runs with chosen optimizers, groups and frozen parts, and one whose optimizer fails on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from brahma.core.errors import ConfigError, TrainingError
from brahma.core.runs import Run
from brahma.train.checkpoints import verify_checkpoint
from tests.plugin_factory import install_distribution, plugin_site
from tests.train.small_run import fingerprint, interrupted, train

pytestmark = pytest.mark.usefixtures("quick_start")

CHOSEN: dict[str, Any] = {
    "optimizer": {"name": "adafactor", "clip_threshold": 0.9},
    "schedule": {"name": "wsd", "decay_fraction": 0.5},
    "parameter_groups": [{"match": "norms", "lr_ratio": 2.0}, {"match": "*.mlp", "weight_decay": 0.0}],
    "freeze": ["embeddings", "*.layers.0.self_attn"],
}


def test_a_run_with_all_of_it_goes_on_bit_for_bit_and_keeps_what_is_frozen(tmp_path: Path) -> None:
    run = train(tmp_path / "whole", **CHOSEN)
    whole = fingerprint(run)
    stopped = interrupted(tmp_path / "stopped", 5, **CHOSEN)
    early = load_file(stopped.checkpoints[0] / "model.safetensors")
    assert fingerprint(train(tmp_path / "stopped", resume="auto", **CHOSEN)) == whole
    last = load_file(run.last / "model.safetensors")
    same = {name for name in early if torch.equal(early[name], last[name])}
    assert same == {
        "model.embed_tokens.weight",
        *(f"model.layers.0.self_attn.{part}_proj.weight" for part in "qkvo"),
    }
    state = load_file(run.last / "optimizer.safetensors")
    assert not same & {key.split("/", 1)[1] for key in state}
    assert "parameters are trained; the rest is frozen" in run.log.read_text()


@pytest.mark.parametrize("key", ["freeze", "train_only"])
def test_a_name_that_is_not_there_ends_the_run_before_its_first_step(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="q_prj") as caught:
        train(tmp_path, **{key: "*.q_prj.*"})
    assert "q_proj" in str(caught.value.hint)
    assert Run(tmp_path / "runs" / "run").checkpoints == []


def test_an_optimizer_that_fails_on_the_way_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = """
        from brahma.core.entries import OptimizerEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_optimizers():
            yield OptimizerEntry(name="brittle", target="brittle_optimizer:build")
    """
    optimizer = """
        import torch

        class Brittle(torch.optim.SGD):
            def step(self, closure=None):
                super().step()
                group = self.param_groups[0]
                group["k"] = group.get("k", 0) + 1
                if group["k"] == 5:
                    group["params"][0].data.fill_(float("nan"))

        def build(groups, training, options):
            return Brittle(groups, lr=training.lr)
    """
    site = tmp_path / "site"
    site.mkdir()
    with plugin_site(site, monkeypatch):
        files = {"brittle_plugin.py": hooks, "brittle_optimizer.py": optimizer}
        install_distribution(
            site, "brahma-brittle", version="0.7", files=files, entry_points={"b": "brittle_plugin"}
        )
        with pytest.raises(
            TrainingError, match=r"optimizer 'brittle' of brahma-brittle 0\.7 left "
        ) as caught:
            train(tmp_path, optimizer="brittle")
    assert caught.value.where == "training_config.optimizer"
    run = Run(tmp_path / "runs" / "run")
    assert (run.status, run.last.name) == ("failed", "checkpoint-4")
    assert "brahma-brittle 0.7" in run.state.message
    verify_checkpoint(run.last)
    assert all(bool(tensor.isfinite().all()) for tensor in load_file(run.last / "model.safetensors").values())
