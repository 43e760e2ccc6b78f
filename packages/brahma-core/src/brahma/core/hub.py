"""Where a model's files come from, asked once and quickly, before libraries wait and retry."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from brahma.core.error_text import first_line
from brahma.core.errors import ModelError

_PATIENCE = 5.0  # seconds; a library left to itself retries for half a minute
_LOCAL = "`brahma runs list` shows the runs here; a folder is written with a slash, as ./my-model"


def reachable_source(name: str | Path) -> str:
    """What libraries can load at once: a folder, a hub id that the hub has, or the copy in the hub's cache.

    Raises:
        ModelError: the hub has no such model, needs a login for it, or does not answer and no copy is here;
            or it is the folder of a run, whose models lie in its checkpoints.
    """
    folder = Path(name).expanduser()
    if not folder.exists():
        return _on_hub(str(name))
    if checkpoint := best_of_run(folder):
        raise ModelError(
            "this is a run, not a model", where=str(name), hint=f'its best one is "{checkpoint}"'
        )
    return str(folder)


@cache
def _on_hub(name: str) -> str:
    """The id, or the folder of the copy where nobody answers."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    try:
        HfApi().model_info(name, timeout=_PATIENCE)
    except HFValidationError as error:
        raise _refused(name, "it is no folder here, and cannot be a hub id") from error
    except GatedRepoError as error:
        raise _refused(name, "it is given only to those who asked", "`hf auth login` first") from error
    except RepositoryNotFoundError as error:
        raise _refused(name, "it is no folder here and no public model on the hub") from error
    except Exception as error:  # whatever the hub library's HTTP client raises when nobody answers
        if copy := _cached(name):
            return copy
        why = f"it is no folder here, and the hub cannot be asked ({first_line(error)})"
        raise _refused(name, why) from error
    return name


def _cached(name: str) -> str | None:
    """The folder of the model, or of a tokenizer alone, in the hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(name, file) for file in ("config.json", "tokenizer.json"))
    return next((str(Path(path).parent) for path in found if isinstance(path, str)), None)


def best_of_run(folder: Path) -> str | None:
    """The checkpoint to take where a folder is a run's, and has one."""
    from brahma.core.runs import Run

    run = Run(folder)
    return str(run.best) if run.paths.read_state() is not None and run.checkpoints else None


def _refused(name: str, why: str, hint: str | None = None) -> ModelError:
    if hint is None:
        checkpoint = best_of_run(Path("runs", name))
        hint = f'the best model of the run of that name is "{checkpoint}"' if checkpoint else _LOCAL
    return ModelError("there is no such model", where=name, why=why, hint=hint)
