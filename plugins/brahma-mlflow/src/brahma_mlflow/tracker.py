"""One MLflow run for each run of Brahma, through all its attempts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.runs import write_json

if TYPE_CHECKING:
    from brahma.core.config import Config
    from brahma.train.trackers import Row
    from brahma_mlflow.options import MlflowOptions

KEPT = "mlflow.json"
"""In the run's folder: which MLflow run is this one."""

_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # seconds; with 120 and 7 retries a training would wait for minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""What is asked of MLflow where the user's environment says nothing."""
_PARAMS_AT_ONCE, _LONGEST = 100, 500  # as servers accept them


class MlflowTracker:
    """Logs the configuration once, and each row by its step; a resumed run goes on in its MLflow run.

    Raises:
        MlflowException: the store does not answer, or refuses.
    """

    def __init__(self, run_directory: Path, config: Config, options: MlflowOptions) -> None:
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        from mlflow.entities import Metric
        from mlflow.tracking import MlflowClient

        self._metric = Metric
        self._uri = _uri(options.tracking_uri, config.output_dir)
        self._client = MlflowClient(tracking_uri=self._uri)
        self._run_id = self._earlier(run_directory / KEPT) or self._begin(
            run_directory, config, options.experiment
        )

    def log(self, step: int, row: Row) -> None:
        """See `brahma.train.trackers.Tracker`."""
        moment = int(1000 * row["time"])
        metrics = [self._metric(key, value, moment, step) for key, value in _numbers(row)]
        if metrics:
            self._client.log_batch(self._run_id, metrics=metrics)

    def close(self) -> None:
        """See `brahma.train.trackers.Tracker`."""
        self._client.set_terminated(self._run_id)

    def _earlier(self, kept: Path) -> str | None:
        """The MLflow run of an earlier attempt, running again; None without one in this store."""
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

        if not kept.exists():
            return None
        told = json.loads(kept.read_text(encoding="utf-8"))
        if told["tracking_uri"] != self._uri:
            return None
        try:
            self._client.update_run(told["run_id"], status="RUNNING")
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
            return None
        return str(told["run_id"])

    def _begin(self, run_directory: Path, config: Config, experiment: str) -> str:
        from mlflow.entities import Param

        found = self._client.get_experiment_by_name(experiment)
        number = found.experiment_id if found else self._client.create_experiment(experiment)
        run_id = str(self._client.create_run(number, run_name=run_directory.name).info.run_id)
        params = [
            Param(key, str(value)[:_LONGEST])
            for key, value in _leaves(config.model_dump(mode="json", by_alias=True, exclude_none=True))
        ]
        for first in range(0, len(params), _PARAMS_AT_ONCE):
            self._client.log_batch(run_id, params=params[first : first + _PARAMS_AT_ONCE])
        write_json(run_directory / KEPT, {"tracking_uri": self._uri, "run_id": run_id})
        return run_id


def _uri(asked: str | None, output_dir: str) -> str:
    return asked or os.environ.get("MLFLOW_TRACKING_URI") or (Path(output_dir).absolute() / "mlruns").as_uri()


def _numbers(row: Row) -> Iterator[tuple[str, float]]:
    for key, value in row.items():
        if "/" in key and isinstance(value, int | float):
            yield key, value


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and what stands there."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value
