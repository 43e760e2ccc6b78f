"""The tasks that lm-eval knows, by name: tasks, groups and tags, and the user's own.

Building lm-eval's index reads 15,000 YAML files, which takes seconds. What it says is kept in the user's
cache folder, a file for each version of lm-eval, and read from there in milliseconds.
"""

from __future__ import annotations

import fnmatch
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from brahma.core.error_text import first_line
from brahma.core.errors import ConfigError
from brahma.core.extras import needs
from brahma.core.progress import progress
from brahma.core.suggest import nearest
from brahma.evaluation.harness.quiet import quiet_libraries

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._index import Entry

Kind = Literal["task", "group", "tag"]
IncludePath = str | Path | Sequence[str | Path] | None

EXTRA = "brahma-eval[tasks]"
ALIASES: Mapping[str, tuple[str, ...]] = {
    "truthfulqa": ("truthfulqa_mc1", "truthfulqa_mc2", "truthfulqa_gen"),
    "wikitext2": ("wikitext",),
}
"""What users write, and the tasks that it means. A task of the user's own with such a name comes first."""

_INDEX_VERSION = 2  # of the file below; raise it when what stands in it means something else


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """One name that can be evaluated.

    Attributes:
        kind: a task; a group, which has figures of its own; a tag, which only stands for its tasks.
        path: its YAML file; None for a tag.
        members: of a group or tag, the names of what is in it.
        output_type: `multiple_choice`, `generate_until`, `loglikelihood`, `loglikelihood_rolling`; empty for
            groups and tags, and where the task is a Python class.
        runs_code: it executes what the model wrote.
    """

    name: str
    kind: Kind
    path: str | None
    members: tuple[str, ...] = ()
    output_type: str = ""
    runs_code: bool = False


class Registry:
    """Every name that can be evaluated, and how lm-eval builds it."""

    def __init__(self, summaries: Mapping[str, TaskSummary]) -> None:
        self.summaries = summaries

    def __contains__(self, name: object) -> bool:
        return name in self.summaries

    def resolve(self, names: str | Iterable[str]) -> tuple[str, ...]:
        """Aliases, wildcards and commas undone; each name once, in the order of asking.

        Raises:
            ConfigError: names that nothing has, all of them; or none was given.
        """
        asked = [name.strip() for each in _as_list(names) for name in each.split(",") if name.strip()]
        if not asked:
            raise ConfigError("no task is named", hint="`brahma evaluate --list-tasks` lists all tasks")
        found: dict[str, None] = {}
        unknown = []
        for name in asked:
            meant = self._meant(name)
            found |= dict.fromkeys(meant)
            if not meant:
                unknown.append(name)
        if unknown:
            raise self._unknown(unknown)
        return tuple(found)

    def leaves(self, name: str) -> tuple[str, ...]:
        """The tasks behind a name: itself, or those of the group or tag, through groups in groups."""
        return tuple(each for each in self.within(name) if self.summaries[each].kind == "task")

    def within(self, name: str) -> tuple[str, ...]:
        """A name and all that is in it: groups, and the tasks in those."""
        return tuple(dict.fromkeys(self._within(name, frozenset())))

    def configuration(self, name: str) -> dict[str, Any]:
        """What a task's YAML says, includes merged, functions as text. Empty where the name is no task's."""
        summary = self.summaries.get(name)
        if summary is None or summary.kind != "task" or summary.path is None:
            return {}
        from lm_eval.tasks._yaml_loader import load_yaml

        return dict(load_yaml(summary.path, resolve_func=False))

    def manager(self, metadata: Mapping[str, Any] | None = None) -> TaskManager:
        """lm-eval's own manager with this index in it.

        Args:
            metadata: what lm-eval hands to tasks that make their data, such as `{"tokenizer": …}`.
        """
        with needs(EXTRA, "evaluating named tasks"):
            from lm_eval.tasks import TaskManager

        made = TaskManager(include_defaults=False, metadata=dict(metadata or {}))
        made.task_index.update({name: _entry(summary) for name, summary in self.summaries.items()})
        return made

    def _meant(self, name: str) -> tuple[str, ...]:
        own = self.summaries.get(name)
        if name in ALIASES and (own is None or own == _stock().get(name)):
            return ALIASES[name]
        if own is not None:
            return (name,)
        if any(mark in name for mark in "*?["):
            return tuple(sorted(fnmatch.filter(self.summaries, name)))
        return ()

    def _within(self, name: str, above: frozenset[str]) -> Iterator[str]:
        summary = self.summaries.get(name)
        if summary is None or name in above:
            return
        yield name
        for member in summary.members:
            yield from self._within(member, above | {name})

    def _unknown(self, names: Sequence[str]) -> ConfigError:
        problems = [_unknown_name(name, self.summaries) for name in names]
        if len(problems) == 1:
            return problems[0]
        return ConfigError(f"{len(problems)} tasks are not known", problems=problems)


def find_tasks(names: str | Iterable[str], *, include_path: IncludePath = None) -> tuple[str, ...]:
    """The names of tasks, groups and tags that are meant.

    Args:
        names: of lm-eval's tasks, groups and tags, or aliases (`truthfulqa`); in a list or with commas
            between them; `*`, `?` and `[…]` as in a shell.
        include_path: folders with the user's own YAML tasks.

    Raises:
        ConfigError: unknown names, all of them, each with the nearest one.
        MissingDependencyError: lm-eval is not installed.
    """
    return registry(include_path).resolve(names)


def list_tasks(pattern: str | None = None, *, include_path: IncludePath = None) -> tuple[TaskSummary, ...]:
    """Everything that can be evaluated, by name.

    Args:
        pattern: a part of the name, or a pattern with `*`, `?`, `[…]`; None: all.
    """
    known = registry(include_path).summaries
    return tuple(known[name] for name in sorted(matching(known, pattern)))


def matching(names: Iterable[str], pattern: str | None) -> list[str]:
    """The names with a pattern as `list_tasks` takes it."""
    if not pattern:
        return list(names)
    return fnmatch.filter(names, pattern if any(mark in pattern for mark in "*?[") else f"*{pattern}*")


def registry(include_path: IncludePath = None) -> Registry:
    """lm-eval's tasks, and those of the user's folders, which win.

    Raises:
        ConfigError: a folder is not there, or a YAML file in it cannot be read.
        MissingDependencyError: lm-eval is not installed.
    """
    found = dict(_stock())
    for folder in _folders(include_path):
        found |= _own(folder)
    return Registry(found)


def lm_eval_version() -> str:
    """The installed version.

    Raises:
        MissingDependencyError: it is not installed.
    """
    return _distribution().version


def _distribution() -> Distribution:
    with needs(EXTRA, "evaluating named tasks"):
        return distribution("lm_eval")


@cache
def _stock() -> Mapping[str, TaskSummary]:
    """lm-eval's own tasks, from the file of an earlier call or by reading them all."""
    package = _distribution()
    file = _index_file(package)
    folder = Path(str(package.locate_file("lm_eval/tasks"))).resolve()
    if file is not None and (known := _read(file, folder)) is not None:
        return known
    if not folder.is_dir():  # an editable installation lies elsewhere
        with needs(EXTRA, "evaluating named tasks"):
            import lm_eval.tasks
        folder = Path(lm_eval.tasks.__file__).parent
    with progress("reading lm-eval's list of tasks, once"):
        found = _index_of(folder)
    if file is not None:
        _write(file, found, folder)
    return found


def _own(folder: Path) -> Mapping[str, TaskSummary]:
    """The tasks of a user's folder.

    Raises:
        ConfigError: a YAML file cannot be read, which lm-eval would pass over.
    """
    with needs(EXTRA, "evaluating named tasks"):
        from lm_eval.tasks._yaml_loader import load_yaml
    found = _index_of(folder)
    read = {summary.path for summary in found.values()}
    for file in sorted(folder.rglob("*.yaml")):
        if str(file) not in read:
            try:
                load_yaml(file, resolve_func=False)
            except Exception as error:
                raise ConfigError(
                    "this task cannot be read", where=str(file), why=first_line(error),
                    hint="mend it, or move it out of the folder",
                ) from error  # fmt: skip
    if not found:
        raise ConfigError("no task is in this folder", where=str(folder), hint=_OWN_TASK)
    return found


_OWN_TASK = "a task is a .yaml file with `task: its-name`, dataset_path, doc_to_text, doc_to_target, …"


def _folders(include_path: IncludePath) -> list[Path]:
    """Raises ConfigError for one that is not there."""
    folders = [Path(each).expanduser().resolve() for each in _as_list(include_path or ())]
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(
                "there is no such folder of tasks", where=str(folder),
                hint="give the folder in which the .yaml files of your tasks lie",
            )  # fmt: skip
    return folders


def _index_of(folder: Path) -> dict[str, TaskSummary]:
    with needs(EXTRA, "evaluating named tasks"):
        from lm_eval.tasks import TaskManager
    with quiet_libraries():
        index = TaskManager(include_path=folder, include_defaults=False).task_index
    return {name: _summary(entry) for name, entry in index.items()}


def _summary(entry: Entry) -> TaskSummary:
    settings: Mapping[str, Any] = entry.cfg or {}
    kind = cast(Kind, {"GROUP": "group", "TAG": "tag"}.get(entry.kind.name, "task"))
    members = sorted(entry.tags) if kind == "tag" else _members(settings.get("task"))
    return TaskSummary(
        name=entry.name,
        kind=kind,
        path=str(entry.yaml_path) if entry.yaml_path else None,
        members=tuple(dict.fromkeys(members)),
        output_type="" if kind != "task" else str(settings.get("output_type") or ""),
        runs_code=bool(settings.get("unsafe_code")),
    )


def _members(listed: object) -> Iterator[str]:
    """The names in a group's list, in which a task with settings of its own is a mapping."""
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict) and isinstance(each.get("task"), list):
            yield from _members(each["task"])
        elif isinstance(each, dict):
            yield str(each.get("task") or each.get("group"))


def _entry(summary: TaskSummary) -> Entry:
    """As lm-eval's index has it; the factory reads the YAML anew."""
    from lm_eval.tasks._index import Entry, Kind

    return Entry(
        name=summary.name,
        kind={"task": Kind.TASK, "group": Kind.GROUP, "tag": Kind.TAG}[summary.kind],
        yaml_path=Path(summary.path) if summary.path else None,
        tags=set(summary.members) if summary.kind == "tag" else set(),
    )


def _index_file(package: Distribution) -> Path | None:
    """Where the list of this version is kept; None for an editable installation, which changes under us."""
    origin = package.read_text("direct_url.json")
    if origin and json.loads(origin).get("dir_info", {}).get("editable"):
        return None
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return home / "brahma" / f"lm-eval-{package.version}-tasks-{_INDEX_VERSION}.json"


def _read(file: Path, folder: Path) -> dict[str, TaskSummary] | None:
    """None where there is no such file, it is damaged, or the tasks are not in this folder.

    Paths in the file are relative to the folder: environments with the same version share it.
    """
    try:
        kept = json.loads(file.read_bytes())
        found = {}
        for each in kept:
            path = each["path"] and os.path.join(folder, each["path"])
            found[each["name"]] = TaskSummary(**each | {"members": tuple(each["members"]), "path": path})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    first = next((each.path for each in found.values() if each.path), None)
    return found if first is not None and Path(first).is_file() else None


def _write(file: Path, found: Mapping[str, TaskSummary], folder: Path) -> None:
    """Whole or not at all; a cache that cannot be written is done without."""
    kept = [
        asdict(each) | {"path": each.path and os.path.relpath(each.path, folder)} for each in found.values()
    ]
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, suffix=".part", delete=False) as part:
            json.dump(kept, part)
        os.replace(part.name, file)


def _unknown_name(name: str, known: Iterable[str]) -> ConfigError:
    more = "`brahma evaluate --list-tasks PART` lists the names with a part in common"
    if name.endswith((".yaml", ".yml")):
        more = "a task of your own is found by its name: give its folder as include_path"
    close = nearest(name, known)
    return ConfigError(
        f"no task is called {name!r}", hint=f'did you mean "{close}"? {more}' if close else more
    )


def _as_list(given: object) -> list[Any]:
    return list(given) if isinstance(given, Iterable) and not isinstance(given, str | Path) else [given]
