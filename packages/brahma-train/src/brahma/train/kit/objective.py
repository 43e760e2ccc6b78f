"""What an objective of a search does, on a run of eight steps."""

from __future__ import annotations

import hashlib
import io
import math
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, cast

from brahma.core.errors import BrahmaError
from brahma.core.kit import Check, Subject, expect
from brahma.core.runs import Run
from brahma.core.spec import ModelSpec

_ROW = '{"text": "the ferry left the old harbour before dawn, and nobody on the quiet shore noticed it"}\n'


def gives_a_number(subject: Subject) -> None:
    """Finite, of a run that has trained and was evaluated."""
    found = _objective(subject)(_run(subject), subject.options)
    _expect_number(found, "of a finished run")
    expect(math.isfinite(found), f"of a finished run it gives {found}, which is not finite")


def gives_the_same_again(subject: Subject) -> None:
    """The run alone decides, also when it is opened anew or lies elsewhere."""
    run, objective = _run(subject), _objective(subject)
    first = objective(run, subject.options)
    moved = subject.folder / "elsewhere" / "runs" / run.name
    shutil.copytree(run.directory, moved)
    for where, other in (("again", run), ("opened anew", Run(run.directory)), ("moved", Run(moved))):
        found = objective(other, subject.options)
        same = found == first or (found != found and first != first)
        expect(same, f"it gives {first}, and {where} {found}")


def leaves_the_run_alone(subject: Subject) -> None:
    """Every file is as before, and none is new."""
    run = _run(subject)
    before = _files(run)
    _objective(subject)(run, subject.options)
    after = _files(run)
    changed = sorted({*before.items()} ^ {*after.items()})
    expect(not changed, f"it changes the run: {changed[0][0] if changed else ''}")


def takes_a_run_without_rows(subject: Subject) -> None:
    """Of a run that has only begun it gives a number or NaN, or says what is missing."""
    run = _run(subject)
    run.paths.metrics.write_bytes(b"")
    try:
        found = _objective(subject)(run, subject.options)
    except BrahmaError:
        return
    except Exception as error:
        expect(False, f"of a run without rows it raises {type(error).__name__}: {error}; wanted: NaN")
    _expect_number(found, "of a run without rows")


def _expect_number(found: object, where: str) -> None:
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    expect(is_number, f"{where} it gives {found!r}, no number")


def _objective(subject: Subject) -> Callable[[Run, Any], float]:
    return cast(Callable[[Run, Any], float], subject.load())


def _files(run: Run) -> dict[str, str]:
    """Path in the run's folder -> digest."""
    found = sorted(path for path in run.directory.rglob("*") if path.is_file())
    return {str(path.relative_to(run.directory)): _digest(path) for path in found}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(subject: Subject) -> Run:
    """A run that is finished: one layer, 32 wide, evaluated twice."""
    from brahma.train.trainer import Trainer

    data = subject.folder / "rows.jsonl"
    data.write_text(_ROW * 40)
    shape = {
        "num_hidden_layers": 1,
        "hidden_size": 32,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "tie_word_embeddings": True,
    }
    trainer = Trainer(
        ModelSpec.from_config(shape),
        data,
        validation=0.2,
        tokenizer={"train": {"vocab_size": 270}},
        seq_length=32,
        batch_size=1,
        max_steps=8,
        warmup_steps=0,
        logging_steps=1,
        evaluation_strategy="steps",
        eval_steps=4,
        trackers=[],
        output_dir=subject.folder,
    )
    with redirect_stderr(io.StringIO()):  # its display
        return trainer.fit()


CHECKS = (
    Check("gives a finite number", gives_a_number),
    Check("gives the same again", gives_the_same_again),
    Check("leaves the run as it is", leaves_the_run_alone),
    Check("takes a run without rows", takes_a_run_without_rows),
)
