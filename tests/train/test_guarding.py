"""A stranger's optimizer that does wrong is named with its distribution and version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import torch

from brahma.core.config import TrainingSection
from brahma.core.errors import BrahmaError, ModelError, TrainingError
from brahma.train.guarding import make_schedule
from brahma.train.loop import Stepper
from brahma.train.optimizer_state import load_optimizer_tensors
from tests.plugin_factory import install_distribution, plugin_site
from tests.train.stepping import saved, small_stepper

OPTIONS: dict[str, Any] = {"lr": 0.1}
HOOKS = """
    from brahma.core.entries import OptimizerEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_optimizers():
        yield OptimizerEntry(name="odd", target="odd_optimizer:build", summary="Does something odd")
"""
OPTIMIZER = """
import torch

class Odd(torch.optim.SGD):
    def __init__(self, groups, lr):
        super().__init__([dict(group) for group in groups], lr=lr)
        self.steps_taken = 0

    @torch.no_grad()
    def step(self, closure=None):
        super().step()
        group, first = self.param_groups[0], self.param_groups[0]["params"][0]
{step}

def build(groups, training, options):
{build}
    return Odd(groups, training.lr)
"""
Make = Callable[..., Stepper]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A stepper whose optimizer does these lines in each step, and these while it is made."""

    def made(step: str = "pass", build: str = "pass") -> Stepper:
        source = OPTIMIZER.format(step=indent(step, 8 * " "), build=indent(build, 4 * " "))
        files = {"odd_plugin.py": HOOKS, "odd_optimizer.py": source}
        install_distribution(
            tmp_path, "odd-optimizers", version="2.3", files=files, entry_points={"odd": "odd_plugin"}
        )
        return small_stepper(optimizer="odd", **OPTIONS)

    with plugin_site(tmp_path, monkeypatch):
        yield made


def check_named(error: BrahmaError, text: str) -> None:
    assert isinstance(error, TrainingError)
    assert text in error.message
    assert error.message.startswith("optimizer 'odd' of odd-optimizers 2.3 ")
    assert error.where == "training_config.optimizer"
    assert error.hint


def test_one_that_does_right_trains(make: Make) -> None:
    stepper = make()
    losses = [stepper.step(step).loss for step in range(40)]
    assert sum(losses[-6:]) < 0.9 * sum(losses[:6])


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("raise ZeroDivisionError('no luck')", "failed in a step"),
        ("raise SystemExit(0)", "failed in a step"),
        ("raise GeneratorExit", "failed in a step"),
        ("first.fill_(torch.nan)", "left model.embed_tokens.weight with values that are no finite numbers"),
        (
            "self.param_groups[1]['params'][2].fill_(torch.inf)",
            "layernorm.weight with values that are no finite",
        ),
        ("self.param_groups.pop()", "leaves out "),
        ("self.param_groups.append({'params': [torch.ones(2)]})", "keeps 1 parameters that it was not given"),
        ("self.param_groups.append(dict(group))", "keeps a parameter twice"),
        ("self.param_groups[0] = 3", "param_groups that are no list of groups"),
        ("self.param_groups = None", "param_groups that are no list of groups"),
        ("self.param_groups.reverse()", "moves parameters between its groups"),
        ("group['params'] = [p.clone() for p in group['params']]", "parameters that it was not given"),
        ("group['weight_decay'] = 3.0", "changes weight_decay or lr_ratio of a group"),
        ("group['d'] = float('nan')", "sets 'd' of a group to nan"),
        ("group['history'] = [1]", "changes 'history' of a group, which is list"),
        ("self.state[torch.ones(2)]['step'] = 1", "keeps state of a parameter that it was not given"),
        ("self.state[first]['history'] = [1.0]", "keeps 'history' as list"),
        ("self.state = None", "keeps its state as NoneType"),
        ("self.state = [1]", "keeps its state as list"),
        ("self.state[first] = None", "keeps NoneType as the state of model.embed_tokens.weight"),
        ("self.state[first] = {'mean': None}", "keeps 'mean' as NoneType"),
        ("self.steps_taken += 1", "counts 'steps_taken' on itself"),
    ],
)
def test_what_it_does_wrong_in_a_step_is_named_at_once(make: Make, lines: str, text: str) -> None:
    with pytest.raises(TrainingError) as caught:
        make(lines).step(0)
    check_named(caught.value, text)


def test_a_state_that_goes_away_later_is_found_at_the_next_checkpoint(make: Make) -> None:
    stepper = make("if hasattr(self, 'once'): self.state = None\nself.once = True")
    stepper.step(0)
    stepper.step(1)
    with pytest.raises(TrainingError) as caught:
        saved(stepper)
    check_named(caught.value, "keeps its state as NoneType")


def test_a_state_that_is_none_before_a_checkpoint_is_read_is_named(make: Make) -> None:
    stepper = make("self.state[first]['seen'] = 1.5")
    stepper.step(0)
    tensors = saved(stepper)[1]
    stepper.optimizer._optimizer.state = None  # type: ignore[union-attr]
    with pytest.raises(TrainingError) as caught:
        load_optimizer_tensors(stepper.optimizer, stepper.weights, tensors)
    check_named(caught.value, "keeps its state as NoneType")


def test_a_state_in_a_plain_dictionary_is_read_back(make: Make) -> None:
    stepper = make("self.state[first]['seen'] = 1.5")
    stepper.step(0)
    tensors = saved(stepper)[1]
    stepper.optimizer._optimizer.state = {}  # type: ignore[union-attr]
    load_optimizer_tensors(stepper.optimizer, stepper.weights, tensors)
    assert {key: float(value) for key, value in saved(stepper)[1].items() if "seen" in key} == {
        "seen:float/model.embed_tokens.weight": 1.5
    }


def test_what_it_raised_is_the_cause(make: Make) -> None:
    with pytest.raises(TrainingError) as caught:
        make("raise ZeroDivisionError('no luck')").step(0)
    assert caught.value.why == "ZeroDivisionError: no luck"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_list_in_a_group_that_grows_later_is_found(make: Make) -> None:
    stepper = make(
        "group.setdefault('count', 0)\ngroup['count'] += 1\nif group['count'] > 2: group['list'] = []"
    )
    stepper.step(0)
    stepper.step(1)
    with pytest.raises(TrainingError, match="changes 'list' of a group"):
        stepper.step(2)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("raise KeyError('beta3')", "cannot be made"),
        ("return torch.nn.Linear(2, 2)", "made Linear, which is no torch.optim.Optimizer"),
        ("return None", "made NoneType"),
        ("groups = groups[:1]", "leaves out "),
        ("groups = [{'params': [torch.nn.Parameter(torch.ones(2))]}, *groups]", "keeps 1 parameters"),
    ],
)
def test_what_it_does_wrong_while_it_is_made_is_named(make: Make, lines: str, text: str) -> None:
    with pytest.raises(TrainingError) as caught:
        make(build=lines)
    check_named(caught.value, text)


def test_what_a_plugin_says_itself_stays(make: Make) -> None:
    lines = "from brahma.core.errors import ModelError\nraise ModelError('no odds', hint='pip')"
    with pytest.raises(ModelError, match=r"^no odds"):
        make(build=lines)


@pytest.mark.parametrize("error", ["MemoryError()", "torch.OutOfMemoryError('CUDA out of memory')"])
def test_that_memory_runs_out_is_not_its_fault(make: Make, error: str) -> None:
    with pytest.raises((MemoryError, torch.OutOfMemoryError)):
        make(f"raise {error}").step(0)


def test_a_builder_that_drops_the_ratio_is_given_it_back(make: Make) -> None:
    stepper = make(build="groups = [{'params': g['params']} for g in groups]")
    assert [group["lr_ratio"] for group in stepper.optimizer.param_groups] == [1.0, 1.0]


def test_a_builder_may_not_mix_ratios(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIONS, "parameter_groups", [{"match": "norms", "lr_ratio": 2.0}])
    with pytest.raises(TrainingError, match="different lr_ratio"):
        make(build="groups = [{'params': [p for g in groups for p in g['params']]}]")


def test_numbers_that_it_keeps_in_groups_are_kept(make: Make) -> None:
    stepper = make("group['k'] = group.get('k', 0) + 1\nself.state[first]['seen'] = 1.5")
    stepper.step(0)
    state = saved(stepper)[1]
    assert int(state["group.0/k:int"]) == 1
    assert float(state["seen:float/model.embed_tokens.weight"]) == 1.5


def test_a_refused_step_is_not_published_into_a_bf16_model(make: Make) -> None:
    make()
    stepper = small_stepper(optimizer="odd", dtype=torch.bfloat16, **OPTIONS)
    before = [p.detach().clone() for p in stepper.model.parameters()]

    def spoil() -> None:
        stepper.weights.masters[0].fill_(torch.nan)

    inner = stepper.optimizer._optimizer  # type: ignore[union-attr]
    inner.step = spoil  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="no finite numbers"):
        stepper.step(0)
    assert all(torch.equal(p, b) for p, b in zip(stepper.model.parameters(), before, strict=True))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("raise ZeroDivisionError('no luck')", "failed at progress 0.5"),
        ("return float('nan')", "gave nan at progress 0.5"),
        ("return -0.1", "gave -0.1 at progress 0.5"),
        ("return None", "gave None at progress 0.5"),
    ],
)
def test_a_schedule_that_does_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, text: str
) -> None:
    hooks = """
        from brahma.core.entries import ScheduleEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_schedules():
            yield ScheduleEntry(name="odd", target="odd_schedule:factor")
    """
    factor = f"def factor(progress, options):\n    if progress: {line}\n    return 1.0\n"
    with plugin_site(tmp_path, monkeypatch):
        files = {"odd_hooks.py": hooks, "odd_schedule.py": factor}
        install_distribution(
            tmp_path, "odd-schedules", version="2.3", files=files, entry_points={"odd": "odd_hooks"}
        )
        schedule, options = make_schedule(TrainingSection.model_validate({"schedule": "odd"}))
    assert schedule(0.0, options) == 1.0
    with pytest.raises(TrainingError) as caught:
        schedule(0.5, options)
    assert caught.value.message == f"schedule 'odd' of odd-schedules 2.3 {text}"
    assert caught.value.where == "training_config.schedule"
    assert "such as linear" in str(caught.value.hint)
