"""One run of Weights & Biases for each run of Brahma, through all its attempts; nothing asks for a login."""

from __future__ import annotations

import json
import logging
import os
import secrets
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

from brahma.core.errors import ConfigError
from brahma.core.runs import write_json

if TYPE_CHECKING:
    from brahma.core.config import Config
    from brahma.train.trackers import Row
    from brahma_wandb.options import WandbOptions

KEPT = "wandb.json"
"""In the run's folder: which run of theirs is this one."""

STEP = "step"
"""The x axis. Not wandb's own step, which may never go back, as that of a resumed run does."""

_PATIENCE = 30.0
"""Seconds that a server may take to answer; wandb's own are 90 and, at the end, as many as it likes."""

_STARTING = 300.0
"""Seconds that wandb's own process may take to start. With its own 30 a machine whose cores are busy would
train without its tracker."""

_log = logging.getLogger(__name__)


class WandbTracker:
    """Gives the configuration and each row to wandb, whose own process sends or stores them.

    Raises:
        ConfigError: online, and no API key is known.
        wandb.Error: the server does not answer, or refuses.
    """

    def __init__(self, run_directory: Path, config: Config, options: WandbOptions) -> None:
        os.environ.setdefault(
            "WANDB__SERVICE_WAIT", str(_STARTING)
        )  # read when wandb is first asked something
        import wandb

        mode = _mode(options.mode)
        self._online = mode == "online"
        self._run = wandb.init(
            project=options.project,
            entity=options.entity,
            group=options.group,
            tags=options.tags,
            name=run_directory.name,
            dir=run_directory,
            id=_identity(run_directory / KEPT),
            resume="allow",
            reinit="create_new",
            mode=mode,
            config=config.model_dump(mode="json", by_alias=True, exclude_none=True),
            settings=wandb.Settings(
                silent=True,
                console="off",
                init_timeout=_PATIENCE if self._online else _STARTING,
                login_timeout=_PATIENCE,
                save_code=False,
                x_disable_stats=True,  # Brahma's rows have the machine's use
            ),
        )
        self._run.define_metric("*", step_metric=STEP)

    def log(self, step: int, row: Row) -> None:
        """See `brahma.train.trackers.Tracker`."""
        values: dict[str, Any] = {
            key: value for key, value in row.items() if "/" in key and isinstance(value, int | float)
        }
        if values:
            self._run.log({STEP: step, **values})

    def close(self) -> None:
        """See `brahma.train.trackers.Tracker`. A server that is gone holds up the end for a bounded time."""
        if not self._online:
            self._run.finish()
            return
        ending = Thread(target=self._run.finish, daemon=True)
        ending.start()
        ending.join(_PATIENCE)
        if ending.is_alive():
            _log.warning(
                "wandb still uploads after %.0f s and is left: `wandb sync` sends the rest", _PATIENCE
            )


def _mode(asked: str) -> Literal["online", "offline", "disabled"]:
    """Which of wandb's modes.

    Raises:
        ConfigError: online, and no API key is known: wandb would ask for one at the terminal.
    """
    chosen = os.environ.get("WANDB_MODE", "") if asked == "auto" else asked
    if chosen in ("offline", "dryrun"):
        return "offline"
    if chosen == "disabled":
        return "disabled"
    if _key_is_known():
        return "online"
    if chosen != "online":
        return "offline"
    raise ConfigError(
        "wandb has no API key for this machine",
        where="training_config.trackers",
        why="the tracker wandb is to be online",
        hint='run `wandb login`, set WANDB_API_KEY, or set {"name": "wandb", "mode": "offline"}',
    )


def _key_is_known() -> bool:
    import wandb

    return wandb.login(prompt=False, verify=False)


def _identity(kept: Path) -> str:
    """The run's id among theirs: that of an earlier attempt, or a new one."""
    if kept.exists():
        return str(json.loads(kept.read_text(encoding="utf-8"))["id"])
    identity = secrets.token_hex(4)
    write_json(kept, {"id": identity})
    return identity
