"""datatrove's executors, silent in their workers: what they tell stands in the logs of the tasks."""

from __future__ import annotations

import os
from contextlib import redirect_stderr
from typing import Any

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.executor.ray import RayPipelineExecutor
from loguru import logger


class _Quiet:
    def _run_for_rank(self, *args: Any, **options: Any) -> Any:
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
            try:
                return super()._run_for_rank(*args, **options)  # type: ignore[misc]
            finally:
                logger.remove()  # datatrove has put its usual handler back, on what stderr was here


class QuietLocal(_Quiet, LocalPipelineExecutor):  # type: ignore[misc]  # datatrove has no types
    """Processes of this machine."""


class QuietRay(_Quiet, RayPipelineExecutor):  # type: ignore[misc]
    """Tasks of Ray."""
