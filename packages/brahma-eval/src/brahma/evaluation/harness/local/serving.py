"""Local rows put under lm-eval's stock tasks, which keep their names, versions and configurations."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.evaluation.harness.local.folders import DataDirectory, MissingDataError
from brahma.evaluation.harness.local.request import Request
from brahma.evaluation.harness.local.shapes import shape_of

if TYPE_CHECKING:
    from datasets import Dataset
    from lm_eval.api.task import Task

_VERSION = "1"  # of the conversion; raise it when the same files give other rows
_BUILT_IN = frozenset({"json", "csv", "text", "parquet", "arrow", "pandas", "webdataset"})
"""Data sets that are files already: a task that names them brings its own."""
_serving: ContextVar[LocalData | None] = ContextVar("_serving", default=None)
_patching = threading.Lock()


class LocalData:
    """Rows of the data directory, for one loading of tasks.

    Attributes:
        notes: what the user should know, such as a folder that was found by its beginning.
        making: the name of the task that is being made, for Python tasks that do not know their own yet.
    """

    def __init__(self, directory: DataDirectory, shots: int | None = None) -> None:
        self.directory = directory
        self.making = ""
        self.notes: dict[str, None] = {}
        self._shots = shots
        self._hashes: dict[Path, bytes] = {}
        self._given: dict[int, tuple[Task, tuple[Path, ...]]] = {}

    def files(self, task: Task) -> tuple[Path, ...]:
        """Those that a task was given; empty where it has its own."""
        return self._given[id(task)][1] if id(task) in self._given else ()

    def fingerprint(self, task: Task) -> str:
        """Of the content of a task's files: another row, another fingerprint."""
        total = hashlib.sha256(_VERSION.encode())
        for file in self.files(task):
            if file not in self._hashes:
                with file.open("rb") as stream:
                    self._hashes[file] = hashlib.file_digest(stream, "sha256").digest()
            total.update(file.stem.encode() + b"\0" + self._hashes[file])
        return total.hexdigest()

    def dataset(self, request: Request) -> tuple[Mapping[str, Dataset], tuple[Path, ...]]:
        """Every split of the task's configuration, those that nothing reads empty; and the files.

        Raises:
            MissingDataError: no files for a split that is needed.
            RowError, DataError: a file or a row of it is not as it should be.
        """
        from datasets import Dataset, DatasetDict

        needed = dict.fromkeys((request.evaluated, *([request.examples] if request.examples else ())))
        files = {split: self._files(request, split) for split in needed}
        made = {split: Dataset.from_list(self._rows(request, found)) for split, found in files.items()}
        features = made[request.evaluated].features
        for split in request.splits:
            if split not in made:
                made[split] = Dataset.from_dict({name: [] for name in features}, features=features)
        return DatasetDict(made), tuple(dict.fromkeys(file for found in files.values() for file in found))

    def give(self, task: Task, otherwise: Callable[..., None], *args: Any, **options: Any) -> None:
        """What a task does in place of its download."""
        request = request_of(task, self._shots, self.making)
        config = getattr(task, "_config", None)
        if not request.data_set or (_is_here(config, request) and self.directory.folder(request) is None):
            otherwise(task, *args, **options)
            return
        task.dataset, files = self.dataset(request)
        self._given[id(task)] = (task, files)
        for settings in (config, getattr(config, "fewshot_config", None)):
            if settings is not None and callable(process := getattr(settings, "process_docs", None)):
                settings.process_docs = _once(process)

    def _files(self, request: Request, split: str) -> tuple[Path, ...]:
        files = self.directory.files(request, split)
        if not files:
            raise self._missing(request, split)
        folder = self.directory.folder(request)
        if folder is not None and folder.by_beginning:
            self.notes[f"{folder.by_beginning}: rows from {folder.path}, whose name begins so"] = None
        return files

    def _rows(self, request: Request, files: Sequence[Path]) -> list[dict[str, object]]:
        shape = shape_of(request)
        found = [dict(row) for file in files for row in shape.read(file, request)]
        if shape.replaced and any(shape.replaced in str(row) for row in found):
            told = f"rare words are {shape.replaced} in {files[0]}: figures are not those of the raw text"
            self.notes[f"{request.task}: {told}"] = None
        return found

    def _missing(self, request: Request, split: str) -> MissingDataError:
        error = self.directory.missing(request, split)
        if split != request.evaluated:
            error.message = (
                f'{request.shots} few-shot examples come from the split "{split}", which is not there'
            )
            error.hint = f"{error.hint}; or ask for 0 examples"
        return error


@contextmanager
def serving(data: LocalData) -> Iterator[None]:
    """Tasks that are made inside, by this thread, get their rows from the data directory.

    lm-eval makes tasks by their class; `download` is the method that its documentation has for other sources.
    """
    from lm_eval.api.task import ConfigurableTask, Task

    token = _serving.set(data)
    with _patching:
        before = {kind: kind.download for kind in (Task, ConfigurableTask)}
        for kind, download in before.items():
            kind.download = _instead_of(download)
        try:
            yield
        finally:
            for kind, download in before.items():
                kind.download = download
            _serving.reset(token)


def request_of(task: Task, shots: int | None = None, called: str = "") -> Request:
    """What a task that is being made asks for.

    Args:
        shots: few-shot examples asked for; None: as many as the task's configuration says.
        called: its name where it does not know it itself.
    """
    config = getattr(task, "_config", None)
    data_set, name = task.DATASET_PATH or "", task.DATASET_NAME or ""
    settings = {} if config is None else vars(config)
    if not (settings.get("test_split") or settings.get("validation_split")):  # a class of its own kind
        return Request(
            task=str(settings.get("task") or called or type(task).__name__), data_set=data_set, name=name,
            evaluated="test" if task.has_test_docs() else "validation", examples=None,
            splits=("train", "validation", "test"),
        )  # fmt: skip
    if callable(settings.get("custom_dataset")):
        data_set = ""
    return _request(settings, data_set, name, settings.get("fewshot_config"), shots)


def request_from(settings: Mapping[str, Any], shots: int | None = None) -> Request:
    """The same from a task's YAML, before lm-eval has made it."""
    data_set, name = settings.get("dataset_path") or "", settings.get("dataset_name") or ""
    return _request(settings, data_set, name, settings.get("fewshot_config"), shots)


def _request(
    settings: Mapping[str, Any], data_set: str, name: str, fewshot: Any, shots: int | None
) -> Request:
    training, validation, test = (
        settings.get(f"{each}_split") for each in ("training", "validation", "test")
    )
    own = settings.get("num_fewshot")
    count = own or 0 if shots is None or own == 0 else shots
    get = fewshot.get if isinstance(fewshot, Mapping) else functools.partial(_attribute, fewshot)
    split = get("split") or settings.get("fewshot_split")
    if split is None and get("samples") is None:
        split = training or validation or test
    named = dict.fromkeys(each for each in (test, validation, training, split) if each)
    return Request(
        task=str(settings.get("task") or ""),
        data_set=data_set,
        name=name,
        evaluated=test or validation or "test",
        examples=split if count else None,
        splits=tuple(named),
        shots=count,
        fields=() if settings.get("process_docs") else _fields(settings),
    )


def _is_here(config: object, request: Request) -> bool:
    """Whether a task's own data lie on this machine: a folder, or files that its configuration names."""
    if request.data_set in _BUILT_IN:
        return "://" not in str(_attribute(config, "dataset_kwargs"))
    return Path(request.data_set).exists()


def _attribute(owner: object, name: str) -> Any:
    return getattr(owner, name, None)


def _fields(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that a task's templates read."""
    from jinja2 import Environment, TemplateSyntaxError, meta

    found: set[str] = set()
    for key in ("doc_to_text", "doc_to_target", "doc_to_choice"):
        template = settings.get(key)
        if isinstance(template, str) and template.isidentifier():
            found.add(template)
        elif isinstance(template, str) and "{" in template:
            try:
                found |= meta.find_undeclared_variables(Environment().parse(template))
            except TemplateSyntaxError:
                return ()  # lm-eval says what is wrong with it
    return tuple(sorted(found - set(Environment().globals)))


def _instead_of(download: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(download)
    def served(task: Task, *args: Any, **options: Any) -> None:
        if (data := _serving.get()) is None:  # another thread's task
            download(task, *args, **options)
        else:
            data.give(task, download, *args, **options)

    return served


def _once(process: Callable[[Dataset], Dataset]) -> Callable[[Dataset], Dataset]:
    """A task's `process_docs`, run once for each split: lm-eval asks for a task's rows again and again.

    A split without rows is left as it is.
    """
    made: dict[int, tuple[Dataset, Dataset]] = {}

    @functools.wraps(process)
    def processed(rows: Dataset) -> Dataset:
        if len(rows) == 0:
            return rows
        if id(rows) not in made:
            made[id(rows)] = (rows, process(rows))
        return made[id(rows)][1]

    return processed
