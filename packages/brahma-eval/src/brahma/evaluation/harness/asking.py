"""The model as tasks ask it: through the store of responses, and loaded only if something is new."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from brahma.core.errors import DataError
from brahma.evaluation.harness.identity import identity_in_memory, identity_of_files
from brahma.evaluation.harness.language_model import BrahmaLM
from brahma.evaluation.harness.remembering import RememberingLM
from brahma.evaluation.harness.store import FILE, ResponseStore

if TYPE_CHECKING:
    from brahma.evaluation.evaluator import Evaluator
    from brahma.evaluation.harness.chat import HarnessChat
    from brahma.evaluation.harness.options import TaskOptions

_HASHES = "models.json"

_log = logging.getLogger(__name__)


@contextmanager
def asking(
    evaluator: Evaluator, options: TaskOptions, chat: HarnessChat | None = None
) -> Iterator[RememberingLM]:
    """The evaluator's model for lm-eval; the store is closed afterwards, whatever happens."""

    def make() -> BrahmaLM:
        return BrahmaLM(
            evaluator.model,
            evaluator.tokenizer,
            max_length=evaluator.asked_length,
            batch_size=options.batch_size,
            seed=options.seeds[2],
        )

    folder = _folder(options.cache)
    identity = _identity(evaluator, options, folder) if folder else None
    if folder is None or identity is None:
        yield RememberingLM(make, chat=chat)
        return
    with ResponseStore(folder / FILE) as store:
        yield RememberingLM(make, store, identity, chat)


def _folder(cache: bool | Path) -> Path | None:
    if isinstance(cache, bool):
        home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        return home / "brahma" / "evaluation" if cache else None
    return Path(cache).expanduser()


def _identity(evaluator: Evaluator, options: TaskOptions, folder: Path) -> str | None:
    """What the responses are kept under; None where it cannot be found out, which is said."""
    settings = {**evaluator.settings, "seed": options.seeds[2]}
    if evaluator.is_given:
        return identity_in_memory(evaluator.model, evaluator.tokenizer, **settings)
    try:
        return identity_of_files(evaluator.source, folder / _HASHES, **settings)
    except DataError as error:  # a full disk, no rights: the evaluation itself needs none of that
        _log.warning("responses are not kept: %s", error.why or error.message)
        return None
