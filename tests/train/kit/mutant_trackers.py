"""A tracker that does all it should, and others that each do one thing wrong."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any


class Right:
    """Appends rows to a file of its own."""

    def __init__(self, run_directory: Path, config: Any, options: None) -> None:
        self.path = run_directory / "rows.txt"
        self.rows = 0

    def log(self, step: int, row: dict[str, Any]) -> None:
        self.rows += 1
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def close(self) -> None:
        return None


class WantsSpeed(Right):
    def log(self, step: int, row: dict[str, Any]) -> None:
        if "rate/tokens_per_second" in row:
            raise ValueError("what is a rate?")


class WantsLoss(Right):
    def log(self, step: int, row: dict[str, Any]) -> None:
        row["train/loss"]


class WantsNumbers(Right):
    def log(self, step: int, row: dict[str, Any]) -> None:
        float(row.get("train/loss", 0.0))


class Takes(Right):
    def log(self, step: int, row: dict[str, Any]) -> None:
        row.pop("time")


class WantsRows(Right):
    def close(self) -> None:
        1 / self.rows


class WantsAscii(Right):
    def __init__(self, run_directory: Path, config: Any, options: None) -> None:
        super().__init__(run_directory, config, options)
        str(run_directory).encode("ascii")


class BeginsOnce(Right):
    def __init__(self, run_directory: Path, config: Any, options: None) -> None:
        super().__init__(run_directory, config, options)
        (run_directory / "begun").mkdir()


class Dawdles(Right):
    def log(self, step: int, row: dict[str, Any]) -> None:
        time.sleep(0.2 if step > 4 else 0.0)
