"""What an executor does (`brahma.data.cleaning.executors`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from brahma.core.errors import DataError, DeviceError, MissingDependencyError
from brahma.core.kit.checks import Check, CheckSkippedError, Subject, expect
from brahma.data.cleaning.executors import Executor, Stage
from brahma.data.kit.texts import ORDINARY, PROTECTED

_TASKS = (5, 3, 1)
"""Of each stage."""
_NOT_HERE = (CheckSkippedError, DeviceError, MissingDependencyError)
"""What says that nothing was tried, and is no failure of a task."""


@dataclass(frozen=True)
class Marking:
    """Tasks that leave a mark each, so that what was done can be read in a folder.

    Attributes:
        stage: its number. before: how many tasks the stage before it has.
        fails: the task that fails as long as there is a file `broken`; None: none does.
    """

    folder: Path
    stage: int
    before: int
    fails: int | None = None

    def __call__(self, task: int) -> None:
        if self.stage and len([*self.folder.glob(f"done-{self.stage - 1}-*")]) < self.before:
            (self.folder / f"early-{self.stage}-{task}").touch()
        if task == self.fails and (self.folder / "broken").exists():
            raise DataError("a task of the kit fails, as it should", hint="Nothing: the kit asks for it")
        with (self.folder / f"done-{self.stage}-{task}").open("a") as mark:
            mark.write("x")


def runs_all_tasks(subject: Subject) -> None:
    """Each task of each stage is done, once."""
    _run(subject)
    _expect_all_done(subject, "")
    twice = [each.name for each in subject.folder.glob("done-*") if len(each.read_text()) > 1]
    expect(not twice, f"done more than once: {', '.join(sorted(twice))}")


def keeps_the_order(subject: Subject) -> None:
    """No stage begins before the one before it is done."""
    _run(subject)
    early = sorted(each.name.removeprefix("early-") for each in subject.folder.glob("early-*"))
    expect(not early, f"begun before the stage before was done: stage-task {', '.join(early)}")


def tells_of_a_failure(subject: Subject) -> None:
    """A task that fails is an error of the whole, and nothing of a later stage is done."""
    (subject.folder / "broken").touch()
    try:
        _run(subject, fails=1)
    except _NOT_HERE:
        raise
    except Exception:
        pass
    else:
        expect(False, "a task failed, and the caller is not told of it")
    later = sorted(each.name.removeprefix("done-") for each in subject.folder.glob("done-2-*"))
    expect(not later, f"a stage after the failure was begun: stage-task {', '.join(later)}")


def goes_on_after_a_failure(subject: Subject) -> None:
    """Called again once the cause is mended, it does what is missing."""
    broken = subject.folder / "broken"
    broken.touch()
    try:
        _run(subject, fails=1)
    except _NOT_HERE:
        raise
    except Exception:
        broken.unlink()
    else:
        raise CheckSkippedError("it does not tell of a failure")
    _run(subject, fails=1)
    _expect_all_done(subject, " the second time")


def runs_a_cleaning(subject: Subject) -> None:
    """A cleaning with duplicates gives what the built-in executor gives."""
    from brahma.data.cleaning.clean import clean

    inputs = []
    for number, texts in enumerate((ORDINARY, PROTECTED, ORDINARY)):
        inputs.append(subject.folder / f"{number}.jsonl")
        inputs[-1].write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    profile = subject.folder / "profile.json"
    profile.write_text('{"steps": ["whitespace", "exact_documents"]}')
    options = {} if subject.options is None else subject.options.model_dump(exclude_unset=True)
    outputs: list[Path] = []
    for name, given in (("processes", {"workers": 1}), (subject.entry.name, options)):
        outputs.append(subject.folder / f"clean-{len(outputs)}.jsonl")
        report = clean(inputs, outputs[-1], profile=profile, executor=name, executor_options=given)
        if report is None:
            raise CheckSkippedError("it hands the work to a scheduler")
    expected, found = (path.read_text(encoding="utf-8") for path in outputs)
    expect(found == expected, f"it writes {found!r:.200}; wanted: {expected!r:.200}")


def _run(subject: Subject, fails: int | None = None) -> None:
    """Run three stages in the subject's folder; of the second, a task may fail.

    Raises:
        CheckSkippedError: the executor only handed them to a scheduler. Whatever it raises itself.
    """
    before = (0, *_TASKS)
    stages = [
        Stage(f"{n}-kit", tasks, Marking(subject.folder, n, before[n], fails if n == 1 else None))
        for n, tasks in enumerate(_TASKS)
    ]
    executor = cast(Executor, subject.load()(subject.options))
    is_done = executor.run(stages, folder=subject.folder)
    if is_done is False:
        raise CheckSkippedError("it hands the work to a scheduler")
    expect(is_done is True, f"it returns {is_done!r}; wanted: True when all is done")


def _expect_all_done(subject: Subject, when: str) -> None:
    wanted = {f"done-{stage}-{task}" for stage, tasks in enumerate(_TASKS) for task in range(tasks)}
    missing = sorted(wanted - {each.name for each in subject.folder.glob("done-*")})
    expect(
        not missing, f"not done{when}: stage-task {', '.join(name.removeprefix('done-') for name in missing)}"
    )


CHECKS = (
    Check("does each task once", runs_all_tasks),
    Check("keeps the order of the stages", keeps_the_order),
    Check("tells of a task that failed", tells_of_a_failure),
    Check("goes on after a failure", goes_on_after_a_failure),
    Check("cleans as the built-in one does", runs_a_cleaning),
)
