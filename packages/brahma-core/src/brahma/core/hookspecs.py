"""The hooks of Brahma: one for each kind of entry. Each docstring is a whole working plugin.

A plugin is a distribution of its own with a module of hook implementations and one line in its
`pyproject.toml` that points there. A hook takes nothing and returns entries (any iterable of them); it
never receives anything it could change. Entries name their target by a string that is resolved on use,
so keep heavy imports out of the module with the hooks.

A module may say `BRAHMA_CONTRACT = 1`, the version of the contract it was written for
(`brahma.core.entries.CONTRACT_VERSION`); it is passed over by a Brahma with another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from brahma.core.entries import (
        AugmenterEntry,
        BackendEntry,
        CommandEntry,
        ExecutorEntry,
        FilterEntry,
        MetricEntry,
        ObjectiveEntry,
        OptimizerEntry,
        QuantizerEntry,
        ReaderEntry,
        SamplerEntry,
        ScheduleEntry,
        TaskEntry,
        TrackerEntry,
    )

PROJECT = "brahma"
ENTRY_POINT_GROUP = "brahma.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def brahma_optimizers() -> Iterable[OptimizerEntry]:  # type: ignore[empty-body]
    """Optimizers, chosen by `training_config.optimizer`.

    pyproject.toml:

        [project]
        name = "brahma-signum"
        version = "1.0"
        dependencies = ["brahma-core[models]"]

        [project.entry-points."brahma.plugins"]
        signum = "brahma_signum.plugin"

    brahma_signum/plugin.py:

        from brahma.core.entries import OptimizerEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_optimizers():
            yield OptimizerEntry(
                name="signum",
                target="brahma_signum.optimizer:build",
                summary="Sign of the momentum (https://arxiv.org/abs/1802.04434)",
                options="brahma_signum.options:SignumOptions",
                state_bytes=4,
            )

    brahma_signum/options.py:

        from brahma.core.config.sections import Section

        class SignumOptions(Section):
            momentum: float = 0.9
            \"\"\"Share of the last step in the next one.\"\"\"

    brahma_signum/optimizer.py:

        import torch

        class Signum(torch.optim.Optimizer):
            def __init__(self, params, lr, momentum):
                super().__init__(params, {"lr": lr, "momentum": momentum})

            @torch.no_grad()
            def step(self, closure=None):
                for group in self.param_groups:
                    for p in group["params"]:
                        if p.grad is None:
                            continue
                        m = self.state[p].setdefault("momentum", torch.zeros_like(p))
                        m.lerp_(p.grad, 1 - group["momentum"])
                        p.mul_(1 - group["lr"] * group["weight_decay"])
                        p.sub_(m.sign(), alpha=group["lr"])

        def build(parameters, training, options):
            return Signum(parameters, training.lr, options.momentum)

    Used as `{"optimizer": {"name": "signum", "momentum": 0.95}}`.
    """


@hookspec
def brahma_schedules() -> Iterable[ScheduleEntry]:  # type: ignore[empty-body]
    """Learning-rate schedules, chosen by `training_config.schedule`. Pure functions of the progress.

    pyproject.toml:

        [project]
        name = "brahma-plateau"
        version = "1.0"
        dependencies = ["brahma-core"]

        [project.entry-points."brahma.plugins"]
        plateau = "brahma_plateau"

    brahma_plateau.py:

        from brahma.core.entries import ScheduleEntry
        from brahma.core.hookspecs import hookimpl

        def factor(progress, options):
            return 1.0 if progress < 0.8 else (1.0 - progress) / 0.2

        @hookimpl
        def brahma_schedules():
            yield ScheduleEntry(name="plateau", target="brahma_plateau:factor", summary="Flat, then down")

    Used as `{"schedule": "plateau"}`.
    """


@hookspec
def brahma_quantizers() -> Iterable[QuantizerEntry]:  # type: ignore[empty-body]
    """Quantizers of a frozen base model, used by `quantization`.

    pyproject.toml:

        [project]
        name = "brahma-rounding"
        version = "1.0"
        dependencies = ["brahma-core[models]"]

        [project.entry-points."brahma.plugins"]
        rounding = "brahma_rounding.plugin"

    brahma_rounding/plugin.py:

        from brahma.core.entries import QuantizedFormat, QuantizerEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_quantizers():
            yield QuantizerEntry(
                name="rounding", target="brahma_rounding.rounding:Rounding",
                summary="Rounds to multiples of a 127th of the largest weight of a group",
                formats=(
                    QuantizedFormat(type="int8", bits=8),
                    QuantizedFormat(type="int8", bits=8, group_sizes=(32, 64, 128)),
                ),
            )

    brahma_rounding/rounding.py:

        import torch
        from torch import nn

        class RoundedLinear(nn.Module):
            def __init__(self, codes, scale, bias, in_features, out_features, dtype):
                super().__init__()
                self.register_buffer("codes", codes)
                self.register_buffer("scale", scale)
                self.bias = bias
                self.in_features, self.out_features, self.dtype = in_features, out_features, dtype

            def dequantized(self):
                weight = self.codes * self.scale
                return weight.view(self.out_features, self.in_features).to(self.dtype)

            def forward(self, x):
                bias = None if self.bias is None else self.bias.to(self.dtype)
                return nn.functional.linear(x.to(self.dtype), self.dequantized(), bias).to(x.dtype)

        class Rounding:
            def __init__(self, settings, options):
                self.settings = settings

            def quantize(self, linear, group_size):
                weight = linear.weight.detach().to(self.settings.device, torch.float32)
                groups = weight.reshape(-1, group_size or linear.in_features)
                scale = groups.abs().amax(dim=1, keepdim=True).clamp_min(1e-30) / 127
                codes = (groups / scale).round().to(torch.int8)
                return self.made(codes, scale, linear.bias, linear.in_features, linear.out_features)

            def made(self, codes, scale, bias, in_features, out_features):
                dtype = self.settings.compute_dtype
                layer = RoundedLinear(codes, scale, bias, in_features, out_features, dtype)
                return layer.to(self.settings.device)

            def dequantize(self, layer):
                return layer.dequantized()

            def tensors(self, layer):
                return dict(layer.state_dict())

            def layer(self, tensors, *, in_features, out_features):
                bias = nn.Parameter(tensors["bias"], False) if "bias" in tensors else None
                return self.made(tensors["codes"], tensors["scale"], bias, in_features, out_features)

    Used as `{"quantization": {"bits": 8, "quantizer": "rounding"}, "lora_config": {}}`.
    """


@hookspec
def brahma_backends() -> Iterable[BackendEntry]:  # type: ignore[empty-body]
    """Backends: how processes share the work, chosen by `training_config.backend`.

    pyproject.toml:

        [project]
        name = "brahma-verbose"
        version = "1.0"
        dependencies = ["brahma-train"]

        [project.entry-points."brahma.plugins"]
        verbose = "brahma_verbose.plugin"

    brahma_verbose/plugin.py:

        from brahma.core.entries import BackendEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_backends():
            yield BackendEntry(
                name="verbose", target="brahma_verbose.backend:VerboseBackend",
                summary="One process that logs where it runs",
            )

    brahma_verbose/backend.py:

        import logging

        from brahma.train.backends import SingleProcess

        class VerboseBackend(SingleProcess):
            def __init__(self):
                super().__init__()
                logging.getLogger(__name__).info("one process on %s", self.device)
    """


@hookspec
def brahma_readers() -> Iterable[ReaderEntry]:  # type: ignore[empty-body]
    r"""Readers of further file formats, recognised by the file's ending.

    pyproject.toml:

        [project]
        name = "brahma-fortune"
        version = "1.0"
        dependencies = ["brahma-data"]

        [project.entry-points."brahma.plugins"]
        fortune = "brahma_fortune.plugin"

    brahma_fortune/plugin.py:

        from brahma.core.entries import ReaderEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_readers():
            yield ReaderEntry(
                name="fortune", target="brahma_fortune.reader:read", suffixes=(".fortune",),
                sample="Haste makes waste.\n%\nMany hands\nmake light work.\n",
                summary="Sayings with a line of one percent sign between them",
            )

    brahma_fortune/reader.py:

        from brahma.core.errors import DataError
        from brahma.data.readers import RawRow

        def read(path, options):
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise DataError("not UTF-8", where=str(path), why=str(error), hint="Convert it") from None
            line = 1
            for saying in filter(None, text.removesuffix("\n").split("\n%\n")):
                yield RawRow(source=path, line=line, offset=0, value=saying)
                line += saying.count("\n") + 2

    It begins at the first row whatever `options.start` says, which a reader that cannot seek may do.
    """


@hookspec
def brahma_filters() -> Iterable[FilterEntry]:  # type: ignore[empty-body]
    """Filters: which documents are kept when data is cleaned, and why the others are not.

    pyproject.toml:

        [project]
        name = "brahma-min-words"
        version = "1.0"
        dependencies = ["brahma-core"]

        [project.entry-points."brahma.plugins"]
        min_words = "brahma_min_words.plugin"

    brahma_min_words/plugin.py:

        from brahma.core.entries import FilterEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_filters():
            yield FilterEntry(
                name="min_words", target="brahma_min_words.words:build",
                options="brahma_min_words.words:MinWordsOptions", summary="Drops documents of few words",
            )

    brahma_min_words/words.py:

        from brahma.core.config.sections import Section

        class MinWordsOptions(Section):
            words: int = 20
            \"\"\"A document has at least so many.\"\"\"

        def build(options):
            def keep(text):
                count = len(text.split())
                return True if count >= options.words else f"{count} words, fewer than {options.words}"
            return keep

    Used in a profile: `steps: [min_words]`, or `steps: [{name: min_words, words: 5}]`.
    """


@hookspec
def brahma_augmenters() -> Iterable[AugmenterEntry]:  # type: ignore[empty-body]
    """Augmenters: techniques of `brahma data augment`, which make variants of texts.

    pyproject.toml:

        [project]
        name = "brahma-typos"
        version = "1.0"
        dependencies = ["brahma-data"]

        [project.entry-points."brahma.plugins"]
        typos = "brahma_typos.plugin"

    brahma_typos/plugin.py:

        from brahma.core.entries import AugmenterEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_augmenters():
            yield AugmenterEntry(
                name="typos", target="brahma_typos.swap:Typos", summary="Swaps two letters of a passage"
            )

    brahma_typos/swap.py:

        import random

        from brahma.data.augmentation.contract import Augmenter
        from brahma.data.augmentation.protection import protected_spans

        class Typos(Augmenter):
            engine = "letters"

            def __init__(self, options, seed):
                self.seed = seed

            def variants(self, passages, count):
                return [[self.variant(each, number) for number in range(count)] for each in passages]

            def variant(self, passage, number):
                kept = {at for start, end in protected_spans(passage) for at in range(start, end)}
                pairs = [
                    at for at in range(len(passage) - 1)
                    if not {at, at + 1} & kept and passage[at:at + 2].isalpha()
                ]
                if not pairs:
                    return passage
                at = random.Random(f"{self.seed}:{number}:{passage}").choice(pairs)
                return passage[:at] + passage[at + 1] + passage[at] + passage[at + 2:]

    Used as `--techniques typos`. Names, numbers and code stay as they are.
    """


@hookspec
def brahma_tasks() -> Iterable[TaskEntry]:  # type: ignore[empty-body]
    """Tasks: named evaluations, chosen by `--tasks` and `Evaluator.evaluate([...])`.

    They stand beside lm-eval's, and come before one of the same name.

    pyproject.toml:

        [project]
        name = "brahma-alphabet"
        version = "1.0"
        dependencies = ["brahma-eval"]

        [project.entry-points."brahma.plugins"]
        alphabet = "brahma_alphabet"

    brahma_alphabet.py:

        from brahma.core.entries import TaskEntry
        from brahma.core.hookspecs import hookimpl

        def score(evaluator, options):
            return evaluator.evaluate_custom([{"text": "a b c d e f g h i j k l m"}])

        @hookimpl
        def brahma_tasks():
            yield TaskEntry(name="alphabet", target="brahma_alphabet:score", summary="Loss on the alphabet")
    """


@hookspec
def brahma_metrics() -> Iterable[MetricEntry]:  # type: ignore[empty-body]
    """Metrics: one number from the summed loss, tokens and bytes of an evaluation, or from its answers.

    pyproject.toml:

        [project]
        name = "brahma-nats-per-byte"
        version = "1.0"
        dependencies = ["brahma-core"]

        [project.entry-points."brahma.plugins"]
        nats_per_byte = "brahma_nats_per_byte"

    brahma_nats_per_byte.py:

        from brahma.core.entries import MetricEntry
        from brahma.core.hookspecs import hookimpl

        def nats_per_byte(totals):
            return totals.loss_sum / totals.bytes if totals.bytes else float("nan")

        @hookimpl
        def brahma_metrics():
            yield MetricEntry(
                name="nats_per_byte", target="brahma_nats_per_byte:nats_per_byte", summary="Nats a byte"
            )

    A metric of what the model writes says `of="answers"`. Its target then takes a list of answers, each with
    `prompt`, `output`, `references` and the whole row as `example`:
    `sum(each.output in each.references for each in answers) / len(answers)`.
    """


@hookspec
def brahma_trackers() -> Iterable[TrackerEntry]:  # type: ignore[empty-body]
    """Trackers: where metrics go beside `metrics.jsonl`, chosen by `training_config.trackers`.

    pyproject.toml:

        [project]
        name = "brahma-csv"
        version = "1.0"
        dependencies = ["brahma-train"]

        [project.entry-points."brahma.plugins"]
        csv = "brahma_csv"

    brahma_csv.py:

        from brahma.core.entries import TrackerEntry
        from brahma.core.hookspecs import hookimpl

        class CsvTracker:
            def __init__(self, run_directory, config, options):
                self.file = open(run_directory / "loss.csv", "a", encoding="utf-8")

            def log(self, step, row):
                if "train/loss" in row:
                    self.file.write(f"{step},{row['train/loss']}\\n")

            def close(self):
                self.file.close()

        @hookimpl
        def brahma_trackers():
            yield TrackerEntry(name="csv", target="brahma_csv:CsvTracker", summary="loss.csv")
    """


@hookspec
def brahma_executors() -> Iterable[ExecutorEntry]:  # type: ignore[empty-body]
    """Executors: where the tasks of a cleaning run, chosen by `--executor`.

    pyproject.toml:

        [project]
        name = "brahma-threads"
        version = "1.0"
        dependencies = ["brahma-data"]

        [project.entry-points."brahma.plugins"]
        threads = "brahma_threads"

    brahma_threads.py:

        from concurrent.futures import ThreadPoolExecutor

        from brahma.core.entries import ExecutorEntry
        from brahma.core.hookspecs import hookimpl

        class Threads:
            def __init__(self, options):
                pass

            def run(self, stages, *, folder):
                with ThreadPoolExecutor() as pool:
                    for stage in stages:
                        list(pool.map(stage.run, range(stage.tasks)))
                return True

        @hookimpl
        def brahma_executors():
            yield ExecutorEntry(name="threads", target="brahma_threads:Threads", summary="In threads")
    """


@hookspec
def brahma_samplers() -> Iterable[SamplerEntry]:  # type: ignore[empty-body]
    """Samplers: what chooses the values of a search's next trial, by `search.sampler`.

    pyproject.toml:

        [project]
        name = "brahma-nearby"
        version = "1.0"
        dependencies = ["brahma-train[search]"]

        [project.entry-points."brahma.plugins"]
        nearby = "brahma_nearby.plugin"

    brahma_nearby/plugin.py:

        from brahma.core.entries import SamplerEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_samplers():
            yield SamplerEntry(
                name="nearby", target="brahma_nearby.sampler:build",
                summary="Changes one value of the best trial so far",
            )

    brahma_nearby/sampler.py:

        import random

        from optuna.samplers import RandomSampler
        from optuna.trial import TrialState

        class Nearby(RandomSampler):
            def __init__(self, seed):
                super().__init__(seed=seed)
                self.chance = random.Random(seed)

            def infer_relative_search_space(self, study, trial):
                done = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
                return dict(study.best_trial.distributions) if done else {}

            def sample_relative(self, study, trial, search_space):
                if not search_space:
                    return {}
                name = self.chance.choice(sorted(search_space))
                value = self.sample_independent(study, trial, name, search_space[name])
                return {**study.best_params, name: value}

        def build(seed, options):
            return Nearby(seed)

    Used as `{"search": {"sampler": "nearby"}}`.
    """


@hookspec
def brahma_objectives() -> Iterable[ObjectiveEntry]:  # type: ignore[empty-body]
    """Objectives: what a search may optimise beside metrics, by `search.metric` or `--metric`.

    pyproject.toml:

        [project]
        name = "brahma-steadiness"
        version = "1.0"
        dependencies = ["brahma-core"]

        [project.entry-points."brahma.plugins"]
        steadiness = "brahma_steadiness"

    brahma_steadiness.py:

        from brahma.core.entries import ObjectiveEntry
        from brahma.core.hookspecs import hookimpl

        def steadiness(run, options):
            losses = [row["train/loss"] for row in run.metrics() if row.get("train/loss") is not None]
            steps = [abs(after - before) for before, after in zip(losses, losses[1:])]
            return sum(steps) / len(steps) if steps else float("nan")

        @hookimpl
        def brahma_objectives():
            yield ObjectiveEntry(
                name="steadiness", target="brahma_steadiness:steadiness", direction="minimize",
                summary="Mean jump of the loss from one logged step to the next",
            )

    Used as `--metric steadiness`.
    """


@hookspec
def brahma_commands() -> Iterable[CommandEntry]:  # type: ignore[empty-body]
    """Commands of `brahma`. A name of two words makes a command of a group.

    pyproject.toml:

        [project]
        name = "brahma-hello"
        version = "1.0"
        dependencies = ["brahma-core"]

        [project.entry-points."brahma.plugins"]
        hello = "brahma_hello.plugin"

    brahma_hello/plugin.py:

        from brahma.core.entries import CommandEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_commands():
            yield CommandEntry(name="hello", target="brahma_hello.command:hello", summary="Greet somebody")

    brahma_hello/command.py:

        import click

        @click.command()
        @click.argument("name", default="world")
        def hello(name):
            \"\"\"Greet NAME.\"\"\"
            click.echo(f"hello {name}")

    Used as `brahma hello`.
    """
