from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration import kill_and_resume as killing


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a short run with dropout, evaluation and frequent checkpoints, with its rows."""
    return killing.write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="session")
def whole(config: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What that run comes to when nothing stops it."""
    from brahma.core.config import load_config
    from brahma.train import Trainer

    output_dir = tmp_path_factory.mktemp("whole")
    Trainer.from_config(load_config(config, [f"output_dir={json.dumps(str(output_dir))}"])).fit()
    return killing.fingerprint(output_dir)
