"""Joining a study: it is made, or found to search the same; the data is prepared once for all trials."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brahma.core.config import ResolvedConfig, SearchSection, diff
from brahma.core.errors import ConfigError, RunError
from brahma.core.runs import Run, RunDirectory
from brahma.core.spec import ModelSpec
from brahma.data.packs import Packs
from brahma.train.pinned import FREE
from brahma.train.search.circumstances import circumstances
from brahma.train.search.history import Sampler
from brahma.train.search.lengths import plan_of, tokens_until
from brahma.train.search.measure import Measure
from brahma.train.search.parameters import Key
from brahma.train.search.rungs import Rules, rung_divisors, rung_steps
from brahma.train.search.space import Space, corners
from brahma.train.search.storage import Definition, Study, differences
from brahma.train.sources import Sources, open_dataset, open_validation


@dataclass(frozen=True)
class Joined:
    """A study in which trials can begin.

    Attributes:
        space: of which a point is a trial's configuration.
        packs: the training data.
        divisors: what a trial's whole length is divided by at each rung.
        rules: what decides which trial goes on.
        sampler: chooses the values of a trial.
    """

    space: Space
    packs: Packs
    divisors: tuple[int, ...]
    rules: Rules
    sampler: Sampler


@dataclass(frozen=True)
class Joining:
    """What is searched, before it is known whether the study searches the same.

    Attributes:
        study: that is made, or joined; the caller decides in it (`Study.deciding`).
        base: the base configuration.
        parameters: what is varied, and the range that was given.
        measure: what trials are compared by.
    """

    study: Study
    base: ResolvedConfig
    parameters: Mapping[Key, Any]
    measure: Measure

    @property
    def _section(self) -> SearchSection:
        return self.base.config.search or SearchSection()

    def join(self) -> Joined:
        """Make the study, or join it.

        Raises:
            RunError: the study of this name searches something else, or is kept elsewhere.
            ConfigError: a range is wrong, or trials would be too short to be compared.
            BrahmaError: what is wrong with the data.
        """
        stored = self._stored()
        if stored is not None:
            self._refuse_other_space(stored)
        else:
            for prepared in ("data.json", "tokenizer"):
                _remove(self.study.folder / prepared)
        config, section = self.base.config, self._section
        packs, fingerprint = self._prepare_data()
        known: dict[Key, Any] = {
            key: given if given is not None or stored is None else stored.space[key.name]
            for key, given in self.parameters.items()
        }
        space = Space(self.base, known, circumstances(config, packs, section), self._extra())
        plan = plan_of(config, packs)
        definition = Definition(
            space=space.ranges,
            paths=space.paths,
            metric=self.measure.name,
            higher_is_better=self.measure.higher_is_better,
            sampler=section.sampler.model_dump(mode="json"),
            seed=section.seed,
            reduction_factor=section.reduction_factor,
            divisors=rung_divisors(plan.total_steps, section.reduction_factor, section.min_steps),
            base=_identity(self.base),
            data=fingerprint,
        )
        if stored is not None and (changed := differences(stored, definition)):
            raise _other_study(self.study, changed)
        _check_lengths(space, packs, definition.divisors)
        better = self.measure.higher_is_better
        sampler = Sampler(section.sampler, section.seed, space.ranges, higher_is_better=better)
        if stored is None:
            self.study.begin(definition)
        steps = rung_steps(plan.total_steps, definition.divisors)
        assert steps is not None
        rules = Rules(
            trials=section.trials,
            reduction_factor=section.reduction_factor,
            higher_is_better=better,
            max_tokens=section.max_tokens,
            first_cost=tokens_until(plan, steps[0]),
        )
        return Joined(space, packs, definition.divisors, rules, sampler)

    def _stored(self) -> Definition | None:
        """What the study of this name searches. One that has come to nothing yet makes room for another.

        Raises:
            RunError: the study of this name is kept elsewhere.
        """
        study = self.study
        if (study.folder / "search.json").exists():
            kept = Study(study.folder).place
            if kept != study.place:
                raise _other_study(study, [f"it is kept in {kept}; now {study.place}"])
        stored, trials = study.definition, study.trials()
        if stored is None:
            return None
        study.settle()
        if any(trial.values or trial.status == "running" for trial in trials) or self._is_alike(stored):
            return stored
        for trial in trials:
            if (run := Run(study.output_dir / "runs" / trial.run)).directory.is_dir():
                run.delete()
        study.forget()
        return None

    def _is_alike(self, stored: Definition) -> bool:
        """Whether a study searches the same, as far as that is known before the data is prepared."""
        same_names = {key.name for key in self.parameters} == stored.space.keys()
        measured = (self.measure.name, self.measure.higher_is_better)
        return (
            same_names
            and measured == (stored.metric, stored.higher_is_better)
            and dict(stored.base) == _identity(self.base)
        )

    def _refuse_other_space(self, stored: Definition) -> None:
        """Raises RunError where the study searches other parameters, said before anything is prepared."""
        names = {key.name for key in self.parameters}
        if names != stored.space.keys():
            found = [f"{name}: searched; now not" for name in stored.space if name not in names]
            found += [f"{name}: not searched; now searched" for name in names - stored.space.keys()]
            raise _other_study(self.study, sorted(found))
        old, new = dict(stored.base), _identity(self.base)
        if old != new:
            changed = Definition(**{**vars(stored), "base": new})
            raise _other_study(self.study, differences(stored, changed))

    def _prepare_data(self) -> tuple[Packs, str]:
        """Tokenizer and packs: made once, the runs of the trials find them. With the data's fingerprint."""
        from brahma.train import preparing

        config = self.base.config
        self.study.folder.mkdir(parents=True, exist_ok=True)
        directory = RunDirectory(self.study.folder)
        rows = open_dataset(config)
        sources = Sources(ModelSpec.from_section(config.model), rows, open_validation(config, rows))
        tokenizer = preparing.open_tokenizer(config, sources, directory)
        data = preparing.open_data(config, sources, tokenizer, directory)
        return data.train, data.fingerprint

    def _extra(self) -> dict[str, Any]:
        """What each trial has beside the base configuration and its values."""
        tokenizer = self.base.config.tokenizer
        found: dict[str, Any] = {"training_config.save_total_limit": 1}
        if tokenizer is not None and tokenizer.train is not None:
            path = str(self.study.folder / "tokenizer")
            found["tokenizer"] = {"path": path, "new_tokens": tokenizer.new_tokens}
        return found | {f"evaluation.{key}": value for key, value in self.measure.keys().items()}


def _check_lengths(space: Space, packs: Packs, divisors: Sequence[int]) -> None:
    """Raises ConfigError where trials of the space are too short to be compared on their way."""
    for values in corners(space.ranges):
        config = space.configuration(values, "trial").config
        plan = plan_of(config, packs)
        shown = ", ".join(f"{name} {value}" for name, value in values.items())
        if rung_steps(plan.total_steps, divisors) is None:
            raise ConfigError(
                f"a trial of {shown} has {plan.total_steps} steps: too few for rungs",
                where="search.parameters",
                why=f"trials are compared after {_in_words(divisors)} of their steps",
                hint="train longer, search smaller batches, or set search.reduction_factor to null",
            )
        if config.training.warmup_steps >= plan.total_steps:
            raise ConfigError(
                f"a trial of {shown} has {plan.total_steps} steps: all of it would be warm-up",
                where="search.parameters.warmup_steps",
                hint=f"at most {max(1, plan.total_steps // 5)}",
            )


def _in_words(divisors: Sequence[int]) -> str:
    return " and ".join(f"1/{divisor}" for divisor in divisors if divisor > 1)


def _identity(base: ResolvedConfig) -> dict[str, Any]:
    """What of the base configuration decides what the trials are."""
    changes = diff({}, base)
    return {key: value for key, _, value in changes if not key.startswith(FREE)}


def _other_study(study: Study, found: Sequence[str]) -> RunError:
    return RunError(
        f"the study {study.name} searches something else",
        where=str(study.folder),
        why="; ".join(found),
        hint="search under another name: --name, or search.name",
    )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
