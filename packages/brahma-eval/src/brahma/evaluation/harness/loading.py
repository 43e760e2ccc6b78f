"""Names become lm-eval's task objects, with their rows from the hub or from the user's own files."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.error_text import first_line
from brahma.core.errors import BrahmaError, ConfigError, DataError, MissingDependencyError
from brahma.evaluation.harness.quiet import quiet_libraries
from brahma.evaluation.harness.registry import IncludePath, Registry, registry

if TYPE_CHECKING:
    from lm_eval.api.task import Task
    from lm_eval.tasks import TaskManager

    from brahma.evaluation.harness.local.serving import LocalData

SEED = 1234
"""Of few-shot examples: lm-eval's own default."""
_SHOWN = 10  # tasks without data in one error

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedTasks:
    """Tasks ready to run.

    Attributes:
        names: what was asked for, aliases and wildcards undone: tasks, groups and tags.
        task_dict: `tasks`, `groups` and `group_map`, for `lm_eval.evaluator.evaluate`. Few-shot counts and
            seeds are set.
        fingerprints: of each task's rows: of the local files' content, or of the hub's data set.
        files: the local files that each task's rows came from; empty without a data directory.
        runs_code: whether a task executes what the model writes, which was allowed by name.
        notes: what the user should know of where rows were found.
    """

    names: tuple[str, ...]
    task_dict: Mapping[str, Any]
    fingerprints: Mapping[str, str]
    files: Mapping[str, tuple[Path, ...]]
    runs_code: bool = False
    notes: tuple[str, ...] = ()

    @property
    def tasks(self) -> Mapping[str, Task]:
        """lm-eval's tasks by name."""
        return dict(self.task_dict["tasks"])


def load_tasks(
    names: str | Iterable[str],
    *,
    data_dir: str | Path | None = None,
    include_path: IncludePath = None,
    num_fewshot: int | None = None,
    allow_code: Collection[str] = (),
    metadata: Mapping[str, Any] | None = None,
    seed: int = SEED,
) -> LoadedTasks:
    """Make the tasks behind these names.

    Args:
        names: as `find_tasks`.
        data_dir: the user's folder of data sets; nothing is fetched then. None: the hub, or its cache.
        include_path: folders with the user's own YAML tasks.
        num_fewshot: examples before each question; None: as each task says. As in lm-eval, tasks whose
            configuration says 0 keep it.
        allow_code: tasks that may execute what the model wrote.
        metadata: what lm-eval hands to tasks that make their data.
        seed: of the choice of few-shot examples.

    Raises:
        ConfigError: unknown names; a task that runs code and was not allowed; one that lm-eval cannot make.
        DataError: files or rows are missing or wrong; without `data_dir`, the hub has no such data set or
            does not answer.
        MissingDependencyError: lm-eval, or what a task needs, is not installed.
    """
    if num_fewshot is not None and num_fewshot < 0:
        raise ConfigError("few-shot examples cannot be fewer than 0", where="num_fewshot")
    with quiet_libraries():
        known = registry(include_path)
        asked = known.resolve(names)
        leaves = tuple(dict.fromkeys(leaf for name in asked for leaf in known.leaves(name)))
        runs_code = _check_code(known, leaves, allow_code)
        data = _local_data(data_dir, known, num_fewshot) if data_dir is not None else None
        task_dict = _made(known, asked, data, metadata, num_fewshot)
        for task in task_dict["tasks"].values():
            _set_examples(task, num_fewshot, seed)
            _check_examples(task)
        fingerprints = {
            name: data.fingerprint(task) if data and data.files(task) else _fingerprint(task)
            for name, task in task_dict["tasks"].items()
        }
        files = {name: data.files(task) for name, task in task_dict["tasks"].items()} if data else {}
    for note in data.notes if data else ():
        _log.info(note)
    return LoadedTasks(
        names=asked,
        task_dict=task_dict,
        fingerprints=fingerprints,
        files=files,
        runs_code=runs_code,
        notes=tuple(data.notes) if data else (),
    )


def _check_code(known: Registry, leaves: Sequence[str], allowed: Collection[str]) -> bool:
    """Whether any runs code. Raises ConfigError for those that were not allowed."""
    running = [name for name in leaves if known.summaries[name].runs_code]
    if refused := [name for name in running if name not in allowed]:
        raise ConfigError(
            f"{_listed(refused)} would execute what the model writes",
            why="code from a model can do anything that you can do here",
            hint=f"in a sandbox, allow it by name: --allow-code {','.join(refused)}",
        )  # fmt: skip
    return bool(running)


def _local_data(data_dir: str | Path, known: Registry, shots: int | None) -> LocalData:
    from brahma.evaluation.harness.local.folders import DataDirectory
    from brahma.evaluation.harness.local.serving import LocalData

    return LocalData(DataDirectory(Path(data_dir), known.__contains__), shots)


def _made(
    known: Registry,
    names: Sequence[str],
    data: LocalData | None,
    metadata: Mapping[str, Any] | None,
    shots: int | None,
) -> dict[str, Any]:
    """lm-eval's `TaskDict` of all names; one task in several groups stands in it once."""
    from brahma.evaluation.harness.local.folders import MissingDataError
    from brahma.evaluation.harness.local.hub import asked_once
    from brahma.evaluation.harness.local.serving import serving

    manager = known.manager(metadata)
    made: dict[str, dict[str, Any]] = {"tasks": {}, "groups": {}, "group_map": {}}
    try:
        with serving(data) if data is not None else asked_once():
            for name in _outermost(known, names):
                if data is not None:
                    data.making = name
                loaded = _built(manager, known, name)
                for kind, found in made.items():
                    found.update({k: v for k, v in loaded.get(kind, {}).items() if k not in found})
    except MissingDataError as error:
        raise _all_missing(error, known, names, data, shots) from error.__cause__
    return made


def _outermost(known: Registry, names: Sequence[str]) -> list[str]:
    """The names but for tasks that a group or tag among them has too: each is made once."""
    covered = {leaf for name in names for leaf in known.leaves(name) if leaf != name}
    return [name for name in names if name not in covered]


def _built(manager: TaskManager, known: Registry, name: str) -> Mapping[str, Any]:
    """Raises ConfigError or DataError in place of whatever lm-eval and its libraries raise."""
    from brahma.evaluation.harness.local import hub

    try:
        return dict(manager.load([name]))
    except BrahmaError:
        raise
    except ImportError as error:
        raise MissingDependencyError(
            f"the task {name} needs a library that is not installed", why=str(error),
            hint=f"pip install {error.name}" if error.name else "install what it names",
        ) from error  # fmt: skip
    except Exception as error:
        if hub.is_about_data(error):
            raise hub.not_loaded(error, known, name) from error
        raise ConfigError(
            "lm-eval cannot make this task", where=name, why=f"{type(error).__name__}: {first_line(error)}",
            hint="with a data directory: do its rows have the columns that the task reads? Else its YAML is "
            "wrong, or its data set on the hub has changed",
        ) from error  # fmt: skip


def _all_missing(
    first: DataError, known: Registry, names: Sequence[str], data: LocalData | None, shots: int | None
) -> DataError:
    """One error for all tasks whose files are not there."""
    from brahma.evaluation.harness.local.serving import request_from

    if data is None:
        return first
    lacking = {}
    for leaf in dict.fromkeys(leaf for name in names for leaf in known.leaves(name)):
        request = request_from(known.configuration(leaf), shots)
        if request.data_set and not data.directory.files(request, request.evaluated):
            lacking[leaf] = data.directory.missing(request, request.evaluated)
    if len(lacking) < 2:
        return first
    example = next(iter(lacking.values()))
    return DataError(
        f"{len(lacking)} tasks have no data: {_listed(list(lacking))}", where=str(data.directory.path),
        why=f"for {example.where}: {example.why}", hint=example.hint,
    )  # fmt: skip


def _set_examples(task: Task, asked: int | None, seed: int) -> None:
    """As lm-eval's `simple_evaluate`: a task that says 0 keeps it."""
    own = task.get_config("num_fewshot")
    if asked is not None and own != 0:
        task.set_config(key="num_fewshot", value=asked)
    elif own is None:
        task.set_config(key="num_fewshot", value=0)
    task.set_fewshot_seed(seed=seed)


def _check_examples(task: Task) -> None:
    """Raises DataError: fewer rows to take few-shot examples from than are asked for."""
    from lm_eval.api.samplers import FirstNSampler

    count = task.get_config("num_fewshot") or 0
    rows = getattr(getattr(task, "sampler", None), "df", None)
    if not count or not isinstance(rows, list):
        return
    named = getattr(getattr(task, "fewshot_cfg", None), "split", None)
    split = named or task.get_config("training_split") or "few-shot"
    # lm-eval draws one more, lest the question be its own example; also where neither split is named
    is_evaluated = named == task.get_config("test_split") and (
        named is not None or not isinstance(task.sampler, FirstNSampler)
    )
    if len(rows) < count + is_evaluated:
        raise DataError(
            f'{count} few-shot examples are asked for; the split "{split}" has {len(rows)} rows',
            where=task.task_name, hint=f"ask for {max(len(rows) - is_evaluated, 0)} or fewer",
        )  # fmt: skip


def _fingerprint(task: Task) -> str:
    """Of the hub's data set, as the datasets library has it."""
    splits = getattr(task, "dataset", None)
    parts = [
        f"{name}:{getattr(rows, '_fingerprint', '')}:{len(rows)}"
        for name, rows in sorted(splits.items() if isinstance(splits, Mapping) else ())
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
